"""A sweep of loaders without training: threads first, then prefetch where threads are enough."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from resnext_bench.config.memory import NoSharedMemory
from resnext_bench.config.resolve import resolve
from resnext_bench.errors import CannotHere, RunFailed
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.figures.attribution import side_rounds
from resnext_bench.reports.figures.loaders import knees_of, rate_of
from resnext_bench.reports.figures.validity import GpuUse, judge
from resnext_bench.reports.render.notes import sentence
from resnext_bench.reports.schema.config import Request, RunConfig
from resnext_bench.reports.schema.loaders import Knee, LoaderRate, Setting
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.room import memory_sought, require_shared_memory_for
from resnext_bench.session.turns.rounds import Tell, play_rounds
from resnext_bench.wording import count_of

MOST_SIDES: Final = 8
"""Most settings that take turns at once: each is a process of half a GiB, or several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """What a sweep found."""

    threads: tuple[LoaderRate, ...]
    knees: tuple[Knee, ...]
    prefetch: tuple[LoaderRate, ...]
    notes: tuple[str, ...]
    invalid: tuple[str, ...]
    """Why some results are invalid."""


@dataclass(kw_only=True, slots=True)
class Sweep:
    """A sweep over settings of one data set on one machine."""

    setup: Setup
    rounds: int
    tell: Tell
    played: int = 0
    doubts: dict[tuple[object, ...], list[tuple[Setting, Note]]] = field(default_factory=dict)
    """Reasons to doubt settings, grouped by kind."""
    untaken: list[str] = field(default_factory=list)
    """What was not measured, and why."""

    def take(self, settings: Sequence[Setting], depths: Sequence[int]) -> Swept:
        """Measure the rates of all settings, then of all prefetch depths at each knee."""
        for group in groups(settings):  # all of them, before any is measured
            require_shared_memory_for(*map(self._side, group))
        rates = [rate for group in groups(settings) for rate in self._play(group)]
        knees = knees_of(rates)
        deeper = [rate for knee in knees for rate in self._deeper(knee.setting, depths)]
        return Swept(
            threads=tuple(rates),
            knees=knees,
            prefetch=tuple(deeper),
            notes=tuple(self._notes()),
            invalid=tuple(self._invalid()),
        )

    def _deeper(self, setting: Setting, depths: Sequence[int]) -> Iterator[LoaderRate]:
        if len(depths) < 2:
            return
        deeper = [_with(setting, prefetch=depth) for depth in depths]
        for group in groups([each for each in deeper if self._fits(each)]):
            if self._fits(*group):
                yield from self._play(group)

    def _fits(self, *settings: Setting) -> bool:
        """Return whether shared memory holds these settings; earlier results are kept if not."""
        try:
            require_shared_memory_for(*map(self._side, settings))
        except NoSharedMemory as error:
            told = ", ".join(str(each.prefetch) for each in settings)
            self.untaken.append(f"--prefetch {told} of {settings[0].pipeline} left out: {error}")
            return False
        return True

    def _play(self, settings: Sequence[Setting]) -> list[LoaderRate]:
        self.played += 1
        sides = [self._side(setting) for setting in settings]
        with _failures_named(len(sides)):
            played = play_rounds(sides, self.played, rounds=self.rounds, tell=self.tell)
        found = [
            side_rounds(result, steps, setting.loader_threads)
            for setting, result, steps in zip(
                settings, played.results, played.block_steps, strict=True
            )
        ]
        for setting, result in zip(settings, played.results, strict=True):
            for reason in judge(result, GpuUse(), Thresholds()).invalid:
                self.doubts.setdefault(reason.group, []).append((setting, reason))
        images = self.setup.config.global_batch_size
        return [
            rate_of(setting, side.step_ms, images, side.cores or 0.0)
            for setting, side in zip(settings, found, strict=True)
        ]

    def _side(self, setting: Setting) -> Setup:
        name = name_of(setting).replace(" ", "-")
        return self.setup.beside(name, self._config(setting), "load")

    def _config(self, setting: Setting) -> RunConfig:
        facts = self.setup.data.facts if self.setup.data else None
        request = request_of(self.setup.request, setting)
        return resolve(request, self.setup.machine, facts).config

    def _notes(self) -> Iterator[str]:
        yield from self.untaken
        if self.played > 1:
            yield (
                f"settings took turns in {self.played} groups, one after another: within a group "
                "rates meet the same moments of the machine"
            )

    def _invalid(self) -> Iterator[str]:
        """Return the first doubt of each kind, and how many more there are."""
        for reasons in self.doubts.values():
            more = f" (and {len(reasons) - 1} more settings)" if len(reasons) > 1 else ""
            setting, reason = reasons[0]
            yield f"{name_of(setting)}: {sentence(reason)}{more}"


def name_of(setting: Setting) -> str:
    """Describe a setting: "dali cpu 2 threads prefetch 2"."""
    threads = count_of(setting.loader_threads, "thread")
    return f"{setting.pipeline} {setting.decode} {threads} prefetch {setting.prefetch}"


def request_of(request: Request, setting: Setting) -> Request:
    """Return the request that leads to a setting."""
    return request | {
        "pipeline": setting.pipeline,
        "decode": setting.decode,
        "loader_threads": setting.loader_threads,
        "prefetch": setting.prefetch,
    }


def groups(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Group settings that take turns: all, or those of one pipeline, or parts of these."""
    if len(settings) <= MOST_SIDES:
        return [list(settings)]
    kinds = dict.fromkeys(setting.kind for setting in settings)
    alike = ([setting for setting in settings if setting.kind == kind] for kind in kinds)
    return [part for group in alike for part in _parts(group)]


def _parts(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Split into as few parts as possible, of about the same size."""
    count = -(-len(settings) // MOST_SIDES)
    bounds = [len(settings) * part // count for part in range(count + 1)]
    return [list(settings[first:last]) for first, last in pairwise(bounds)]


def _with(setting: Setting, *, prefetch: int) -> Setting:
    return Setting(
        pipeline=setting.pipeline,
        decode=setting.decode,
        loader_threads=setting.loader_threads,
        prefetch=prefetch,
    )


@contextmanager
def _failures_named(sides: int) -> Iterator[None]:
    """Report a failed side in a line or two."""

    def refusal(what: str) -> CannotHere:
        return CannotHere(
            f"memory cannot hold {sides} loaders at once ({what}); give fewer values to "
            "--loader-threads, or a smaller --batch-size"
        )

    try:
        with memory_sought(refusal):
            yield
    except SessionFailed as failed:
        raise RunFailed("\n".join((failed.failure.what, *failed.failure.log_tail[-3:]))) from failed
