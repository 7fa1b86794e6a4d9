"""The last cycle that all processes have, by the times in names of files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.cycles import cycles

SECONDS = 1_700_000_000


def file(process: str, second: float) -> TraceFile:
    written = int((SECONDS + second) * 1000)
    return TraceFile(path=Path(f"/none/h_{process}.{written}.pt.trace.json"), rank=None)


def chosen(**written: list[float]) -> tuple[dict[str, float], set[str]]:
    """Which file of each process counts, by when processes wrote (s), and why others do not."""
    files = {file(who, one): (who, one) for who, mine in written.items() for one in mine}
    left = cycles(list(files))
    return dict(what for one, what in files.items() if one not in left), set(left.values())


def test_a_rank_without_the_last_cycle() -> None:
    """Rank 1 was killed, or its file is not copied yet: the cycle before is of both."""
    assert chosen(a=[0, 60], b=[0.001]) == ({"a": 0, "b": 0.001}, {"later"})


def test_a_rank_without_the_first_cycle() -> None:
    assert chosen(a=[0, 60, 120], b=[61, 119]) == ({"a": 120, "b": 119}, {"cycle"})


def test_no_cycle_is_of_all_ranks() -> None:
    """The one that most have; what a rank wrote at another time is not beside it."""
    found = chosen(a=[0], b=[1, 60, 120], c=[61, 121], d=[2, 62])
    assert found == ({"b": 60, "c": 61, "d": 62}, {"cycle", "later", "recording"})


def test_runs_after_one_another_have_their_own_last_cycles() -> None:
    """Which of the runs counts is for what the traces hold to say."""
    found = chosen(a=[0, 10, 20], b=[1, 11, 21], c=[900, 910], d=[901, 911])
    assert found == ({"a": 20, "b": 21, "c": 910, "d": 911}, {"cycle"})


def test_processes_that_wrote_once_stay() -> None:
    assert chosen(a=[0], b=[60], c=[7200]) == ({"a": 0, "b": 60, "c": 7200}, set())


@pytest.mark.parametrize("late", [0, 0.4, 4.9])
def test_ranks_that_write_late(late: float) -> None:
    found, _ = chosen(a=[0, 10, 20], b=[late, 10 + late, 20 + late])
    assert found == {"a": 20, "b": 20 + late}


WRITTEN = st.lists(st.integers(0, 400), min_size=1, max_size=5, unique=True)


@given(st.dictionaries(st.sampled_from("abcd"), WRITTEN, min_size=1))
def test_a_process_counts_once_at_most(written: dict[str, list[int]]) -> None:
    files = [file(who, one) for who, mine in written.items() for one in mine]
    left = cycles(files)
    kept = [one.path.name.partition(".")[0] for one in files if one not in left]
    assert kept
    assert len(kept) == len(set(kept))
    assert set(left) <= set(files)
