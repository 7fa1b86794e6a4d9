"""Profiles of two sides that are made up: traces are written, and no process is started."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from resnext_bench.reports.schema.samples import Profiled, RankFacts, SessionResult
from resnext_bench.session.setup import Setup
from tests.reports.made_results import even_samples, made_facts, made_result
from tests.reports.trace.differences.programs import NET, Layer, changed, program

SLOW = changed(NET, "stem", us=130.0)


@dataclass(kw_only=True)
class Profiles:
    """Stands for `play_profiles`: a's step is 276 us, b's 30 longer, by its first layer."""

    a: Sequence[Layer] = NET
    b: Sequence[Layer] = SLOW
    ranks: int = 1
    meanwhile: Callable[[], None] = lambda: None
    """What happens when the traces are there."""
    asked: list[tuple[int, int, bool]] = field(default_factory=list)
    """Number of the session, steps, whether together."""

    def play(
        self,
        sides: Sequence[tuple[Setup, str]],
        number: int,
        *,
        steps: int,
        together: bool,
        tell: Callable[[str, int, int], None],
    ) -> tuple[SessionResult, ...]:
        self.asked.append((number, steps, together))
        for run, _ in sides:
            _make_session(run, number)
        results = tuple(
            self._result(run, layers, steps)
            for (run, _), layers in zip(sides, (self.a, self.b), strict=True)
        )
        self.meanwhile()
        return results

    def _result(self, run: Setup, layers: Sequence[Layer], steps: int) -> SessionResult:
        result = made_result(*(even_samples(rank, [10] * 5) for rank in range(self.ranks)))
        facts = tuple(self._facts(run, rank, layers, steps) for rank in range(self.ranks))
        return replace(result, facts=facts)

    def _facts(self, run: Setup, rank: int, layers: Sequence[Layer], steps: int) -> RankFacts:
        trace = traced(run.folder, rank, layers, steps)
        return made_facts(rank, profiled=profiled(trace, rank, steps))


def _make_session(run: Setup, number: int) -> None:
    """Make the folder of a session, as its launch does: pipes, a log, results."""
    folder = run.session_folder(number).path
    (folder / "results").mkdir(parents=True)
    for pipe in ("tokens", "answers"):
        os.mkfifo(folder / pipe)
    (folder / "rank-0.log").write_text("boom\n")


def traced(run: Path, rank: int, layers: Sequence[Layer], steps: int) -> Path:
    """Write a trace where the ranks of a run do; those of later ranks are longer."""
    folder = run / "profile"
    folder.mkdir(exist_ok=True)
    info = {"distributedInfo": {"rank": rank, "world_size": 2}} if rank else {}
    slower = changed(layers, "relu", us=20.0 + rank)
    return program(slower, steps, wobble=0.05, header=info).write(
        folder, f"host-rank{rank}.pt.trace.json"
    )


def profiled(trace: Path, rank: int, steps: int) -> Profiled:
    return Profiled(
        rank=rank,
        host="host-a",
        trace=str(trace.absolute()),
        size=trace.stat().st_size,
        steps=steps,
        step_ms=0.3,
    )
