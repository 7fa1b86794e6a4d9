"""Two sets of stored runs: what counts, what is refused, and what differs between them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.store import runs
from resnext_bench.session.compare.stored import UNPAIRED, AskedStored, compare_stored
from tests.reports.made_results import figures_of_step, made_config, made_record, made_session


def stored(root: Path, *medians_ms: float, **changes: Any) -> str:
    """A run with a session for each median; returns its id."""
    sessions = tuple(
        made_session(number, figures=figures_of_step(median))
        for number, median in enumerate(medians_ms, 1)
    )
    folder = runs.create(root, "made")
    runs.save(folder, made_record(**{"id": folder.name, "sessions": sessions, **changes}))
    return folder.name


def compared(root: Path, a: tuple[str, ...], b: tuple[str, ...]) -> Comparison:
    return compare_stored(
        AskedStored(a=a, b=b, margin_percent=2.0, root=root, command=("compare",))
    )


def test_a_tag_stands_for_all_runs_that_bear_it(tmp_path: Path) -> None:
    before = [stored(tmp_path, 100.0, 100.2, tags=("before",)) for _ in range(2)]
    after = stored(tmp_path, 110.0, 110.2, tags=("after", "night"))
    record = compared(tmp_path, ("before",), ("night",))
    assert (set(record.a.runs), record.b.runs) == (set(before), (after,))
    assert record.verdict == "slower"
    with pytest.raises(StoreError, match="no run 'befor'"):
        compared(tmp_path, ("befor",), (after,))


def test_sessions_of_several_runs_are_taken_together(tmp_path: Path) -> None:
    a = stored(tmp_path, 100.0, 100.4), stored(tmp_path, 99.8)
    b = (stored(tmp_path, 106.0, 106.3, 105.8),)
    record = compared(tmp_path, a, b)
    assert (record.verdict, record.design, record.looks_taken) == ("slower", "unpaired", 1)
    assert (record.a.runs, record.a.sessions, record.b.sessions) == (a, 3, 3)
    assert record.change is not None
    assert record.change.percent == pytest.approx(6, abs=0.1)
    assert record.change.confidence_percent == pytest.approx(99.8)
    assert record.phases["forward"].change_ms == pytest.approx(0, abs=0.01)
    assert record.step_ms == pytest.approx((100.07, 106.03), abs=0.01)
    assert (record.differences, record.notes) == ((), (UNPAIRED,))
    assert runs.load(tmp_path / record.id) == record


def test_what_differs_is_listed(tmp_path: Path) -> None:
    environment = msgspec.structs.replace(
        made_record().environment, host="host-b", versions={"torch": "2.16.0"}, cores=4
    )
    a = (stored(tmp_path, 100.0, 101.0),)
    b = (
        stored(tmp_path, 100.0, environment=environment),
        stored(tmp_path, 101.0, environment=environment, resolved=made_config(amp_dtype="none")),
    )
    record = compared(tmp_path, a, b)
    assert [(one.what, one.a, one.b) for one in record.differences] == [
        ("amp-dtype", "bf16", "bf16 | none"),
        ("host", "host-a", "host-b"),
        ("cores", "2", "4"),
        ("dali", "2.4.0", "none"),
        ("torch", "2.15.0", "2.16.0"),
    ]
    assert "the runs of b differ among themselves: amp-dtype" in record.notes


def test_a_side_of_one_configuration_has_it(tmp_path: Path) -> None:
    config = made_config(batch_size=4)
    a = tuple(
        stored(tmp_path, 100.0, resolved=msgspec.structs.replace(config, sessions=count))
        for count in (1, 2)
    )
    b = tuple(
        stored(tmp_path, 100.0, resolved=msgspec.structs.replace(config, threads=count))
        for count in (1, 2)
    )
    record = compared(tmp_path, a, b)
    assert (record.a.resolved, record.b.resolved) == (config, None)


def test_one_session_says_nothing(tmp_path: Path) -> None:
    record = compared(tmp_path, (stored(tmp_path, 100.0),), (stored(tmp_path, 100.0, 101.0),))
    assert (record.verdict, record.change, record.looks_taken) == ("can't tell", None, 0)
    assert record.why == "sessions that count: 1 of a; each side needs at least 2"


def test_invalid_runs_do_not_count(tmp_path: Path) -> None:
    invalid = stored(tmp_path, 50.0, 51.0, status="invalid", why="cores were lost")
    record = compared(
        tmp_path, (invalid, stored(tmp_path, 100.0, 101.0)), (stored(tmp_path, 100.0, 101.0),)
    )
    assert record.a.sessions == 2
    assert f"{invalid} does not count: cores were lost" in record.notes


def test_complete_sessions_of_an_interrupted_run_count(tmp_path: Path) -> None:
    stopped = stored(tmp_path, 100.0, 101.0, status="interrupted")
    record = compared(tmp_path, (stopped,), (stored(tmp_path, 100.0, 101.0),))
    assert record.a.sessions == 2
    assert any("was interrupted: its 2" in one for one in record.notes)


def test_sessions_that_never_settled(tmp_path: Path) -> None:
    never = msgspec.structs.replace(
        made_session().steadiness, steady=False, why="never steady: step time moves by +1 % a step"
    )
    sessions = tuple(made_session(number, steadiness=never) for number in (1, 2))
    unsteady = stored(tmp_path, sessions=sessions)
    record = compared(tmp_path, (stored(tmp_path, 100.0, 101.0),), (unsteady,))
    assert record.verdict == "never steady"
    assert record.why.startswith("2 of 2 sessions of b: never steady")


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    sound, failed = stored(tmp_path, 100.0, 101.0), stored(tmp_path, status="failed", why="rank 1")
    larger = stored(tmp_path, 100.0, 101.0, resolved=made_config(batch_size=16))
    again = compared(tmp_path, (sound,), (stored(tmp_path, 1.0, 1.0),)).id
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"--b-runs .* this run failed \(rank 1\)"):
        compared(tmp_path, (sound,), (failed,))
    with pytest.raises(UsageError, match=r"not comparable: .* images per step, 16 .* 32 "):
        compared(tmp_path, (sound,), (larger,))
    with pytest.raises(UsageError, match="is named twice"):
        compared(tmp_path, (sound,), (sound[-4:],))
    with pytest.raises(StoreError, match="is a comparison, not a run"):
        compared(tmp_path, (sound,), (again,))
    with pytest.raises(StoreError, match="no run 'nothing'"):
        compared(tmp_path, (sound,), ("nothing",))
    assert sorted(tmp_path.iterdir()) == before
