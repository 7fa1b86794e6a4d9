"""The launchers that start the ranks of a node: each is one entry, its call and what it reports."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resnext_bench.reports.schema.choices import Launcher as Word
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.topology import Place, Topology

LOOPBACK: Final = "127.0.0.1"
"""The address where ranks meet that one program starts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """One node that is to be started."""

    config: RunConfig
    topology: Topology
    node: int
    run_id: str
    port: int
    """The port at this host's loopback address where all nodes meet."""


def _alone(start: Start) -> tuple[str, ...]:
    """Start the worker itself."""
    return ()


def _torchrun(start: Start) -> tuple[str, ...]:
    return (
        *("-m", "torch.distributed.run"),
        *("--nnodes", str(start.config.nodes)),
        *("--nproc-per-node", str(start.config.nproc_per_node)),
        *("--rdzv-backend", "c10d"),
        *("--rdzv-endpoint", f"{LOOPBACK}:{start.port}"),
        *("--rdzv-id", start.run_id),
        *("--rdzv-conf", f"is_host={int(start.node == 0)},join_timeout=120"),
        *("--local-addr", LOOPBACK),
        *("--max-restarts", "0"),
        # The agent wakes this often beside the measurement; its default is ten times a second.
        *("--monitor-interval", "1"),
    )


def _deepspeed(start: Start) -> tuple[str, ...]:
    """Call DeepSpeed's launcher on one node, and name the GPUs, as it numbers them itself."""
    gpus = gpus_of(start.topology.places)
    ranks = ("--include", f"localhost:{','.join(gpus)}")
    return (
        *("-m", "deepspeed.launcher.runner"),
        # Where a cluster's file lies at its usual place, it would train there.
        *("--hostfile", os.devnull),
        *(ranks if gpus else ("--num_gpus", str(start.config.nproc_per_node))),
        *("--master_addr", LOOPBACK, "--master_port", str(start.port)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Launcher:
    """How ranks are started, and what is known about how they end."""

    title: str
    """The launcher's name in messages."""
    arguments: Callable[[Start], tuple[str, ...]] = _alone
    """Arguments of Python, before the module that ranks run."""
    module_flag: str = "-m"
    """The flag before that module."""
    is_direct: bool = False
    """Whether the program itself starts the one rank that it watches."""
    ends: re.Pattern[str] | None = None
    """How it reports each process that ended with an error, with groups for `rank` (which may be
    missing), `code` and `pid`; None where it does not report each."""
    first_end: re.Pattern[str] | None = None
    """How it reports the first such process alone, with a group for its `code`, where it does not
    say which rank that was."""

    @property
    def tells_ends(self) -> bool:
        """Whether a rank that it does not mention ended without an error."""
        return self.ends is not None


LAUNCHERS: Final[dict[Word, Launcher]] = {
    "direct": Launcher(title="the program", is_direct=True),
    "joined": Launcher(title="its launcher", is_direct=True),
    "torchrun": Launcher(
        title="torchrun",
        arguments=_torchrun,
        ends=re.compile(
            r"(?:rank\s*:\s*(?P<rank>\d+)(?: \(local_rank: \d+\))?\s+)?"
            r"exitcode\s*:\s*(?P<code>-?\d+)\s*\(pid:\s*(?P<pid>\d+)\)"
        ),
    ),
    "deepspeed": Launcher(
        title="DeepSpeed's launcher",
        arguments=_deepspeed,
        module_flag="--module",
        first_end=re.compile(r"exits with return code = (?P<code>\d+)"),
    ),
}
"""Launchers by their name in a resolved configuration; `config/ranks.py` checks what they need."""


def gpus_of(places: tuple[Place, ...]) -> list[str]:
    """Return GPUs for CUDA_VISIBLE_DEVICES, named as the caller's own variable names them.

    Slices have no number. A node's ranks get the names of all of theirs, and each takes its own.
    """
    if alone := [place.alone for place in places if place.alone]:
        return list(dict.fromkeys(alone))
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    indices = dict.fromkeys(place.device.partition(":")[2] for place in places)
    return [named[int(i)] if named != [""] else i for i in indices if i]
