"""Profiles after a verdict: what is attached, and that nothing touches the verdict."""

import errno
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.errors import Interrupted, UsageError
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.schema.comparison import Comparison, Limits
from resnext_bench.reports.schema.comparison_profile import FILE, StepDiff
from resnext_bench.reports.schema.record import Failure
from resnext_bench.reports.schema.trace_diff import TraceDiff
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.trace_files import trace_files
from resnext_bench.session.compare import opening, profiling
from resnext_bench.session.compare.stored import AskedStored, compare_stored
from resnext_bench.session.turns.profiles import play_profiles
from tests.reports.made_results import figures_of_step, made_record, made_session
from tests.session.compare.test_opening import asked, stop_in
from tests.session.made_duets import LAPTOP, Stage, made_setup, set_stage
from tests.session.made_profiles import NET, SLOW, Profiles, profiled, traced
from tests.session.made_script import Silent
from tests.session.turns.made_sides import MadeSide, Scene, made_means

LIMITS = Limits(
    margin_percent=2, max_sessions=4, max_minutes=5, pairs=5, block_steps=0, profile_steps=4
)


@pytest.fixture(autouse=True)
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(opening, "measuring", lambda what: nullcontext(True))
    return set_stage(monkeypatch)


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch) -> Profiles:
    made = Profiles()
    monkeypatch.setattr(profiling, "play_profiles", made.play)
    return made


def compared(root: Path, **changes: Any) -> Comparison:
    return opening.compare(asked(root, **({"limits": LIMITS} | changes)), LAPTOP, Silent())


def adds_up(diff: StepDiff) -> None:
    """Rows, all other work, and what is no work are the step, on each side and as a difference."""
    step = {"a_ns": diff.a.step_ns, "b_ns": diff.b.step_ns, "delta_ns": diff.delta_ns}
    for of, whole in step.items():
        parts = (*diff.rows, diff.others, *diff.rest)
        assert sum(getattr(one, of) for one in parts) == whole, of


def test_what_the_traces_differ_in_is_attached(tmp_path: Path, profiles: Profiles) -> None:
    record = compared(tmp_path)
    assert (record.status, record.verdict) == ("ok", "slower")
    assert profiles.asked == [(5, 4, True)], "after the four sessions"
    found = record.profile
    assert found
    assert found.diff
    adds_up(found.diff)
    assert [(row.kind, row.delta_ns) for row in found.diff.rows] == [("slower", 30_000)]
    assert (found.steps, found.traces) == (4, record.children)
    folder = tmp_path / record.id
    assert runs.load(folder) == record
    whole = msgspec.json.decode((folder / FILE).read_bytes(), type=TraceDiff)
    assert (whole.delta_ns, len(whole.rows)) == (30_000, 1)
    assert FILE in [one.name for one in record.files]


def test_traces_are_listed_as_those_of_a_run(tmp_path: Path, profiles: Profiles) -> None:
    record = compared(tmp_path)
    for child in record.children:
        (file,) = trace_files(child, tmp_path)
        assert file.path.is_relative_to(tmp_path / record.id / child / "profile")
        assert not (tmp_path / record.id / child / "session-5").exists()
        assert len(runs.load_run(runs.find(tmp_path, child)).sessions) == 4


def test_the_verdict_is_that_without_a_profile(tmp_path: Path, profiles: Profiles) -> None:
    plain = compared(tmp_path / "plain", limits=msgspec.structs.replace(LIMITS, profile_steps=0))
    record = compared(tmp_path / "profiled")
    assert plain.profile is None
    for name in ("verdict", "change", "middle", "looks_taken", "ended_by", "step_ms", "notes"):
        assert getattr(record, name) == getattr(plain, name), name


def test_the_verdict_is_stored_before_the_first_side_is_built(
    tmp_path: Path, profiles: Profiles
) -> None:
    seen: list[str | None] = []

    def look() -> None:
        (folder,) = tmp_path.iterdir()
        record = runs.load(folder)
        assert isinstance(record, Comparison)
        seen.append(record.verdict)

    profiles.meanwhile = look
    compared(tmp_path)
    assert seen == ["slower"]


def test_ctrl_c_while_profiling(tmp_path: Path, profiles: Profiles) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    profiles.meanwhile = stop
    with pytest.raises(Interrupted, match="the verdict stands") as end:
        compared(tmp_path)
    record = end.value.record
    assert isinstance(record, Comparison)
    assert (record.status, record.verdict) == ("ok", "slower")
    assert record.profile
    assert [one.kind for one in record.profile.facts] == ["profile_interrupted"]
    assert runs.load(tmp_path / record.id) == record
    assert not list(tmp_path.rglob("*.pt.trace.json")), "no record lists what is half of a pass"
    assert not list(tmp_path.rglob("session-5"))


