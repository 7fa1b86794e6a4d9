"""Runs a session of `run --attribute`: real and synthetic batches, and the loader alone, in turn.

The real side is the run's own: its figures are those of the record. The other sides are training
without a loader, the loader without training, and on a GPU the copy alone. The real side has two
more kinds of turns, which need no memory for another model: each step takes two batches, as
training twice as fast would, or batches come from a loader with another number of threads.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np

from resnext_bench import tokens
from resnext_bench.errors import CannotHere
from resnext_bench.machine.host.cores import load_1min
from resnext_bench.reports.figures.attribution import Floats, SideRounds, Sides, side_rounds
from resnext_bench.reports.schema.attribution import SideName
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.sessions import Steadiness
from resnext_bench.session.recording import Recording, Started
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.room import memory_sought
from resnext_bench.session.turns.rounds import Full, Rounds, Tell, play_rounds
from resnext_bench.session.watching import watching

QUIET_PERCENT: Final = 2.0
"""Waiting sides that together use more than this share of the cores get a note."""
_WHY: Final = "one of several sides that take turns: compared with the others block by block"


def attributed_session(run: Recording, number: int, tell: Tell) -> Sides:
    """Run one session of all sides; the run keeps the results of its own side."""
    sides = sides_of(run.setup)
    names, also = list(sides), turns_of(sides["real"])
    started, load, clock = datetime.now(UTC), load_1min(), time.monotonic()
    with watching(run.setup.gpu_indices()) as watch, memory_sought(_no_room_for(len(sides))):
        played = play_rounds(
            list(sides.values()),
            number,
            rounds=run.config.attribution_rounds,
            tell=tell,
            watch=watch.sample,
            begin=watch.start,
            also=[(names.index("real"), flag) for flag in also.values()],
            full=_ahead(sides, list(also)),
        )
        use = watch.report().shared()
    place = names.index("real")
    steadiness = Steadiness(cut=played.block_steps[place], judged=True, steady=True, why=_WHY)
    began = Started(at=started, launch_s=played.built_s[place], load_1min=load)
    run.keep(played.results[place], steadiness, use, began)
    run.told.extend(_notes(run, played, time.monotonic() - clock))
    found = {
        name: side_rounds(result, steps, _threads(sides[name].config))
        for name, result, steps in zip(names, played.results, played.block_steps, strict=True)
    }
    turns = dict(zip(also, _rows_of_turns(played), strict=True))
    return {**found, **turn_rounds(run.setup, found["real"], turns)}


def turn_rounds(setup: Setup, real: SideRounds, step_ms: Mapping[SideName, Floats]) -> Sides:
    """Return the times of turns of other kinds, for which only the lengths of blocks are known."""
    threads = {"double": setup.config.loader_threads, "other_threads": setup.other_threads}
    return {
        name: SideRounds(
            loader_threads=threads[name],
            block_steps=real.block_steps,
            step_ms=row,
            wait_ms=np.array([]),
            cores=None,
        )
        for name, row in step_ms.items()
    }


def _rows_of_turns(played: Rounds) -> Floats:
    """Return step times of turns of other kinds, ms [turns, rounds]: they come after all sides."""
    rows: Floats = np.array(played.step_ms)[:, len(played.results) :].T
    return rows


def sides_of(real: Setup) -> dict[SideName, Setup]:
    """List the run and the sides next to it, in the order of the first round."""
    config = real.config
    # What the loader's batches are made of stays, so that the model's first operation does.
    synthetic = msgspec.structs.replace(config, pipeline="synthetic", decode="none", data=None)
    sides: dict[SideName, Setup] = {
        "synthetic": real.beside("synthetic", synthetic),
        "loader": real.beside("loader", config, "load"),
    }
    if config.device == "cuda":
        host = msgspec.structs.replace(synthetic, pipeline="host")
        sides["copy"] = real.beside("copy", host, "load")
    sides["real"] = real
    return sides


def turns_of(real: Setup) -> dict[SideName, int]:
    """Return the real side's turns of other kinds, with the flags of their tokens."""
    turns: dict[SideName, int] = {"double": tokens.DOUBLE}
    if real.other_threads:
        turns["other_threads"] = tokens.OTHER
    return turns


def _threads(config: RunConfig) -> int:
    return config.loader_threads if config.reads_images else 0


def _ahead(sides: Mapping[SideName, Setup], also: Sequence[SideName]) -> Full:
    """Find turns whose loader is ahead, so that its queue is full whenever training asks.

    More threads are at least as fast as those that were measured; for fewer, the same rate per
    thread is assumed.
    """
    names, real = [*sides, *also], sides["real"]
    fewer = max(1.0, real.config.loader_threads / (real.other_threads or 1))

    def full(last_ms: Sequence[float]) -> Sequence[int]:
        last = dict(zip(names, last_ms, strict=True))
        slowest = {"real": last["loader"], "double": 2 * last["loader"]}
        slowest["other_threads"] = fewer * last["loader"]
        return [
            place
            for place, name in enumerate(names)
            if name in slowest and slowest[name] < last["synthetic"]
        ]

    return full


def _notes(run: Recording, played: Rounds, took_s: float) -> Iterator[str]:
    if "steps" in run.setup.request and not run.told:
        yield "--steps has no effect with --attribute; --attribution-rounds sets how long it lasts"
    kinds = len(played.step_ms[0])
    yield f"blocks of {kinds} kinds in turn took {took_s / 60:.1f} minutes"
    if played.quiet_percent > QUIET_PERCENT:
        yield f"waiting sides used {played.quiet_percent:.1f} % of a rank's cores"


def _no_room_for(sides: int) -> Callable[[str], CannotHere]:
    def refusal(what: str) -> CannotHere:
        return CannotHere(
            f"--attribute: memory cannot hold {sides} sides at once ({what}); lower "
            "--batch-size or --prefetch"
        )

    return refusal
