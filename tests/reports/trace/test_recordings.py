"""Which files were recorded together: cycles, further runs and other worlds are no ranks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.render.trace.warnings import sentences
from resnext_bench.reports.store.trace_files import TraceFile, find_traces
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.recordings import (
    Recording,
    last_cycles,
    left_out_facts,
    recording,
    together,
)
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"
BASE = 1_764_000_000 * 10**9
"""A time of a clock, ns."""
SECOND, HOUR = 10**9, 3600 * 10**9


def trace(at_ns: int, rank: int | None = None, world: int | None = None, pid: int = 10) -> Made:
    """A short trace that begins then."""
    told = {"rank": rank, "world_size": world}
    info = {key: value for key, value in told.items() if value is not None}
    header: dict[str, Any] = {"baseTimeNanoseconds": at_ns}
    made = Made(header=header | ({"distributedInfo": info} if info else {}))
    made.step(0, 0, 100.5)
    made.row("cpu_op", "aten::mm", 2, 8, pid=pid)
    return made.kernel(GEMM, 10, 50)


def chosen(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Files that are reported on, and why the others are not."""
    files, early = last_cycles(find_traces(str(folder), None).files)
    found = [recording(analyse(file.path), file) for file in files]
    kept, late = together(found)
    left = {str(Path(one.file).relative_to(folder)): one.why for one in [*early, *late]}
    return [str(found[at].file.path.relative_to(folder)) for at in kept], left


def test_cycles_of_one_process(tmp_path: Path) -> None:
    for cycle in (1, 2, 3):
        made = trace(BASE + cycle * 9 * SECOND)
        made.write(tmp_path, f"host_1234.{1_700_000_000 + 9 * cycle}000000000.pt.trace.json")
    kept, left = chosen(tmp_path)
    assert kept == ["host_1234.1700000027000000000.pt.trace.json"]
    assert set(left.values()) == {"cycle"}
    assert len(left) == 2


def test_cycles_of_two_ranks(tmp_path: Path) -> None:
    for cycle in (0, 1):
        for rank in (0, 1):
            name = f"host_{1234 + rank}.{1_700_000_000_000 + 9000 * cycle}.pt.trace.json.gz"
            trace(BASE + cycle * 9 * SECOND, rank, 2).write(tmp_path, name)
    kept, left = chosen(tmp_path)
    assert kept == [f"host_{1234 + rank}.1700000009000.pt.trace.json.gz" for rank in (0, 1)]
    assert set(left.values()) == {"cycle"}


def test_one_worker_that_was_started_twice(tmp_path: Path) -> None:
    """As in TensorBoard's samples: the same name, other processes."""
    for at, pid in ((0, 10), (500, 20)):
        made = trace(BASE + at * SECOND, pid=pid)
        made.write(tmp_path, f"worker0.{1_623_143_089_861 + at * 1000}.pt.trace.json")
    kept, left = chosen(tmp_path)
    assert kept == ["worker0.1623143589861.pt.trace.json"]
    assert left == {"worker0.1623143089861.pt.trace.json": "recording"}


def test_ranks_with_one_name_are_no_cycles(tmp_path: Path) -> None:
    """`worker_name="train"` on all ranks: the traces themselves tell their ranks."""
    for rank in range(4):
        made = trace(BASE + rank, rank, 4, pid=100 + rank)
        made.write(tmp_path, f"train.{1_700_000_000_000 + rank}.pt.trace.json")
    kept, left = chosen(tmp_path)
    assert (len(kept), left) == (4, {})


def test_processes_at_one_time_that_tell_no_rank_stay(tmp_path: Path) -> None:
    for pid in (100, 101, 102):
        trace(BASE + pid, pid=pid).write(tmp_path, f"host_{pid}.1700000000{pid}.pt.trace.json")
    assert len(chosen(tmp_path)[0]) == 3


def test_cycles_by_steps_in_names_of_users(tmp_path: Path) -> None:
    """`trace_100.json`, `trace_200.json` of one process, whose ranks nobody tells."""
    for number in (100, 200, 300):
        trace(BASE + number * SECOND).write(tmp_path, f"trace_{number}.json")
    kept, left = chosen(tmp_path)
    assert (kept, set(left.values())) == (["trace_300.json"], {"recording"})