FAILURES = [
    (
        SessionFailed(
            Failure(rank=0, kind="error", what="rank 0: boom", log="/x.log", log_tail=())
        ),
        "profile_failed",
        "no profile: rank 0: boom (its log: /x.log)",
    ),
    (OSError(errno.ENOSPC, "No space left on device", "/full"), "profile_failed", "/full"),
    (UsageError("not this way"), "profile_failed", "no profile: not this way"),
]


@pytest.mark.parametrize(("error", "kind", "words"), FAILURES)
def test_a_pass_that_fails_costs_the_profile_alone(
    tmp_path: Path, profiles: Profiles, error: Exception, kind: str, words: str
) -> None:
    def fail() -> None:
        raise error

    profiles.meanwhile = fail
    record = compared(tmp_path)
    assert (record.status, record.verdict) == ("ok", "slower")
    assert record.profile
    assert record.profile.diff is None
    (fact,), (note,) = record.profile.facts, record.profile.notes
    assert fact.kind == kind
    assert words in note
    assert runs.load(tmp_path / record.id) == record
    assert not list(tmp_path.rglob("session-5"))


def test_the_side_that_failed_is_named(tmp_path: Path, profiles: Profiles) -> None:
    def fail() -> None:
        (folder,) = tmp_path.iterdir()
        record = runs.load(folder)
        log = str((folder / record.children[1] / "session-5" / "rank-0.log").absolute())
        raise SessionFailed(Failure(rank=0, kind="error", what="boom", log=log, log_tail=()))

    profiles.meanwhile = fail
    record = compared(tmp_path)
    assert record.profile
    assert record.profile.notes[0].startswith("b: no profile: boom")
    (left,) = tmp_path.rglob("session-5")
    assert left.parent.name == record.children[1]
    assert [one.name for one in left.iterdir()] == ["rank-0.log"], "the log that is named"


