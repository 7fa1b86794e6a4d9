"""Real comparisons on the machine at hand: how often does the verdict err?

    python -m resnext_bench.lab.campaigns.verdicts [aa=50] [slower-2=20] [slower-5=20] [--json FILE]

A small network (`small_worker`) on one rank trains as both sides of a duet (the shipped `compare`,
its budget and its looks); in `slower-N` side b loses N % of each step. With --json every finished
comparison is kept in FILE, and a campaign that was cut goes on from there. Cases are taken in turn,
so that they meet the same hours of the machine. Started under `taskset`, it leaves the other cores
to other work; each comparison says how many it had.
"""

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resnext_bench.lab.campaigns.slowed_worker import SHARE_VARIABLE
from resnext_bench.lab.kept import (
    Kept,
    count_by_case,
    hardware,
    parser_for,
    read_same,
    revision,
    store,
    today,
    versions,
)
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.comparison import Comparison, Limits
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.stats.looks import plan_looks
from resnext_bench.reports.stats.verdict import Effects, decide
from resnext_bench.session.compare.opening import Asked, compare

WORKER = "resnext_bench.lab.campaigns.small_worker"
SLOWED_WORKER = "resnext_bench.lab.campaigns.slowed_worker"
SMALL: Request = {
    "model": "resnext14_4x4d",
    "image_size": 32,
    "batch_size": 4,
    "amp": True,
    "device": "cpu",
    "nodes": 1,
    "nproc_per_node": 1,
    "pipeline": "synthetic",
    "warm_up": 10,
    "threads": 1,
}
LIMITS = Limits(
    margin_percent=2, max_sessions=26, max_minutes=12, pairs=10, more_pairs=True, block_steps=10
)
CASES = {"aa": 0.0, "slower-0": 1e-9, "slower-2": 0.02, "slower-5": 0.05}
"""Share of each step that side b loses, by case. In `slower-0` it loses next to nothing, which
shows the cost of the losing itself."""
WANTED = ("aa=50", "slower-2=20", "slower-5=20")


class Silent:
    """Shows nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def duet(a: Request, b: Request, limits: Limits, modules: tuple[str, str]) -> Comparison:
    """Return one comparison in its own folder; `modules` are what the ranks of each side run."""
    with tempfile.TemporaryDirectory(prefix="duet-") as folder:
        asked = Asked(
            a=a,
            b=b,
            given=("", ""),
            design="duet",
            limits=limits,
            root=Path(folder),
            command=(),
            modules=modules,
        )
        return compare(asked, inspect(), Silent())


def compared(share: float, limits: Limits = LIMITS) -> Comparison:
    """Return one comparison in which side b loses `share` of each step."""
    os.environ[SHARE_VARIABLE] = str(share)
    return duet(SMALL, SMALL, limits, (WORKER, SLOWED_WORKER if share else WORKER))


def main() -> None:
    """Measure what is still missing, cases in turn, and print the verdicts."""
    options = _options()
    facts = _facts()
    kept = read_same(options.json, facts) or facts | {"comparisons": {}}
    wanted = count_by_case(options.cases)
    found = {case: kept["comparisons"].setdefault(case, []) for case in wanted}
    while case := next_case(wanted, found):
        found[case].append(_row(compared(CASES[case])))
        print(case, len(found[case]), found[case][-1], flush=True)
        kept["counts"] = _counted(kept, "verdict")
        store(options.json, kept)
    for rows in kept["comparisons"].values():
        for row in rows:
            row["by_the_median_step"] = judged_by_median(row["effects"])
    kept["counts"] = _counted(kept, "verdict")
    kept["counts_by_the_median_step"] = _counted(kept, "by_the_median_step")
    store(options.json, kept)
    print(json.dumps({one: kept[one] for one in kept if one.startswith("counts")}, indent=1))


def _counted(kept: Kept, word: str) -> dict[str, dict[str, int]]:
    return {
        name: dict(Counter(row[word] for row in rows)) for name, rows in kept["comparisons"].items()
    }


def judged_by_median(effects: Sequence[Sequence[float]]) -> str:
    """Return the word that the same sessions get from the median step alone, the rule before.

    `effects` [sessions, 2] as they are kept. It ends at the first look that can tell; sessions that
    were not taken, as the comparison had ended, cannot be asked.
    """
    looks = plan_looks(LIMITS.max_sessions)
    total, middle = np.array(effects, dtype=float).reshape(-1, 2).T
    word = "can't tell"
    for look, count in enumerate(looks.sessions):
        if count > len(total) or word != "can't tell":
            break
        found = Effects(total=total[:count], middle=middle[:count])
        word = decide(found, looks=looks, look=look, margin=LIMITS.margin_percent / 100).middle_word
    return word


def next_case(wanted: dict[str, int], found: dict[str, list[Any]]) -> str | None:
    """Return the case of which the smallest share is done; None when all are done.

    Invalid comparisons are listed but not counted: other work on the machine spoiled them.
    """
    done = {case: sum(row["verdict"] != "invalid" for row in found[case]) for case in wanted}
    shares = {case: done[case] / n for case, n in wanted.items() if n}
    case = min(shares, key=lambda case: shares[case], default=None)
    return None if case is None or shares[case] >= 1 else case


def change_of(record: Comparison) -> dict[str, float | None]:
    """Return the change in % with its interval; None where there is none."""
    change = record.change
    return {
        "percent": round(change.percent, 3) if change else None,
        "low": round(change.low_percent, 3) if change else None,
        "high": round(change.high_percent, 3) if change else None,
    }


def _row(record: Comparison) -> dict[str, object]:
    return {
        "verdict": record.verdict or record.status,
        "cores": len(os.sched_getaffinity(0)),
        "why": record.why,
        "sessions": len(record.pairs),
        **change_of(record),
        "detectable": round(record.detectable_percent, 3) if record.detectable_percent else None,
        "step_ms": [round(side, 3) for side in record.step_ms] if record.step_ms else None,
        "quiet": max((pair.quiet_percent or 0.0 for pair in record.pairs), default=None),
        "carried_by": record.carried_by,
        "middle": round(record.middle.percent, 3) if record.middle else None,
        # What each session counts with, so that another rule can judge the same sessions.
        "effects": [
            [round(pair.log_ratio, 6), round(pair.middle_log_ratio or 0.0, 6)]
            for pair in record.pairs
            if not pair.invalid
        ],
        "blocks": sum(len(pair.blocks_ms) for pair in record.pairs),
        "minutes": round(record.duration_s / 60, 1),
        "revision": revision(),
    }


def _options() -> argparse.Namespace:
    parser = parser_for("campaigns.verdicts", __doc__)
    parser.add_argument("cases", nargs="*", default=list(WANTED), metavar="CASE=N")
    return parser.parse_args()


def _facts() -> Kept:
    return {
        "what": "verdicts of compare (duet) on one rank; slower-N: side b loses N % of each step; "
        "effects: log ratios of all steps together and of the median step, by session",
        "date": today(),
        "hardware": hardware(whole=True),
        "versions": versions("resnext-bench", "torch", "numpy", "scipy"),
        "seed": 0,
        "request": SMALL,
        "sessions": LIMITS.max_sessions,
        "minutes": LIMITS.max_minutes,
        "least_blocks": LIMITS.pairs,
        "block_steps": LIMITS.block_steps,
        "margin_percent": LIMITS.margin_percent,
    }


if __name__ == "__main__":
    main()
