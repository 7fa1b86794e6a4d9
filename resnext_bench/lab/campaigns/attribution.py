"""Whether `run --attribute` is right where it is hard: step and loader take nearly as long.

    python -m resnext_bench.lab.campaigns.attribution [--rounds N] [--json FILE] [--only WORDS]

The models have a step of 1.2 and 0.8 times the loader's, asleep or busy on a core, on both loaders.
In addition to the sides of an attribution, its two predictions are measured as runs of their own:
the model with half the work, and the loader with the other number of threads. All sides take turns,
so that predicted and measured meet the same machine. Finished cases are stored, and a campaign that
was cut goes on from there.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
import numpy as np
import torch

from resnext_bench.lab.campaigns.paced import multiplied
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
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.figures.attribution import SideRounds, Sides, attribute, side_rounds
from resnext_bench.reports.schema.attribution import SideName
from resnext_bench.reports.schema.config import Request
from resnext_bench.session.attribution import sides_of, turn_rounds, turns_of
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.session.turns.rounds import play_rounds

BASE: Final[Request] = {
    "image_size": 224,
    "batch_size": 32,
    "device": "cpu",
    "nodes": 1,
    "nproc_per_node": 1,
    "threads": 1,
    "loader_threads": 1,
    "warm_up": 10,
    "attribute": True,
}
KINDS: Final = ("sleeping", "busy")
RATIOS: Final = (1.2, 0.8)
LOADERS: Final = ("dali", "torchvision")
WITHIN: Final = 0.10


def main() -> None:
    """Measure the cases that are still missing."""
    options = _options()
    kept = read(options.json) or _nothing_yet(options.rounds)
    for name, request, kind, ratio in _cases():
        if name in kept["cases"] or options.only not in name:
            continue
        kept["cases"][name] = _case(request, kind, ratio, options.rounds)
        print(name, _line(kept["cases"][name]), flush=True)
        store(options.json, kept)


def _cases() -> list[tuple[str, Request, str, float]]:
    return [
        (f"{loader} {kind} {ratio}", BASE | {"pipeline": loader}, kind, ratio)
        for loader in LOADERS
        for kind in KINDS
        for ratio in RATIOS
    ]


def _case(request: Request, kind: str, ratio: float, rounds: int) -> dict[str, Any]:
    """Return the predicted and measured images/s of one case."""
    with tempfile.TemporaryDirectory(prefix="attribution-") as root:
        loader_ms, rest_ms = _calibrated(request, Path(root))
        step_ms = ratio * loader_ms
        models = [model_of(kind, step_ms / part - rest_ms) for part in (1, 2)]
        run, half = (_opened(request | {"model": model}, Path(root)) for model in models)
        sides = dict[str, Setup](sides_of(run).items())
        cores = len(run.topology.places[0].cores)
        threads = msgspec.structs.replace(run.config, loader_threads=run.other_threads)
        sides |= {"real half": half, "real threads": run.beside("threads", threads)}
        found = _played(sides, rounds)
    batch = run.config.global_batch_size
    predicted = attribute([_of_attribution(found)], images=batch, rank_cores=cores)
    made = {name: 1e3 * batch / float(side.step_ms.mean()) for name, side in found.items()}
    return {
        "date": this_second(),
        "revision": revision(),
        "models": models,
        "step_ms": {name: [round(ms, 3) for ms in side.step_ms] for name, side in found.items()},
        "images_per_s": {name: round(rate, 1) for name, rate in made.items()},
        "cores": {name: round(side.cores, 2) for name, side in found.items() if side.cores},
        "attribution": msgspec.to_builtins(
            msgspec.structs.replace(predicted, sides=(), block_steps=())
        ),
        "predicted_over_measured": {
            what: round(one.images_per_s.value / made[side], 4)
            for what, side, one in zip(
                ("half", "threads"),
                ("real half", "real threads"),
                predicted.predictions,
                strict=True,
            )
        },
    }


def _calibrated(request: Request, root: Path) -> tuple[float, float]:
    """Return the ms of a batch of the loader alone, and of a step that does no work."""
    sides = sides_of(_opened(request | {"model": model_of("sleeping", 0)}, root))
    found = _played({name: sides[name] for name in ("loader", "synthetic")}, 4)
    return found["loader"].step_ms.mean(), found["synthetic"].step_ms.mean()


def model_of(kind: str, work_ms: float) -> str:
    """Return the name of the model whose step does this much work on this machine."""
    if kind == "sleeping":
        return f"resnext_bench.lab.campaigns.paced:sleeping.us_{max(0, round(1e3 * work_ms))}"
    torch.set_num_threads(1)
    trial = multiplied(500)
    trial()
    start = time.perf_counter()
    trial()
    each_ms = (time.perf_counter() - start) * 1e3 / 500
    return f"resnext_bench.lab.campaigns.paced:busy.times_{max(0, round(work_ms / each_ms))}"


def _opened(request: Request, root: Path) -> Setup:
    asked = request | {"attribution_rounds": 2}  # so that a second loader is opened
    return set_up(asked, inspect(), root=root, command=(), tell=lambda *_: None)


def _played(sides: Mapping[str, Setup], rounds: int) -> dict[str, SideRounds]:
    """Let all sides take turns, with the real side's other kinds of turns if there is one."""
    also = turns_of(sides["real"]) if "real" in sides else {}
    names = [*sides, *also]
    full = full_in(names)
    runs = [replace(run, folder=run.folder / "played") for run in sides.values()]
    turns = [(names.index("real"), flag) for flag in also.values()]
    played = play_rounds(runs, 1, rounds=rounds, tell=lambda *_: None, full=full, also=turns)
    found = {
        name: side_rounds(result, steps, run.config.loader_threads)
        for (name, run), result, steps in zip(
            sides.items(), played.results, played.block_steps, strict=True
        )
    }
    if not also:
        return found
    rows = np.array(played.step_ms)[:, len(sides) :].T
    of_turns = turn_rounds(sides["real"], found["real"], dict(zip(also, rows, strict=True)))
    found.update(of_turns.items())
    return found


