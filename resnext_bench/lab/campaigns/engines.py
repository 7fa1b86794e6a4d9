"""The cost of each engine: one `compare` against DDP each, by the shipped duets.

    python -m resnext_bench.lab.campaigns.engines [CASE ...] [--json FILE]

Prints a table for the docs. With --json every finished comparison is stored in FILE, and what is
there already is not measured again.
"""

import os
from typing import Any, Final

from resnext_bench.lab.campaigns.verdicts import change_of, duet
from resnext_bench.lab.kept import (
    Kept,
    hardware,
    parser_for,
    read,
    revision,
    store,
    today,
    versions,
)
from resnext_bench.reports.schema.comparison import Comparison, Limits
from resnext_bench.reports.schema.config import Request
from resnext_bench.session.turns.residents import WORKER

BASE: Final[Request] = {
    "model": "resnext26_32x4d",
    "image_size": 64,
    "batch_size": 8,
    "device": "cpu",
    "nodes": 1,
    "nproc_per_node": 2,
    "pipeline": "synthetic",
    "warm_up": 10,
    "threads": 1,
}
ALONE: Final[Request] = {"nproc_per_node": 1}
CASES: Final[dict[str, tuple[Request, Request]]] = {
    "DDP of one rank, over no engine": (ALONE | {"engine": "none"}, ALONE | {"engine": "ddp"}),
    "DDP in bf16, over fp32": ({}, {"amp": True}),
    "DeepSpeed, ZeRO 0, over DDP": ({}, {"engine": "deepspeed", "zero_stage": 0}),
    "DeepSpeed, ZeRO 1, over DDP": ({}, {"engine": "deepspeed", "zero_stage": 1}),
    "DeepSpeed, ZeRO 2, over DDP": ({}, {"engine": "deepspeed", "zero_stage": 2}),
    "DeepSpeed, ZeRO 0, over DDP, both bf16": (
        {"amp": True},
        {"amp": True, "engine": "deepspeed", "zero_stage": 0},
    ),
}
LIMITS: Final = Limits(
    margin_percent=2, max_sessions=10, max_minutes=3, pairs=10, more_pairs=True, block_steps=0
)


def main() -> None:
    """Measure the comparisons that are still missing, and print the table."""
    parser = parser_for("campaigns.engines", __doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    kept = read(options.json) or _nothing_yet()
    for case in options.cases or CASES:
        if case in kept["comparisons"]:
            continue
        kept["comparisons"][case] = _row(_duet(case))
        print(case, kept["comparisons"][case], flush=True)
        store(options.json, kept)
    print(table(kept["comparisons"]))


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return Markdown with a line for each comparison."""
    head = "| | verdict | a step takes | interval | images/s, a to b | sessions |\n"
    head += "|---|---|---|---|---|---|\n"
    return head + "\n".join(_line(case, row) for case, row in rows.items())


def _line(case: str, row: dict[str, Any]) -> str:
    if row["percent"] is None:
        return f"| {case} | {row['verdict']}: {row['why']} | | | | {row['sessions']} |"
    rates = " to ".join(f"{rate:.1f}" for rate in row["images_per_s"])
    return (
        f"| {case} | {row['verdict']} | {row['percent']:+.1f} % | {row['low']:+.1f} to "
        f"{row['high']:+.1f} % | {rates} | {row['sessions']} |"
    )


def _duet(case: str) -> Comparison:
    a, b = CASES[case]
    return duet(BASE | a, BASE | b, LIMITS, (WORKER, WORKER))


def _row(record: Comparison) -> dict[str, Any]:
    images = record.images or (0, 0)
    steps = record.step_ms or (0.0, 0.0)
    return {
        "verdict": record.verdict or record.status,
        "why": record.why,
        "sessions": len(record.pairs),
        **change_of(record),
        "images_per_s": [
            round(1e3 * image / step, 1) if step else None
            for image, step in zip(images, steps, strict=True)
        ],
        "quiet_percent": max((pair.quiet_percent or 0.0 for pair in record.pairs), default=None),
        "minutes": round(record.duration_s / 60, 1),
        "cores": len(os.sched_getaffinity(0)),
        "revision": revision(),
        "date": today(),
    }


def _nothing_yet() -> Kept:
    return {
        "what": "engines against DDP by compare (duet), two ranks; b over a, time of a step",
        "hardware": hardware(whole=True),
        "versions": versions("resnext-bench", "torch", "deepspeed", "numpy", "scipy"),
        "seed": 0,
        "request": BASE,
        "sessions": LIMITS.max_sessions,
        "minutes": LIMITS.max_minutes,
        "margin_percent": LIMITS.margin_percent,
        "comparisons": {},
    }


if __name__ == "__main__":
    main()
