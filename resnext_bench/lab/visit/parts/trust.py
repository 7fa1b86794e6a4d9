"""What the harness costs, and what it can tell: fidelity, monitor, a duet, two nodes, DALI.

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
"""What tasks are taken to need, in full and in miniature."""
LAUNCH_S: Final = 12.0
"""Of the box that a comparison leaves: a session that was begun is ended."""
FEWEST: Final = 1
"""Sessions of a comparison beside those of the sizes: one has no scatter."""
PLANS: Final = {"cuda": Plan(pairs=12, steps=20), "cpu": Plan(pairs=2, steps=2)}
LARGE: Final[Request] = {"model": "resnext50_32x4d", "image_size": 224, "batch_size": 128}
"""A step as users train; the other case is one so small that the host is what takes its time."""
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
"""Of a record; configuration and machine are the kit's own."""


def tasks(box: Box) -> list[Planned]:
    """In order of value."""

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
    """The shipped loop beside one by hand, in one process each launch."""
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
    """CPU time of the watch beside a run; a made driver answers where there is none."""
    source, cost = own_cost()
    cores = inspect().usable_cores
    findings.found |= {
        "core_percent": cost.core_percent,
        "gpus": cost.gpus,
        "source": source,
        "cores": cores,
    }


def _nodes(box: Box, findings: Findings) -> None:
    """Two emulated nodes, which share the one GPU: that it works, and no scaling."""
    options = ("--nodes", "2", "--nproc-per-node", "1", "--amp", "--pipeline", "synthetic")
    findings.found["record"] = _short(
        recorded("run", *options, *_device(box), *LIGHT[box.kind], *STEPS[box.kind], box=box)
    )


def _dali(decode: str, box: Box, findings: Findings) -> None:
    """Training fed by DALI with JPEGs of the made set, decoded on the CPU or by the GPU too."""
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
    """A thing against itself: what `compare` can tell here in so much time."""
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
