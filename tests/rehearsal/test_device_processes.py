"""Plans that break their process, and the program that goes on without them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from resnext_bench.convs.measuring.device_child import serve
from resnext_bench.convs.measuring.plans import Broken
from resnext_bench.convs.plans.record import Order
from resnext_bench.convs.problems import Asked
from resnext_bench.convs.times.device_jobs import Begun, Done, Job, Message, Unable
from resnext_bench.convs.times.device_process import Ended, started
from resnext_bench.convs.times.device_record import timed_on_device
from resnext_bench.convs.times.device_timing import MOST_PROCESSES, Orders, Start, time_on_device
from resnext_bench.errors import CannotHere, Interrupted
from resnext_bench.reports.render.convs_on_device import sections
from resnext_bench.reports.render.model import Line, Table
from resnext_bench.reports.schema.convs import WRONG, Convolution, Convs, PlannedDevice
from resnext_bench.resnext.convolutions import Operation
from tests.convs.frontend import scripted
from tests.machine.made_machines import made_machine
from tests.rehearsal.fake_steps import settings_kept
from tests.rehearsal.made_cudnn import BREAKS, RIGHT, Log, MadeCudnn, MadeDevice
from tests.rehearsal.test_plans import CONV, nothing_is_slow

pytestmark = pytest.mark.rehearsal
__all__ = ["nothing_is_slow", "scripted"]
ORDERS = Orders(rounds=4, block_s=0.0001, repeats=2)
Told = list[tuple[str, int, int]]


def here(library: MadeCudnn, log: Log) -> Start:
    """The process as a call in this one."""

    @contextmanager
    def start(job: Job) -> Iterator[Iterator[Message | None]]:
        def messages() -> Iterator[Message | None]:
            log.broken, said = False, list[Message]()
            try:
                with settings_kept():
                    serve(job, said.append, MadeDevice(log), library, copied=2**16)
            except Broken as broken:
                yield from said
                raise Ended(str(broken)) from broken
            yield None
            yield from said

        yield messages()

    return start


@pytest.mark.system
def test_a_plan_that_crashes_its_process_is_left_out_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = str(Path(__file__).parent.parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    monkeypatch.setenv("PYTHONPATH", path)
    told: Told = []
    begun, (one,) = time_on_device(
        [(CONV, "forward")],
        ORDERS,
        lambda *what: told.append(what),
        partial(started, module="tests.rehearsal.made_device_child"),
    )
    assert begun.device == "cpu"
    assert begun.copy_bytes_per_s
    assert told[-1][1:] == (1, 1)
    assert one.found, one.why
    first, crashing, last = one.found.plans
    assert [fault.kind for fault in crashing.times.faults] == ["broke"]
    assert not crashing.times.samples_us
    assert len(first.times.samples_us) == len(last.times.samples_us) == ORDERS.rounds


def test_an_error_that_the_device_does_not_survive_costs_one_process() -> None:
    log = Log()
    library = MadeCudnn(log, (RIGHT[0], BREAKS, RIGHT[1]))
    asked: list[tuple[Convolution, Operation]] = [(CONV, "forward"), (CONV, "weight gradient")]
    _, found = time_on_device(asked, ORDERS, lambda *_: None, here(library, log))
    assert len(log.of("create_handle")) == 1 + len(asked)
    for one in found:
        assert one.found, one.why
        assert [[f.kind for f in plan.times.faults] for plan in one.found.plans] == [
            *([], ["broke"], [])
        ]


def test_a_problem_that_ends_its_process_outside_of_plans_is_given_up() -> None:
    @contextmanager
    def start(job: Job) -> Iterator[Iterator[Message | None]]:
        def messages() -> Iterator[Message | None]:
            yield BEGUN
            raise Ended("no room")

        yield messages()

    _, found = time_on_device([(CONV, "forward")] * 2, ORDERS, lambda *_: None, start)
    assert [(one.found, one.why) for one in found] == [(None, "no room")] * 2


def test_a_death_between_problems_costs_the_next_one_alone() -> None:
    """The process ends after the first problem is done, before it names a plan of the second."""
    log = Log()
    whole = here(MadeCudnn(log), log)

    @contextmanager
    def start(job: Job) -> Iterator[Iterator[Message | None]]:
        def cut(messages: Iterator[Message | None]) -> Iterator[Message | None]:
            for message in messages:
                yield message
                if isinstance(message, Done):
                    raise Ended("killed")

        with whole(job) as messages:
            yield cut(messages)

    asked: list[tuple[Convolution, Operation]] = [(CONV, "forward"), (CONV, "input gradient")]
    _, (first, second) = time_on_device(asked, ORDERS, lambda *_: None, start)
    assert first.found, first.why
    assert second.why == "killed"


def test_a_device_that_always_breaks_is_given_up() -> None:
    @contextmanager
    def start(job: Job) -> Iterator[Iterator[Message | None]]:
        def messages() -> Iterator[Message | None]:
            yield BEGUN
            raise Ended("gone")

        yield messages()

    asked: list[tuple[Convolution, Operation]] = [(CONV, "forward")] * (MOST_PROCESSES + 1)
    _, found = time_on_device(asked, ORDERS, lambda *_: None, start)
    assert f"{MOST_PROCESSES} processes ended: gone" in found[-1].why


BEGUN = Begun(
    device="NVIDIA H200", cache_bytes=0, copy_bytes_per_s=None, torch="", cudnn=0, frontend=""
)


def test_nothing_here_is_one_line() -> None:
    @contextmanager
    def start(job: Job) -> Iterator[Iterator[Message | None]]:
        yield iter([Unable(why="torch finds no CUDA GPU")])

    with pytest.raises(CannotHere, match=r"^--device cuda: torch finds no CUDA GPU; --device cpu"):
        time_on_device([(CONV, "forward")], ORDERS, lambda *_: None, start)


def ordered() -> Order:
    fields: dict[str, int | str | list[int]] = {"deviceVer": 900}
    return Order(
        model="",
        asked=[Asked(convolution=CONV)],
        device=PlannedDevice(name="made", source="this machine", fields=fields),
        benchmark_limit=10,
        deterministic=False,
        command=(),
    )


PLANNED = ("eng22_k2=5", "eng23_k2=1", "eng6", "eng5_k2=1", "eng7", "eng0")
"""Plans of the planner's script."""


