"""Whether scripts take turns, or are launched in turn after all; nothing is started."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnext_bench.errors import UsageError
from resnext_bench.launch.turning import Left, TooLong
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.schema.comparison import Pair, Side
from resnext_bench.reports.schema.notes import note
from resnext_bench.reports.stats.steady import steady
from resnext_bench.session.compare import stepping
from resnext_bench.session.compare.script import Launched, Place, Scripted
from resnext_bench.session.compare.script_turns import NoTurns, Plan, Turns
from resnext_bench.session.compare.stepping import Stepping
from tests.reports.made_results import made_record


class Stage:
    """What launches and turns come to: a takes 5 ms a step, b 6."""

    def __init__(self) -> None:
        self.launched: list[tuple[int, str]] = []
        self.turned = 0
        self.by_step, self.ranks, self.steps = True, False, 120
        self.fed = 1.0
        """Steps in blocks over those of warm-up."""
        self.slow_every = 0
        """In steps after the warm-up."""
        self.pairs = 10
        self.error: Exception | None = None

    def launch(self, source: Any, number: int, name: str, session: Path, tick: Any) -> Launched:
        self.launched.append((number, name))
        self._write(session / f"{name}.samples", name, 1.0)
        steps = np.full(self.steps, {"a": 5.0, "b": 6.0}[name])
        return Launched(step_ms=steps, steadiness=steady(steps), notes=())

    def take_turns(self, sides: Any, plan: Plan, *rest: Any) -> Turns:
        self.turned += 1
        for side in sides:
            self._write(side.script.command.samples, side.name, self.fed)
        if self.error:
            raise self.error
        return Turns(pairs=self.pairs, quiet_percent=0.5)

    def _write(self, samples: Path, name: str, fed: float) -> None:
        if self.by_step:
            Path(f"{samples}.by-step").touch()
            Path(f"{samples}.faults").write_text("1200\n")
        if self.ranks:
            Path(f"{samples}.ranks").touch()
        step = {"a": 5_000_000, "b": 6_000_000}[name]
        later = [round(step * fed)] * (self.steps - 10)
        if self.slow_every:
            later[:: self.slow_every] = [5 * step] * len(later[:: self.slow_every])
        samples.write_text("".join(f"{each}\n" for each in [step] * 10 + later))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()

    def launch(source: Scripted, *rest: Any) -> Launched:
        return made.launch(source, *rest)

    monkeypatch.setattr(Scripted, "_launch", launch)
    monkeypatch.setattr(stepping, "take_turns", made.take_turns)
    return made


def source(folder: Path, **changes: Any) -> Stepping:
    place = Place(side=Side(given="train", command=("true",)), cwd=folder)
    fields: dict[str, Any] = {
        "folder": folder,
        "a": place,
        "b": place,
        "changes": (),
        "machine": made_record().environment,
        "known": (),
        "ends_s": time.monotonic() + 60,
    }
    return Stepping(**(fields | changes))


def measured(made: Stepping, sessions: int = 2) -> list[Pair]:
    return [
        made.measure(number, "ab" if number % 2 else "ba", lambda done: None)
        for number in range(1, 1 + sessions)
    ]


def test_turns_are_taken_where_the_first_launch_calls_step(tmp_path: Path, stage: Stage) -> None:
    made = source(tmp_path)
    found = measured(made)
    assert (stage.launched, stage.turned) == ([(1, "a")], 2)
    assert (made.design, made.notes) == ("duet", ())
    assert {(len(pair.blocks_ms), pair.block_steps) for pair in found} == {(10, 9)}
    assert found[0].step_ms == pytest.approx((5.0, 6.0))
    assert np.exp(found[0].log_ratio) == pytest.approx(1.2)
    assert found[0].phases_ms == {}, "of a script's parts nothing is known"
    assert found[0].launches is not None
    assert [(one.steps, one.cut, one.step_faults) for one in found[0].launches] == [
        (120, 10, 1200)
    ] * 2


def test_blocks_of_scripts_hold_whole_periods_too(tmp_path: Path, stage: Stage) -> None:
    """Every 4th step is slow, and blocks of nine hold no whole periods: twelve do."""
    stage.slow_every, stage.pairs, stage.steps = 4, 8, 130
    made = source(tmp_path)
    found = measured(made)
    assert [pair.block_steps for pair in found] == [9, 12]
    assert made.told == [note("blocks_fitted", periods=(4,), steps=12, session=2)]


def test_blocks_of_scripts_leave_room_for_turns(tmp_path: Path, stage: Stage) -> None:
    """Blocks of 26 are more than four pairs of them have steps for."""
    stage.slow_every = 26
    stage.steps, stage.pairs = 140, 10
    made = source(tmp_path, steps_asked=0)
    measured(made, 1)
    assert made.plan is not None
    assert made.plan.block_steps == 10
    assert made.told == [note("blocks_unfit", periods=(26,), steps=10, wanted=26)]


def test_a_script_that_never_calls_it_is_launched_in_turn(tmp_path: Path, stage: Stage) -> None:
    """As ever: its first launch is not taken twice, and nobody is told of what he does not know."""
    stage.by_step = False
    made = source(tmp_path)
    found = measured(made)
    assert (stage.launched, stage.turned) == ([(1, "a"), (1, "b"), (2, "b"), (2, "a")], 0)
    assert (made.design, found[1].block_steps, made.notes) == ("relaunch", 0, ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ranks": True}, "it has several ranks, and those without the token"),
        ({"steps": 50}, "its 50 steps are too few for turns, which take at least 54"),
        ({"fed": 0.5}, "steps of a in blocks took 50 % less than without pauses"),
        ({"error": NoTurns("memory cannot hold both", "use --design relaunch")}, "memory cannot"),
        ({"error": Left("b", 1)}, "b, session 1: the script ended with exit code 1"),
        ({"error": Left("b", 0)}, "b, session 1: it took no more steps before its first block"),
        ({"error": TooLong("a")}, "a, session 1: it had neither returned the token"),
        ({"error": OSError("no such program")}, "a, session 1: no such program"),
        ({"pairs": 2}, "a, session 1: one side had no more steps after 2 pairs of blocks of 9"),
    ],
)
def test_where_turns_cannot_be_taken_it_is_said_and_relaunched(
    tmp_path: Path, stage: Stage, changes: dict[str, Any], words: str
) -> None:
    for name, value in changes.items():
        setattr(stage, name, value)
    made = source(tmp_path)
    found = measured(made)
    assert made.design == "relaunch"
    assert [pair.blocks_ms for pair in found] == [(), ()]
    (told,) = made.told
    assert told.kind == "launched_in_turn"
    assert str(told.values["why"]).startswith(words)
    assert "; " not in str(told.values["why"]), "what would help is for those who insist on turns"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"by_step": False}, UsageError, r"--design duet: it never called .*step\(\): call it at"),
        ({"ranks": True}, UsageError, "--design duet: it has several ranks"),
        ({"steps": 50}, UsageError, "--design duet: its 50 steps are too few .* let it take more"),
        ({"error": NoTurns("memory cannot hold both")}, NoTurns, "memory cannot hold both"),
        ({"error": Left("b", -9)}, SessionFailed, "b, session 1: the script was killed by SIGKILL"),
        ({"pairs": 2}, SessionFailed, "4 are needed"),
    ],
)
def test_who_insists_on_turns_is_told_why_not(
    tmp_path: Path, stage: Stage, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    for name, value in changes.items():
        setattr(stage, name, value)
    with pytest.raises(error, match=words):
        measured(source(tmp_path, wanted="duet", design="duet"))


def test_a_later_session_that_fails_is_a_failure(tmp_path: Path, stage: Stage) -> None:
    made = source(tmp_path)
    measured(made, 1)
    stage.error = Left("b", 1)
    with pytest.raises(SessionFailed, match="b, session 2: the script ended with exit code 1"):
        made.measure(2, "ba", lambda done: None)


def test_a_loader_that_hides_is_noted_where_turns_are_wanted(tmp_path: Path, stage: Stage) -> None:
    stage.fed = 0.5
    (pair,) = measured(source(tmp_path, wanted="duet", design="duet"), 1)
    assert pair.facts
    assert [(one.kind, one.side, one.percent) for one in pair.facts.notes] == [
        ("hurried", "a", 50.0),
        ("hurried", "b", 50.0),
    ]


def test_who_asks_for_launches_gets_them(tmp_path: Path, stage: Stage) -> None:
    measured(source(tmp_path, wanted="relaunch"), 1)
    assert (len(stage.launched), stage.turned) == (2, 0)


def test_blocks_and_the_module_are_as_asked(tmp_path: Path, stage: Stage) -> None:
    made = source(tmp_path, wanted="duet", steps_asked=5, most_pairs=6)
    measured(made, 1)
    assert made.plan == Plan(warm_up=10, block_steps=5, most_pairs=6)
    session = tmp_path / "session-1"
    assert str(tmp_path / "module") in made._command("a", session).variables["PYTHONPATH"]
    assert "PYTHONPATH" not in source(tmp_path, as_is=True)._command("a", session).variables