def test_a_trace_that_was_not_written(
    tmp_path: Path, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritten(*how: Any, **more: Any) -> Any:
        a, b = profiles.play(*how, **more)
        lost = (errno.ENOSPC, "No space left on device", "/full/profile")
        facts = (msgspec.structs.replace(b.facts[0], profiled=None, unwritten=lost),)
        return a, msgspec.structs.replace(b, facts=facts)

    monkeypatch.setattr(profiling, "play_profiles", unwritten)
    record = compared(tmp_path)
    assert record.profile
    (note,) = record.profile.notes
    assert note.startswith("b: no profile: a trace was not written (cannot write /full/profile")


def test_a_trace_that_cannot_be_read(tmp_path: Path, profiles: Profiles) -> None:
    def cut() -> None:
        for trace in tmp_path.rglob("*.pt.trace.json"):
            trace.write_text('{"traceEvents"')

    profiles.meanwhile = cut
    record = compared(tmp_path)
    assert record.verdict == "slower"
    assert record.profile
    assert [one.kind for one in record.profile.facts] == ["profile_unread"]


def test_a_profile_that_cannot_be_stored_is_shown(
    tmp_path: Path, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(profiling, "write_atomically", full)
    record = compared(tmp_path)
    assert record.profile
    assert record.profile.diff
    assert "shown and not stored: cannot write" in record.profile.notes[-1]
    before = runs.load(tmp_path / record.id)
    assert isinstance(before, Comparison)
    assert (before.verdict, before.profile) == ("slower", None)


def test_sides_that_are_relaunched_are_profiled_one_after_another(
    tmp_path: Path, profiles: Profiles
) -> None:
    record = compared(tmp_path, design="relaunch")
    assert record.design == "relaunch"
    assert profiles.asked == [(5, 4, False)]


def test_rank_by_rank(tmp_path: Path, profiles: Profiles) -> None:
    profiles.ranks = 2
    record = compared(tmp_path)
    assert record.profile
    diff = record.profile.diff
    assert diff
    assert [(one.rank, one.delta_ns) for one in diff.ranks] == [(0, 30_000), (1, 30_000)]
    assert (diff.a.rank, diff.b.rank, diff.a.ranks) == (1, 1, 2), "its step is the longest"


def test_a_comparison_that_is_resumed_is_profiled_at_its_end(
    tmp_path: Path, stage: Stage, profiles: Profiles
) -> None:
    stage.meanwhile = stop_in(3)
    with pytest.raises(Interrupted, match="--resume"):
        compared(tmp_path)
    assert profiles.asked == []
    stage.meanwhile = lambda number: None
    (folder,) = tmp_path.iterdir()
    record = opening.resume(folder, LAPTOP, Silent())
    assert profiles.asked == [(5, 4, True)]
    assert record.profile
    assert record.profile.diff
    assert runs.load(folder) == record


def test_what_is_invalid_is_not_profiled(
    tmp_path: Path, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = compared(tmp_path)
    invalid = msgspec.structs.replace(record, status="invalid", profile=None)
    source: Any = None
    told = profiling.with_profile(invalid, source, tmp_path / record.id, lambda *_: None)
    assert told.profile
    assert [one.kind for one in told.profile.facts] == ["profile_skipped"]
    assert len(profiles.asked) == 1


def stored(root: Path, step_ms: float, layers: Any = None) -> str:
    """A run of two sessions, with a trace of these layers."""
    folder = runs.create(root, "made")
    traces = ()
    if layers is not None:
        traces = (profiled(traced(folder, 0, layers, 4), 0, 4),)
    sessions = tuple(
        made_session(number, figures=figures_of_step(step_ms + number / 10)) for number in (1, 2)
    )
    runs.save(folder, made_record(id=folder.name, sessions=sessions, profiled=traces))
    return folder.name


def compared_runs(root: Path, a: tuple[str, ...], b: tuple[str, ...]) -> Comparison:
    return compare_stored(
        AskedStored(a=a, b=b, margin_percent=2.0, root=root, command=("compare",), profile=True)
    )


def test_stored_runs_that_have_traces(tmp_path: Path) -> None:
    first, a = stored(tmp_path, 10.0), stored(tmp_path, 10.0, NET)
    b = stored(tmp_path, 11.0, SLOW)
    record = compared_runs(tmp_path, (first, a), (b,))
    assert record.profile
    diff = record.profile.diff
    assert diff
    adds_up(diff)
    assert (diff.delta_ns, record.profile.traces, record.profile.steps) == (30_000, (a, b), 0)
    assert runs.load(tmp_path / record.id) == record


def test_stored_runs_without_traces(tmp_path: Path) -> None:
    a, b = stored(tmp_path, 10.0, NET), stored(tmp_path, 11.0)
    before = sorted(one.name for one in tmp_path.iterdir())
    with pytest.raises(UsageError, match=f"--profile: b has no traces \\({b}\\); run it again"):
        compared_runs(tmp_path, (a,), (b,))
    assert sorted(one.name for one in tmp_path.iterdir()) == before


@pytest.mark.parametrize("together", [True, False])
def test_sides_are_profiled_in_turn(tmp_path: Path, together: bool) -> None:
    scene, told = Scene(), []
    sides = [MadeSide(scene, name) for name in "ab"]
    setups = made_setup(tmp_path), made_setup(tmp_path)
    play_profiles(
        [(run, name) for run, name in zip(setups, ("one", "two"), strict=True)],
        7,
        steps=4,
        together=together,
        tell=lambda *how: told.append(how),
        means=made_means(scene, sides),
    )
    assert scene.blocks == [("a", 2), ("a", (1 << 35) + 4), ("b", 2), ("b", (1 << 35) + 4)]
    assert scene.modules == ["one", "two"]
    gone = [scene.said.index(f"{name} is gone") for name in "ab"]
    built = [scene.said.index(f"{name} is built") for name in "ab"]
    assert (gone[0] < built[1]) is not together, "at once, or one after the other"
    assert told[-1] == ("profiling", 2, 2)


def test_the_record_stays_short(tmp_path: Path, profiles: Profiles) -> None:
    """Of many rows it holds the first; the file beside it has all of them."""
    many = tuple(layer for layer in NET for _ in range(1))
    profiles.a = (*many, *_layers(40, 10.0))
    profiles.b = (*many, *_layers(40, 11.0))
    record = compared(tmp_path)
    assert record.profile
    diff = record.profile.diff
    assert diff
    adds_up(diff)
    assert (len(diff.rows), diff.others.rows, diff.others.delta_ns) == (10, 30, 30_000)
    whole = json.loads((tmp_path / record.id / FILE).read_text())
    assert len(whole["rows"]) == 40


def _layers(count: int, us: float) -> list[Any]:
    from tests.reports.trace.differences.programs import Layer

    return [
        Layer(name=f"more{at}", op=f"aten::op{at}", kernel=f"kernel_{at}", us=us)
        for at in range(count)
    ]