def test_cycles_in_folders(tmp_path: Path) -> None:
    """torchtitan: `iteration_10/rank0_trace.json`."""
    for number in (10, 20):
        (tmp_path / f"iteration_{number}").mkdir()
        for rank in (0, 1):
            made = trace(BASE + number * SECOND, rank, 2)
            made.write(tmp_path / f"iteration_{number}", f"rank{rank}_trace.json")
    kept, left = chosen(tmp_path)
    assert kept == [f"iteration_20/rank{rank}_trace.json" for rank in (0, 1)]
    assert len(left) == 2


def test_folders_of_nodes_are_one_world(tmp_path: Path) -> None:
    for rank in range(4):
        (tmp_path / f"node{rank // 2}").mkdir(exist_ok=True)
        made = trace(BASE + rank * SECOND, rank, 4)
        made.write(tmp_path / f"node{rank // 2}", f"rank{rank}.pt.trace.json")
    kept, left = chosen(tmp_path)
    assert (len(kept), left) == (4, {})


def test_worlds_of_different_sizes(tmp_path: Path) -> None:
    for rank in range(3):
        trace(BASE, rank, 4).write(tmp_path, f"a{rank}.json")
    trace(BASE, 3, 8).write(tmp_path, "b3.json")
    kept, left = chosen(tmp_path)
    assert (len(kept), left) == (3, {"b3.json": "world"})