def full_in(names: Sequence[str]) -> Callable[[Sequence[float]], Sequence[int]]:
    """Return a function that finds full queues as an attribution does, by loader and training."""

    def full(last_ms: Sequence[float]) -> list[int]:
        last = dict(zip(names, last_ms, strict=True))
        training, loader = last["synthetic"], last["loader"]
        ahead = {
            **dict.fromkeys(("real", "other_threads", "real threads"), loader < training),
            **dict.fromkeys(("double", "real half"), loader < training / 2),
        }
        return [names.index(name) for name, is_full in ahead.items() if is_full and name in last]

    return full


def _of_attribution(found: Mapping[str, SideRounds]) -> Sides:
    """Leave out the sides that an attribution does not have."""
    own: tuple[SideName, ...] = get_args(SideName)
    return {name: found[name] for name in own if name in found}


def table(cases: dict[str, Any]) -> str:
    """Return Markdown with a line for each case: the prediction beside the measurement."""
    head = "| loader, model, step over loader | model twice as fast | 2 threads |\n|---|---|---|\n"
    return head + "\n".join(f"| {name} | {_pairs(case)} |" for name, case in cases.items())


def _pairs(case: dict[str, Any]) -> str:
    made, ratios = case["images_per_s"], case["predicted_over_measured"]
    pairs = (("half", made["real half"]), ("threads", made["real threads"]))
    return " | ".join(
        f"{ratios[what] * rate:,.0f} / {rate:,.0f}: {100 * (ratios[what] - 1):+.1f} %"
        for what, rate in pairs
    )


def _line(case: dict[str, Any]) -> str:
    off = case["predicted_over_measured"]
    verdict = "ok" if all(abs(ratio - 1) <= WITHIN for ratio in off.values()) else "OFF"
    return f"{case['images_per_s']} {off} {verdict}"


def _nothing_yet(rounds: int) -> Kept:
    return {
        "what": "predictions of run --attribute against runs that do what they say",
        "hardware": hardware(),
        "versions": versions("resnext-bench", "torch", "torchvision", "nvidia-dali-cuda130"),
        "seed": 0,
        "request": BASE,
        "n": rounds,
        "cases": {},
    }


def _options() -> argparse.Namespace:
    parser = parser_for("campaigns.attribution", __doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
