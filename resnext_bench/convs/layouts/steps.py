"""Whole steps of the pure layouts and of the best mixed choice, which take turns on one stage."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.config.layouts import NONE
from resnext_bench.convs.layouts.child import answers
from resnext_bench.convs.layouts.jobs import StepsJob
from resnext_bench.errors import CannotHere, RunFailed
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.figures.layouts import mean_of
from resnext_bench.reports.figures.validity import GpuUse, judge, judge_gpus
from resnext_bench.reports.render.notes import sentence, sentences
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.layouts import InStep, Mix, SideName, Versus, WholeSteps
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.room import Free, lack_for_more, memory_sought
from resnext_bench.session.turns.rounds import play_rounds
from resnext_bench.session.watching import watching

Floats = NDArray[np.float64]
CHILD: Final = "resnext_bench.convs.measuring.steps"
BLOCK_STEPS: Final = 2
"""Counted steps of a block: the fewer, the more equally all sides see a burst of other work."""
PROFILED_STEPS: Final = 6
"""Steps of each side in its profile, taken in turn."""

_SMALLER: Final = "give a smaller --batch-size, or --no-steps"

Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""


def side_configs(config: RunConfig, mix: Mix) -> dict[SideName, RunConfig]:
    """Return the configuration of each side."""
    choices: Mapping[SideName, tuple[bool, str]] = {
        "nhwc": (True, NONE),
        "nchw": (False, NONE),
        "mixed": (mix.base == "nhwc", mix.other_layout),
    }
    return {
        name: msgspec.structs.replace(
            config, channels_last=choices[name][0], other_layout=choices[name][1]
        )
        for name in mix.sides
    }


def measured(mix: Mix, setup: Setup, rounds: int, tell: Tell) -> Mix:
    """Return the mix with whole steps of its sides in turn, and then in a profile."""
    configs = side_configs(setup.config, mix)
    sides = [setup.beside(f"{mix.dtype}-{name}", config) for name, config in configs.items()]
    with _failures_named(len(sides)), watching(setup.gpu_indices()) as watch:
        played = play_rounds(
            sides,
            1,
            rounds=rounds,
            block_steps=BLOCK_STEPS,
            tell=tell,
            begin=watch.start,
            watch=watch.sample,
            first=_room_for(len(sides) - 1, setup),
        )
        use = watch.report().shared()
    judged = [judge(result, GpuUse(), Thresholds()) for result in played.results]
    doubts = [
        f"{name}: {sentence(reason)}"
        for name, one in zip(configs, judged, strict=True)
        for reason in one.invalid
    ]
    seen = judge_gpus(use, Thresholds())
    in_step, remarks = _profiled(sides, tell)
    steps = WholeSteps(
        step_ms=played.step_ms,
        block_steps=played.block_steps,
        quiet_percent=played.quiet_percent,
        runs=tuple(map(_options, configs.values())),
        in_step=in_step,
        notes=(*doubts, *sentences(seen.invalid)),
        remarks=(*remarks, *sentences(seen.notes)),
    )
    rows = np.array(played.step_ms)
    return msgspec.structs.replace(
        mix,
        steps=steps,
        versus=tuple(_with_steps(one, mix.sides, rows) for one in mix.versus),
    )


def _room_for(more: int, setup: Setup) -> Callable[[Sequence[int]], None]:
    """Return what refuses more sides like the first one where memory cannot hold them."""
    before = Free.look(setup.gpu_indices())

    def first(pids: Sequence[int]) -> None:
        if why := lack_for_more(pids, before, more):
            raise CannotHere(f"{why}; {_SMALLER}")

    return first


def _with_steps(one: Versus, sides: Sequence[SideName], rows: Floats) -> Versus:
    gained = rows[:, sides.index(one.over)] - rows[:, sides.index(one.side)]
    return msgspec.structs.replace(one, measured_ms=mean_of(gained))


def _options(config: RunConfig) -> str:
    layout = "--channels-last" if config.channels_last else "--no-channels-last"
    other = "" if config.other_layout == NONE else f" --other-layout '{config.other_layout}'"
    return f"{layout}{other}"


def _profiled(sides: Sequence[Setup], tell: Tell) -> tuple[tuple[InStep, ...], list[str]]:
    """Return the profile of each side, and a remark where there is none: steps count without."""
    job = StepsJob(
        configs=tuple(side.config for side in sides),
        steps=PROFILED_STEPS,
        cores=sides[0].topology.places[0].cores,
    )
    tell("profiles of whole steps", 0, len(sides))
    found: list[InStep] = []
    config = sides[0].config
    try:
        for one in answers(CHILD, job, config.threads, InStep, on_gpu=config.device == "cuda"):
            found.append(one)
            tell("profiles of whole steps", len(found), len(sides))
    except RunFailed as error:
        return (), [f"whole steps in {_type(config)} were not profiled: {error}"]
    return tuple(found), []


def _type(config: RunConfig) -> str:
    return config.amp_dtype if config.amp_dtype != NONE else "tf32" if config.tf32 else "fp32"


@contextmanager
def _failures_named(sides: int) -> Iterator[None]:
    """Report a failed side in a line or two."""

    def refusal(what: str) -> CannotHere:
        return CannotHere(
            f"memory cannot hold {sides} models in training at once ({what}); {_SMALLER}"
        )

    try:
        with memory_sought(refusal):
            yield
    except SessionFailed as failed:
        raise RunFailed("\n".join((failed.failure.what, *failed.failure.log_tail[-3:]))) from failed
