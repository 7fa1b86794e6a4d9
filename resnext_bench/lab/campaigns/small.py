"""The shipped resident worker around a network small enough for many blocks a second.

One block of ResNeXt between stem and classifier takes 4 ms a step where fourteen layers take 30, so
that ten steps are short beside the bursts of a shared machine, and many blocks fit into a session.
"""

from resnext_bench.resnext.spec import Form, ResNeXtSpec
from resnext_bench.worker import training
from resnext_bench.worker.clock import HostClock
from resnext_bench.worker.entry import Rank, enter
from resnext_bench.worker.resident import run_rank


def run_small(rank: Rank, clock: HostClock | None = None) -> None:
    training.formed = small
    run_rank(rank, clock)


def small(name: str, form: Form, classes: int) -> ResNeXtSpec:
    """One stage of one block, whatever was asked for."""
    return ResNeXtSpec(name=name, blocks=(1,), cardinality=8, width=4, form=form, classes=classes)


if __name__ == "__main__":
    enter("resnext_bench.lab.campaigns.small:run_small")
