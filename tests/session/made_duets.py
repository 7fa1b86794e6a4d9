"""Two small configurations whose sessions are made up: no process is started."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.launch.watch import Listener
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.figures.validity import GpuUse
from resnext_bench.reports.figures.window import steadiness_of
from resnext_bench.reports.schema.config import Option
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.session.compare import configured
from resnext_bench.session.compare.configured import Configured
from resnext_bench.session.recording import Recording, Started
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.session.turns.blocks import Lengths
from resnext_bench.session.turns.duet import Order, Played, Score
from tests.reports.made_results import even_samples, made_result
from tests.session.made_script import Silent

LAPTOP = Machine(
    cores=(0, 1), physical_cores=2, usable_cores=2, memory_gib=16.0, gpus=(), cpu_name="CPU"
)
SMALL: dict[str, Option] = {
    "model": "resnext14_4x4d",
    "image_size": 32,
    "batch_size": 2,
    "pipeline": "synthetic",
}
STARTED = Started(at=datetime(2026, 3, 1, 12, tzinfo=UTC), launch_s=5.0)


def made_setup(root: Path, machine: Machine = LAPTOP, **options: Option) -> Setup:
    """Set up a run on the laptop."""
    return set_up(
        SMALL | options, machine, root=root, command=("compare",), tell=Silent().preparing
    )


def made_recording(root: Path, machine: Machine = LAPTOP, **options: Option) -> Recording:
    """Open a run on the laptop that has no sessions yet."""
    return Recording(setup=made_setup(root, machine, **options))


def made_configured(root: Path, **changes: Any) -> Configured:
    """b without channels-last; five pairs of blocks a session."""
    fields: dict[str, Any] = {
        "a": made_recording(root),
        "b": made_recording(root, channels_last=False),
        "given": ("", "--no-channels-last"),
        "design": "duet",
        "may_relaunch": True,
        "blocks": 5,
    }
    return Configured(**(fields | changes))


VERSIONS = {"torch": "2.15.0"}
"""What ranks say that they run with."""


def result_of(step_ms: int, steps: int) -> SessionResult:
    """One rank whose steps all last as long."""
    result = made_result(even_samples(0, [step_ms] * steps))
    return msgspec.structs.replace(result, versions=VERSIONS)


def kept(run: Setup | Recording, number: int, result: SessionResult) -> SessionResult:
    """The same result, once it lies where rank 0 would have left it."""
    folder = run.session_folder(number)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.result.write_bytes(msgspec.msgpack.encode(result))
    return result


@dataclass(kw_only=True)
class Stage:
    """What is played instead of processes: a takes 10 ms a step, b 20."""

    played: list[tuple[int, Order, Score]] = field(default_factory=list)
    launched: list[tuple[int, str]] = field(default_factory=list)
    quiet: float = 0.5
    more_pairs: int = 0
    """Pairs that follow those asked for."""
    slow_every: int = 0
    """Every so many steps of b's takes 60 ms, those counted that are dropped before blocks."""
    meanwhile: Callable[[int], None] = lambda number: None
    """What happens during a session."""

    def play(
        self,
        a: Setup,
        b: Setup,
        score: Score,
        number: int,
        order: Order,
        tick: Callable[[int], None],
        so_far: Lengths,
    ) -> Played:
        """Stands for `session.duet.play`: blocks of four steps where none are asked for."""
        self.played.append((number, order, score))
        so_far += [(9.0, 1.0), (0.1, 0.2), (0.1, 0.3)]
        self.meanwhile(number)
        steps = score.block_steps or 4
        count = (1 + score.pairs + self.more_pairs) * steps
        return Played(
            results=(
                kept(a, number, result_of(10, count)),
                kept(b, number, self._slow_result(count, steps)),
            ),
            block_steps=steps,
            use=GpuUse(),
            quiet_percent=self.quiet,
            started=(STARTED, STARTED),
        )

    def _slow_result(self, count: int, block: int) -> SessionResult:
        if not self.slow_every:
            return result_of(20, count)
        ran = [60 if step % self.slow_every == 0 else 20 for step in range(2 * count)]
        kept_steps = [ms for step, ms in enumerate(ran) if step % (block + 1)][:count]
        result = made_result(even_samples(0, kept_steps))
        return msgspec.structs.replace(result, versions=VERSIONS)

    def measure_session(self, run: Recording, number: int, port: int, tell: Listener) -> Session:
        """Stands for `resnext_bench.session.runs.run.measure_session`."""
        self.launched.append((number, "a" if run.config.channels_last else "b"))
        self.meanwhile(number)
        result = kept(run, number, result_of(10 if run.config.channels_last else 20, 40))
        return run.keep(result, steadiness_of(result), GpuUse(), STARTED)


def set_stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Put the stage in the place of duets and launches."""
    stage = Stage()
    monkeypatch.setattr(configured, "play", stage.play)
    monkeypatch.setattr(configured, "measure_session", stage.measure_session)
    return stage