def test_what_is_planned_and_what_is_timed_are_one_record(scripted: pytest.MonkeyPatch) -> None:
    """Plans are found again by their tags; PyTorch's choice by its kernels."""
    log = Log()
    library = MadeCudnn(log, (*PLANNED, "eng6_wrong"))
    record = timed_on_device(
        ordered(),
        ORDERS,
        "",
        made_machine(cores=2),
        lambda *_: None,
        here(library, log),
    )
    assert record.status == "ok"
    for problem in record.problems:
        assert [plan.tag for plan in problem.plans] == [*PLANNED, "eng6_wrong"]
        first, wrong = problem.plans[0], problem.plans[-1]
        assert first.notes == ("tensor_core",)
        assert len(first.samples_us) == ORDERS.rounds
        assert first.kernel == "kernel of eng22"
        assert WRONG in wrong.notes
        assert not wrong.samples_us
    rendered = list(sections(record))
    assert [type(one) for one in rendered].count(Table) == len(record.problems)
    headline = rendered[0]
    assert isinstance(headline, Line)
    assert "PyTorch took" in str(headline.text)


def test_ctrl_c_keeps_the_problems_that_are_done(scripted: pytest.MonkeyPatch) -> None:
    log = Log()
    whole = here(MadeCudnn(log, PLANNED), log)

    @contextmanager
    def start(job: Job) -> Iterator[Iterator[Message | None]]:
        def cut(messages: Iterator[Message | None]) -> Iterator[Message | None]:
            for message in messages:
                yield message
                if isinstance(message, Done):
                    raise KeyboardInterrupt

        with whole(job) as messages:
            yield cut(messages)

    with pytest.raises(Interrupted) as end:
        timed_on_device(ordered(), ORDERS, "", made_machine(cores=2), lambda *_: None, start)
    record = end.value.record
    assert isinstance(record, Convs)
    assert (record.status, record.why) == ("interrupted", "after 1 of 3 problems")
    first, *others = record.problems
    assert all(len(plan.samples_us) == ORDERS.rounds for plan in first.plans)
    assert first.choices
    for one in others:
        assert one.why == "interrupted before it was timed"
        assert [plan.tag for plan in one.plans] == list(PLANNED)


def test_ctrl_c_before_anything_is_timed_leaves_no_record(scripted: pytest.MonkeyPatch) -> None:
    @contextmanager
    def start(job: Job) -> Iterator[Iterator[Message | None]]:
        def messages() -> Iterator[Message | None]:
            yield BEGUN
            raise KeyboardInterrupt

        yield messages()

    with pytest.raises(Interrupted) as end:
        timed_on_device(ordered(), ORDERS, "", made_machine(cores=2), lambda *_: None, start)
    assert end.value.record is None
