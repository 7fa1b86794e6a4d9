"""What the harness costs, and what it can show: fidelity, monitor, a duet, two nodes, DALI.

Profilers are not here: the part `kernels` times each model before it profiles it.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from resnext_bench.lab.bench.fidelity import session_pairs
from resnext_bench.lab.bench.monitor import own_cost
from resnext_bench.lab.bench.plan import Plan
from resnext_bench.lab.visit.program import recorded
from resnext_bench.lab.visit.sizes import Kind
from resnext_bench.lab.visit.tasks import Box, Findings, Planned, Skip, rounded
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.config import Request

ROOMS_S: Final = {
    "fidelity": (45, 8),
    "monitor": (5, 1),
    "nodes": (30, 15),
    "duet": (60, 15),
    "dali": (35, 16),
}
"""Seconds that tasks are expected to need, in full and in miniature."""
LAUNCH_S: Final = 12.0
"""Seconds of the box that a comparison leaves, as a session that was begun is finished."""
FEWEST: Final = 1
"""Number of sessions of a comparison beyond that of the sizes, as a single one has no scatter."""
PLANS: Final = {"cuda": Plan(pairs=12, steps=20), "cpu": Plan(pairs=2, steps=2)}
LARGE: Final[Request] = {"model": "resnext50_32x4d", "image_size": 224, "batch_size": 128}
"""A step as in users' training; in the other case it is so small that the host takes the time."""
LIGHT: Final[dict[Kind, tuple[str, ...]]] = {
    "cuda": ("--model", "resnext50_32x4d", "--batch-size", "64"),
    "cpu": ("--model", "resnext14_4x4d", "--image-size", "32", "--batch-size", "2"),
}
STEPS: Final[dict[Kind, tuple[str, ...]]] = {
    "cuda": ("--warm-up", "10", "--steps", "60"),
    "cpu": ("--warm-up", "2", "--steps", "8"),
}
KEPT: Final = (
    *("id", "kind", "status", "verdict", "why", "change", "pairs", "step_ms", "images", "ended"),
    *("figures", "notes", "cost", "duration_s"),
)
"""Fields of a record that are stored; configuration and machine are the kit's own."""


def tasks(box: Box) -> list[Planned]:
    """Return the tasks in order of value."""

    def planned(key: str, run: Callable[[Findings], None]) -> Planned:
        return Planned(key=key, run=run, room_s=box.room_s(*ROOMS_S[key.partition("/")[0]]))

    cases: dict[str, Request] = {"small": {}}
    if box.kind == "cuda":
        cases["large"] = LARGE
    return [
        *(
            planned(f"fidelity/{case}", partial(_fidelity, over, box))
            for case, over in cases.items()
        ),
        planned("monitor", _monitor),
        planned("nodes", partial(_nodes, box)),
        planned("duet", partial(_duet, box)),
        planned("dali/mixed", partial(_dali, "mixed", box)),
        planned("dali/cpu", partial(_dali, "cpu", box)),
    ]


def _fidelity(over: Request, box: Box, findings: Findings) -> None:
    """Time the shipped loop beside a hand-written one, in one process for each launch."""
    plan = PLANS[box.kind]
    findings.found |= {"steps": plan.steps, "pairs": plan.pairs, "sessions": []}
    longest = 0.0
    while len(findings.found["sessions"]) < box.sizes.sessions:
        before = box.left_s
        if longest > before:
            findings.found["cut"] = True
            return
        pairs = session_pairs("synthetic-1", plan, {**over, "device": box.kind})
        findings.found["sessions"].append(rounded(pairs))
        findings.keep()
        longest = max(longest, before - box.left_s)


def _monitor(findings: Findings) -> None:
    """Measure the CPU time of the watch during a run; without a driver, one is simulated."""
    source, cost = own_cost()
    cores = inspect().usable_cores
    findings.found |= {
        "core_percent": cost.core_percent,
        "gpus": cost.gpus,
        "source": source,
        "cores": cores,
    }


def _nodes(box: Box, findings: Findings) -> None:
    """Run two emulated nodes on the one GPU: it shows that they work, not how they scale."""
    options = ("--nodes", "2", "--nproc-per-node", "1", "--amp", "--pipeline", "synthetic")
    findings.found["record"] = _short(
        recorded("run", *options, *_device(box), *LIGHT[box.kind], *STEPS[box.kind], box=box)
    )


def _dali(decode: str, box: Box, findings: Findings) -> None:
    """Train with DALI on JPEGs of the made set, decoded on the CPU or also by the GPU."""
    if find_spec("nvidia.dali") is None:
        raise Skip("DALI is not installed")
    if decode == "mixed" and box.kind == "cpu":
        raise Skip("decoders of a GPU, and this is none")
    options = ("--nodes", "1", "--amp", "--pipeline", "dali", "--decode", decode)
    record = _short(
        recorded("run", *options, *_device(box), *LIGHT[box.kind], *STEPS[box.kind], box=box)
    )
    findings.found["record"] = record


def _duet(box: Box, findings: Findings) -> None:
    """Compare a thing with itself: what `compare` can show here in so much time."""
    both = " ".join((*LIGHT[box.kind], "--pipeline", "synthetic", "--amp", *_device(box)))
    minutes = max(0.1, (box.left_s - LAUNCH_S) / 60)
    limits = ("--max-minutes", f"{minutes:.2f}", "--max-sessions", str(FEWEST + box.sizes.sessions))
    more = () if box.kind == "cuda" else ("--blocks", "4", "--block-steps", "2")
    findings.found["record"] = _short(
        recorded("compare", "--both", both, "--a", "", "--b", "", *limits, *more, box=box)
    )


def _device(box: Box) -> tuple[str, ...]:
    return ("--device", box.kind)


def _short(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in KEPT if name in record}
