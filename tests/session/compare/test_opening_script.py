"""Opening a comparison of scripts, and going on with one; what a launch says is made up."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from math import log
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from resnext_bench.errors import Interrupted, UsageError
from resnext_bench.launch.commands import KEEP_MEMORY
from resnext_bench.reports.schema.comparison import Comparison, Launch, Order, Pair
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.stats.steady import steady
from resnext_bench.session.compare import opening, opening_script
from resnext_bench.session.compare.opening import resume
from resnext_bench.session.compare.opening_script import WORKING_TREE
from resnext_bench.session.compare.script import UNWATCHED, Launched, Scripted
from resnext_bench.session.compare.script_turns import Plan
from resnext_bench.session.compare.stepping import Stepping
from tests.reports.made_comparisons import made_pair
from tests.session.compare.test_revisions import git
from tests.session.made_script import Silent, made_asked
from tests.worker.made_training import LAPTOP

Patch = pytest.MonkeyPatch
Launches = list[tuple[int, str, Path]]
"""Session, side, folder of each launch."""


@pytest.fixture(autouse=True)
def launches(monkeypatch: pytest.MonkeyPatch) -> Launches:
    """No process is started: a takes 5 ms and b 6, give or take; no machine is held for it."""
    made: Launches = []

    def launch(source: Scripted, number: int, name: str, *rest: object) -> Launched:
        place = source.a if name == "a" else source.b
        assert place.cwd.is_dir()
        made.append((number, name, place.cwd))
        session = rest[0]
        assert isinstance(session, Path)
        (session / f"{name}.samples").write_text("5000000\n" * 10)
        (session / f"{name}.log").touch()
        return Launched(
            step_ms=np.full(10, {"a": 5.0, "b": 6.0}[name] * (1 + number / 1e4)),
            steadiness=steady(np.full(10, 5.0)),
            notes=(),
        )

    monkeypatch.setattr(Scripted, "_launch", launch)
    for module in (opening, opening_script):
        monkeypatch.setattr(module, "measuring", lambda what: nullcontext(True))
    return made


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "train.py").write_text("first")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def interrupted(folder: Path, after: int, monkeypatch: pytest.MonkeyPatch, **asked: object) -> Path:
    """A comparison that Ctrl-C ended; returns its folder."""
    whole = Stepping.measure

    def measure(source: Stepping, number: int, *rest: object) -> object:
        if number > after:
            raise KeyboardInterrupt
        return whole(source, number, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Stepping, "measure", measure)
        with pytest.raises(Interrupted, match="--resume"):
            compared(folder, **asked)
    (found,) = (folder / "runs").iterdir()
    return found


def compared(folder: Path, **changes: object) -> Comparison:
    return opening_script.compare_script(made_asked(folder, **changes), LAPTOP, Silent())


def test_sessions_in_abba_order_and_a_verdict(tmp_path: Path, launches: Launches) -> None:
    record = compared(tmp_path)
    assert "".join(name for _, name, _ in launches) == "abbaabba"
    assert {cwd for _, _, cwd in launches} == {tmp_path}
    assert (record.verdict, record.design, len(record.pairs)) == ("slower", "relaunch", 4)
    assert record.change is not None
    assert record.change.percent == pytest.approx(20)
    assert record.a.command == ("python", "train.py", "5")
    assert (record.a.given, record.a.folder) == ("python train.py 5", str(tmp_path))
    assert [(one.what, one.a, one.b) for one in record.differences] == [("arguments", "5", "6")]
    assert record.environment.versions == {}, "the script's own environment is not known"
    assert record.notes == (UNWATCHED,)


def test_all_steps_of_a_launch_count(tmp_path: Path, monkeypatch: Patch) -> None:
    """Every 4th of b's takes 45 ms where the others take 5: 15 on average."""

    def launch(source: Scripted, number: int, name: str, session: Path, *rest: object) -> Launched:
        (session / f"{name}.samples").touch()
        (session / f"{name}.log").touch()
        steps = np.full(40, 5.0)
        if name == "b":
            steps[::4] = 45
        return Launched(step_ms=steps, steadiness=steady(np.full(40, 5.0)), notes=())

    monkeypatch.setattr(Scripted, "_launch", launch)
    pair = compared(tmp_path).pairs[0]
    assert (pair.step_ms, pair.middle_ms) == ((5, 15), (5, 5))
    assert (pair.log_ratio, pair.middle_log_ratio) == (pytest.approx(log(3)), 0)
    slow = SlowSteps(every=4, slow=10, steps=40, slow_ms=45, longest_ms=45, cost_percent=200)
    assert pair.slow == (None, slow)


def test_the_heap_is_that_of_our_own_ranks(tmp_path: Path, monkeypatch: Patch) -> None:
    """Unless the user has chosen one, or wants nothing touched."""
    record = compared(tmp_path)
    assert record.environment.of_ranks == KEEP_MEMORY
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert compared(tmp_path).environment.of_ranks == {}


def test_as_it_is(tmp_path: Path) -> None:
    limits = msgspec.structs.replace(made_asked(tmp_path).limits, as_is=True)
    record = compared(tmp_path, limits=limits)
    assert (record.limits.as_is, record.environment.of_ranks) == (True, {})
    assert record.notes[0].startswith("--as-is: the scripts got the environment as it is")