def test_times_that_are_hours_apart(tmp_path: Path) -> None:
    """Ranks 0 and 1 of one run, 2 and 3 of another one: no rank is there twice."""
    for rank in range(4):
        made = trace(BASE + (rank // 2) * 5 * HOUR, rank, 4)
        made.write(tmp_path, f"rank{rank}.pt.trace.json")
    kept, left = chosen(tmp_path)
    assert kept == ["rank2.pt.trace.json", "rank3.pt.trace.json"]
    assert set(left.values()) == {"recording"}


def test_the_recording_with_most_ranks(tmp_path: Path) -> None:
    for rank in range(4):
        trace(BASE, rank, 4).write(tmp_path, f"old{rank}.json")
    trace(BASE + 9 * SECOND, 0, 4).write(tmp_path, "new0.json")
    assert chosen(tmp_path)[1] == {"new0.json": "recording"}


def test_runs_of_ours_by_their_records(tmp_path: Path) -> None:
    for run in ("run-a", "run-b"):
        (tmp_path / run / "profile").mkdir(parents=True)
        (tmp_path / run / "record.json").write_text("{}")
        for rank in (0, 1):
            made = trace(BASE, rank, 2)
            made.write(tmp_path / run / "profile", f"h-rank{rank}.17.pt.trace.json")
    kept, left = chosen(tmp_path)
    assert kept == [f"run-b/profile/h-rank{rank}.17.pt.trace.json" for rank in (0, 1)]
    assert set(left.values()) == {"run"}


def test_hosts_that_ran_the_same_at_one_time(tmp_path: Path) -> None:
    for host in ("alpha", "beta"):
        for rank in (0, 1):
            name = f"{host}_{50 + rank}.1700000000000.pt.trace.json"
            trace(BASE, rank, 2).write(tmp_path, name)
    kept, left = chosen(tmp_path)
    assert {one.partition("_")[0] for one in kept} == {"beta"}
    assert set(left.values()) == {"recording"}


def test_a_copy_of_a_rank(tmp_path: Path) -> None:
    """Nothing tells which of them is the one: the first, and no more ranks than the world has."""
    for name, rank in (("rank0.json", 0), ("rank1.json", 1), ("x-rank1-copy.json", 1)):
        trace(BASE, rank, 2).write(tmp_path, name)
    assert chosen(tmp_path) == (["rank0.json", "rank1.json"], {"x-rank1-copy.json": "twice"})


def test_the_same_rank_packed_and_not(tmp_path: Path) -> None:
    for name, rank in (("r0.json", 0), ("r0.json.gz", 0), ("r1.json", 1)):
        trace(BASE, rank, 2).write(tmp_path, name)
    kept, left = chosen(tmp_path)
    assert (kept, left) == (["r0.json", "r1.json"], {"r0.json.gz": "twice"})


def test_a_cycle_that_only_one_rank_has(tmp_path: Path) -> None:
    for rank, cycle in ((0, 0), (0, 1), (1, 0)):
        name = f"host_{rank}.{1_700_000_000_000 + 60_000 * cycle + rank}.pt.trace.json"
        trace(BASE + cycle * 60 * SECOND, rank, 2, pid=rank).write(tmp_path, name)
    kept, left = chosen(tmp_path)
    assert kept == [f"host_{rank}.170000000000{rank}.pt.trace.json" for rank in (0, 1)]
    assert left == {"host_0.1700000060000.pt.trace.json": "later"}


def test_files_of_one_cycle_more_by_names_of_users(tmp_path: Path) -> None:
    for rank, cycle in ((0, 0), (0, 1), (1, 0)):
        made = trace(BASE + cycle * 60 * SECOND, rank, 2, pid=rank)
        made.write(tmp_path, f"r{rank}_{cycle}.json")
    assert chosen(tmp_path) == (["r0_0.json", "r1_0.json"], {"r0_1.json": "recording"})


@pytest.mark.parametrize("base", [0, 5 * SECOND])
def test_times_that_are_of_no_clock(tmp_path: Path, base: int) -> None:
    """Hours apart since each machine was started: that says nothing."""
    for rank in range(2):
        trace(base + rank * 9 * HOUR, rank, 2).write(tmp_path, f"rank{rank}.json")
    assert chosen(tmp_path)[1] == {}


def test_no_more_traces_than_the_world_has_ranks(tmp_path: Path) -> None:
    for rank in (0, 1):
        trace(BASE, rank, 2, pid=rank).write(tmp_path, f"a{rank}.json")
    trace(BASE, pid=7).write(tmp_path, "0.json")
    assert chosen(tmp_path) == (["a0.json", "a1.json"], {"0.json": "rank"})


def at(folder: str, name: str, **more: Any) -> Recording:
    file = TraceFile(path=Path(folder) / name, rank=None, run=more.pop("run", ""))
    told = {"rank": None, "world": None, "process": 1, "start_ns": BASE, "end_ns": BASE + 1}
    return Recording(file=file, **{**told, **more})


RECORDINGS = st.builds(
    at,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["x_1.1700000000000.pt.trace.json", "y_2.1700000000001.pt.trace.json", "z"]),
    rank=st.none() | st.integers(0, 3),
    world=st.sampled_from([None, 1, 2, 4]),
    process=st.sampled_from([None, 1, 2]),
    start_ns=st.integers(0, 5).map(lambda one: BASE + one * HOUR) | st.just(3),
    run=st.sampled_from(["", "r", "s"]),
)


@given(st.lists(RECORDINGS, min_size=1, max_size=8))
def test_what_is_reported_is_one_recording(found: Sequence[Recording]) -> None:
    kept, left = together(found)
    assert kept == sorted(set(kept))
    assert kept
    assert len(kept) + len(left) == len(found)
    mine = [found[one] for one in kept]
    ranks = [one.rank for one in mine if one.rank is not None]
    assert len(ranks) == len(set(ranks))
    assert len({one.world for one in mine} - {None}) <= 1
    assert len(mine) <= max((one.world for one in mine if one.world), default=8)
    assert len({one.file.run for one in mine}) == 1


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    for cycle in range(7):
        made = trace(BASE + cycle * 9 * SECOND)
        made.write(tmp_path, f"h_1.{1_700_000_000 + cycle}.pt.trace.json")
    _, left = last_cycles(find_traces(str(tmp_path), None).files)
    (told,) = sentences(left_out_facts(left, tmp_path))
    assert told.startswith("6 files left out (earlier cycles of the same processes): h_1.17")
    assert told.endswith(" and 2 more")
    assert str(tmp_path) not in told


def test_files_that_cannot_be_read_are_left_to_the_reader(tmp_path: Path) -> None:
    for number, data in enumerate([b"", b"\x1f\x8b", b"{", b"[1, 2"]):
        (tmp_path / f"h_1.170000000{number}.pt.trace.json").write_bytes(data)
    trace(BASE).write(tmp_path, "h_1.1700000009.pt.trace.json")
    kept, left = last_cycles(find_traces(str(tmp_path), None).files)
    assert len(kept) + len(left) == 5
    assert "h_1.1700000009.pt.trace.json" in {one.path.name for one in kept}
