"""Forms and equal-complexity variants of ResNeXt-50, all in one interleaved comparison.

    python -m resnext_bench.lab.campaigns.variants [--sessions N] [--json FILE]

All networks stay resident and take turns, a block of steps each, forth and back; a launch of all is
one observation. With --json every finished session is kept, and a campaign that was cut goes on.
Prints the table of docs/architectures.md.
"""

import argparse
import math
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from resnext_bench.lab.kept import (
    Kept,
    hardware,
    parser_for,
    read,
    revision,
    store,
    this_second,
    versions,
)
from resnext_bench.lab.networks import multiply_adds, training_flops
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.figures.validity import GpuUse, judge
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.reports.stats.effects import t_interval, to_percent
from resnext_bench.resnext.names import parse
from resnext_bench.session.setup import set_up
from resnext_bench.session.turns.rounds import play_rounds

BASE: Final[Request] = {
    "image_size": 128,
    "batch_size": 8,
    "amp": True,
    "device": "cpu",
    "nodes": 1,
    "nproc_per_node": 1,
    "pipeline": "synthetic",
    "warm_up": 10,
}
SIDES: Final[tuple[Request, ...]] = (
    {"model": "resnet50"},
    {"model": "resnext50_2x40d"},
    {"model": "resnext50_4x24d"},
    {"model": "resnext50_8x14d"},
    {"model": "resnext50_32x4d"},
    {"model": "resnext50_32x4d", "form": "b"},
    {"model": "resnext50_32x4d", "form": "a"},
)
"""Networks that take turns; all are compared with the first."""
ROUNDS: Final = 4
BLOCK_STEPS: Final = 3
CONFIDENCE: Final = 0.99


def main() -> None:
    """Measure the sessions that are still missing, and print the table."""
    options = _options()
    kept = read(options.json) or _nothing_yet()
    while len(kept["sessions"]) < options.sessions:
        kept["sessions"].append(_session(len(kept["sessions"]) + 1))
        print(kept["sessions"][-1], flush=True)
        store(options.json, kept)
    print(table(kept))


def _session(number: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="variants-") as folder:
        runs = [
            set_up(BASE | side, inspect(), root=Path(folder), command=(), tell=lambda *_: None)
            for side in SIDES
        ]
        played = play_rounds(
            runs, number, rounds=ROUNDS, block_steps=BLOCK_STEPS, tell=lambda *_: None
        )
    invalid = [
        f"{run.config.model}: {why}"
        for run, result in zip(runs, played.results, strict=True)
        for why in sentences(judge(result, GpuUse(), Thresholds()).invalid)
    ]
    return {
        "date": this_second(),
        "step_ms": [[round(ms, 3) for ms in row] for row in played.step_ms],
        "peak_gib": [round(result.facts[0].peak_gib, 3) for result in played.results],
        "quiet_percent": round(played.quiet_percent, 2),
        "invalid": invalid,
        "revision": revision(),
    }


def table(kept: dict[str, Any]) -> str:
    """Return Markdown with a line for each network."""
    sound = [one for one in kept["sessions"] if not one["invalid"]]
    head = "| network | G MACs | ms/step | a step takes | interval | for its FLOP |\n"
    head += "|---|---|---|---|---|---|\n"
    return head + "\n".join(_line(place, side, sound) for place, side in enumerate(SIDES))


def _line(place: int, side: Request, sessions: list[dict[str, Any]]) -> str:
    name = str(side["model"])
    form = f", form ({side['form']})" if "form" in side else ""
    spec = parse(name)
    rows = [row for one in sessions for row in one["step_ms"]]
    ms = statistics.median(row[place] for row in rows)
    start = f"| `{name}`{form} | {multiply_adds(spec, spec.image_size) / 1e9:.2f} | {ms:.0f} |"
    if place == 0:
        return f"{start} 1 | | 1 |"
    effects = np.array([_effect(one["step_ms"], place) for one in sessions])
    found = t_interval(effects, CONFIDENCE)
    size = int(BASE["image_size"])
    flop = training_flops(spec, size) / training_flops(parse(str(SIDES[0]["model"])), size)
    ratio, low, high = (1 + to_percent(x) / 100 for x in (found.estimate, found.low, found.high))
    return f"{start} {ratio:.2f} | {low:.2f} to {high:.2f} | {ratio / flop:.2f} |"


def _effect(rounds: list[list[float]], place: int) -> float:
    """Return the median over rounds of the log ratio to the first side of the same round."""
    return statistics.median(math.log(row[place] / row[0]) for row in rounds)


def _options() -> argparse.Namespace:
    parser = parser_for("campaigns.variants", __doc__)
    parser.add_argument("--sessions", type=int, default=6)
    return parser.parse_args()


def _nothing_yet() -> Kept:
    return {
        "what": "time of a training step [sessions][rounds][networks], all resident and in turn",
        "hardware": hardware(whole=True),
        "versions": versions("resnext-bench", "torch", "numpy", "scipy"),
        "seed": 0,
        "request": BASE,
        "networks": SIDES,
        "rounds": ROUNDS,
        "block_steps": BLOCK_STEPS,
        "confidence": CONFIDENCE,
        "sessions": [],
    }


if __name__ == "__main__":
    main()