def test_turns_are_gone_on_with(tmp_path: Path, monkeypatch: Patch) -> None:
    """With the blocks that they had."""
    both = (Launch(steps=120, cut=12), Launch(steps=120, cut=12))

    def turned(source: Stepping, number: int, order: Order, tick: object) -> Pair:
        source.design = "duet"
        plans.append(source.plan)
        blocks: dict[str, Any] = {"blocks_ms": ((10.0, 11.0),), "block_steps": 7}
        return made_pair(number, 0.1 + number / 1e4, launches=both, **blocks)

    plans: list[Plan | None] = []
    monkeypatch.setattr(Stepping, "measure", turned)
    folder = interrupted(tmp_path, 2, monkeypatch)
    record = resume(folder, LAPTOP, Silent())
    assert (record.design, record.verdict, len(record.pairs)) == ("duet", "slower", 4)
    assert plans[2:] == [Plan(warm_up=12, block_steps=7, most_pairs=200)] * 2


def test_no_arguments_differ(tmp_path: Path) -> None:
    assert compared(tmp_path, arguments=((), ())).differences == ()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("no-such-command", "neither a command on PATH nor a file"),
        ("./nothing", "neither a command on PATH nor a file"),
        ("train.py", 'as in --script "python train.py"'),
        ("./train.py", 'as in --script "python ./train.py"'),
    ],
)
def test_a_program_that_cannot_start_leaves_nothing(
    tmp_path: Path, program: str, words: str
) -> None:
    (tmp_path / "train.py").touch()
    with pytest.raises(UsageError) as raised:
        compared(tmp_path, script=(program,))
    assert words in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_the_same_commit_twice_is_no_difference(repo: Path, launches: Launches) -> None:
    record = compared(repo, arguments=((), ()), revisions=("main", "HEAD"))
    assert record.differences == ()
    assert record.a.revision == record.b.revision == git(repo, "rev-parse", "main")
    assert {cwd.name for _, _, cwd in launches} == {"tree-a", "tree-b"}
    assert not list(repo.glob("runs/*/tree-*"))


def test_one_side_may_be_the_files_as_they_are(repo: Path, launches: Launches) -> None:
    (repo / "train.py").write_text("being edited")
    record = compared(repo, arguments=((), ()), revisions=("main", None))
    assert record.b.given == WORKING_TREE
    assert record.b.revision == ""
    assert {cwd for _, name, cwd in launches if name == "b"} == {repo}
    (difference,) = record.differences
    assert "and uncommitted changes" in difference.b
    assert any("part of the working tree alone" in note for note in record.notes)


def test_a_stopped_comparison_of_scripts_is_resumed(
    tmp_path: Path, launches: Launches, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = interrupted(tmp_path, 2, monkeypatch)
    record = resume(folder, LAPTOP, Silent())
    assert [number for number, _, _ in launches] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert (record.id, record.verdict, record.status) == (folder.name, "slower", "ok")
    with pytest.raises(UsageError, match=r"has ended \(slower\)"):
        resume(folder, LAPTOP, Silent())


def test_revisions_resumed(repo: Path, launches: Launches, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user may go on working: named revisions stay what they were."""
    folder = interrupted(repo, 1, monkeypatch, revisions=("main", "main"))
    (repo / "train.py").write_text("second")
    git(repo, "commit", "--quiet", "--all", "--message", "second")
    record = resume(folder, LAPTOP, Silent())
    assert record.a.revision == git(repo, "rev-parse", "main~1")
    assert record.status == "ok"


@pytest.mark.parametrize("revisions", [("main", None), (None, None)])
def test_a_checkout_that_moved_on_is_another_measurement(
    repo: Path, revisions: tuple[str | None, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo)
    folder = interrupted(repo, 1, monkeypatch, revisions=revisions)
    (repo / "train.py").write_text("second")
    git(repo, "commit", "--quiet", "--all", "--message", "second")
    with pytest.raises(UsageError, match=r"cannot be resumed: the .* has changed since"):
        resume(folder, LAPTOP, Silent())


def test_from_another_folder(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git is asked where the script starts, not where its user stands."""
    monkeypatch.chdir(repo)
    folder = interrupted(repo, 1, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert resume(folder, LAPTOP, Silent()).environment.git == {
        "commit": git(repo, "rev-parse", "HEAD"),
        "branch": "main",
        "dirty": "false",
    }


def test_what_cannot_be_placed_leaves_nothing(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def refused(*given: object) -> Iterator[Path]:
        raise UsageError("git could not check it out")
        yield Path()

    monkeypatch.setattr(opening_script, "work_tree", refused)
    with pytest.raises(UsageError, match="could not check it out"):
        compared(repo, revisions=("main", "main"))
    assert list((repo / "runs").iterdir()) == []


def test_all_step_times_can_be_traced(tmp_path: Path) -> None:
    record = compared(tmp_path)
    sessions = range(1, 1 + len(record.pairs))
    expected = [f"session-{number}/{name}.samples" for number in sessions for name in "ab"]
    assert [file.name for file in record.files] == expected, "and no empty log"
    assert {len(file.sha256) for file in record.files} == {64}
    assert {pair.launches for pair in record.pairs} == {(Launch(steps=10, cut=0),) * 2}
