"""Collectives of process groups: what is matched, waited for, moved, and by whose clock."""

from pathlib import Path

import pytest

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.schema.trace_ranks import RanksTimes
from tests.reports.trace.made import Made
from tests.reports.trace.ranks.made_ranks import (
    BASE,
    NCCL,
    Plan,
    compared,
    made_ranks,
    message,
    read_rank,
)

GATHER = "ncclDevKernel_AllGather_RING_LL(x)"


def rank(number: int, world: int = 2, base: int = 0) -> Made:
    info = {"backend": "nccl", "rank": number, "world_size": world}
    made = Made(header={"distributedInfo": info, "baseTimeNanoseconds": BASE + base})
    return made.step(0, 0, 1000).step(1, 1000, 1000)


def talk(
    made: Made, start: float, end: float, what: dict[str, object] | None = None, name: str = NCCL
) -> Made:
    made.kernel(name, start, end - start)
    made.rows[-1]["args"] |= what or {}
    return made


def found_of(folder: Path, *made: Made) -> RanksTimes:
    return compared(folder, list(made))


def test_wait_transfer_and_bandwidth(tmp_path: Path) -> None:
    """4 MB in 50 us, which cross the links of each of two ranks once: 80 GB/s."""
    what = message("allreduce", 1_000_000, range(2))
    made = [rank(0), rank(1)]
    talk(talk(made[0], 100, 400, what), 1100, 1150, what)
    talk(talk(made[1], 350, 400, what), 1100, 1150, what)
    (row,) = found_of(tmp_path, *made).collectives
    assert (row.kind, row.group, row.told, row.bytes) == (
        "all-reduce",
        "0",
        "default_pg",
        4_000_000,
    )
    assert (row.count, row.transfer_ns, row.waiting_ns) == (2, 100_000, [250_000, 0])
    assert row.last_to_arrive == [1, 1]
    assert row.bus_gb_per_s == pytest.approx(4_000_000 / 50_000)
    assert row.link_gb_per_s is None


def test_links_of_a_data_sheet(tmp_path: Path) -> None:
    what = message("allreduce", 1_000_000, range(2))
    made = [talk(rank(at), 100, 200, what) for at in range(2)]
    for at, one in enumerate(made):
        one.header["deviceProperties"] = [{"id": 0, "name": "NVIDIA H100 80GB HBM3"}]
        for row in one.rows:
            if row["cat"] == "kernel":
                row["args"]["device"] = at
    (row,) = found_of(tmp_path, *made).collectives
    assert row.link_gb_per_s == 450
    (row,) = compared(tmp_path, made, ("a", "b")).collectives
    assert row.link_gb_per_s is None


def test_process_groups_are_apart(tmp_path: Path) -> None:
    """Ranks 0 and 1 share a group, and 2 and 3 another; all share a third."""
    every = message("allreduce", 1000, range(4))
    made = []
    for at in range(4):
        mine = range(2) if at < 2 else range(2, 4)
        one = talk(rank(at, 4), 100 + at, 110, message("_allgather_base", 8, mine, f"tp{mine[0]}"))
        made.append(talk(one, 200, 220, every))
    found = found_of(tmp_path, *made)
    rows = {row.group: row for row in found.collectives}
    assert {name: row.members for name, row in rows.items()} == {
        "tp0": [0, 1], "tp2": [2, 3], "0": [0, 1, 2, 3]
    }  # fmt: skip
    assert rows["tp2"].waiting_ns == [1_000, 0]
    assert (rows["0"].size, rows["tp0"].size, found.unmatched) == (4, 2, 0)


def test_the_operator_around_a_launch_tells_the_message(tmp_path: Path) -> None:
    """Kernels of RCCL, and of PyTorch before 2.4, say nothing themselves."""
    made = []
    for at in range(2):
        one = rank(at)
        told = message("reduce_scatter_tensor", 4000, range(2)) | {"Out msg nelems": 2000}
        one.op("record_param_comms", 90, 9, **told)
        one.kernel("ncclDevKernel_Generic(x)", 100, 50, called=95)
        made.append(one)
    (row,) = found_of(tmp_path, *made).collectives
    assert (row.kind, row.bytes, row.group) == ("reduce-scatter", 16_000, "0")


def test_the_span_of_a_process_group_tells_it_too(tmp_path: Path) -> None:
    made = []
    for at in range(2):
        told = {"Input Dims": [[3, 5], [7]], "Input type": ["c10::Half", "long int"]}
        one = rank(at).row("user_annotation", "nccl:all_to_all", 90, 9, args=told)
        made.append(one.kernel("ncclDevKernel_Generic(x)", 100, 50, called=95))
    (row,) = found_of(tmp_path, *made).collectives
    assert (row.kind, row.bytes, row.group) == ("all-to-all", 3 * 5 * 2 + 7 * 8, "")


@pytest.mark.parametrize("odd", ["[0, 1, ..., 63]", "x", 7, None, [[1]], "[0, 1"])
def test_odd_messages_are_no_error(tmp_path: Path, odd: object) -> None:
    told = {"Collective name": "allreduce", "Process Group Ranks": odd, "In msg nelems": "many"}
    made = [talk(rank(at), 100, 150, told) for at in range(2)]
    (row,) = found_of(tmp_path, *made).collectives
    assert (row.kind, row.bytes, row.size) == ("all-reduce", None, 2)


def test_a_step_in_which_one_is_missing_is_not_matched(tmp_path: Path) -> None:
    made = [talk(talk(rank(at), 100, 150), 1100, 1150) for at in range(2)]
    talk(made[1], 300, 350)
    found = found_of(tmp_path, *made)
    assert found.collectives[0].count == 1
    assert found.unmatched == 3


def test_what_is_sent_to_one_rank_is_not_matched(tmp_path: Path) -> None:
    made = [talk(rank(at), 100, 150, message("send", 8, range(2))) for at in range(2)]
    found = found_of(tmp_path, *made)
    assert (found.collectives, found.unmatched) == ([], 2)
    assert found.ranks[0].waits_ns is None


def test_spans_that_changed_places_are_put_in_order_by_size(tmp_path: Path) -> None:
    """Threads of gloo begin what is queued in any order."""
    made = []
    for at, sizes in enumerate(((8, 4), (4, 8))):
        info = {"backend": "gloo", "rank": at, "world_size": 2}
        one = Made(header={"distributedInfo": info}).step(0, 0, 1000).op("aten::mm", 10, 50)
        for place, size in enumerate(sizes):
            told = {"Input Dims": [[size]], "Input type": ["float"]}
            span = ("user_annotation", "gloo:all_reduce", 100 + place, 40 - place)
            one.row(*span, tid=300 + place, args=told)
        made.append(one)
    found = found_of(tmp_path, *made)
    assert sorted((row.bytes, row.waiting_ns) for row in found.collectives) == [
        (16, [0, 1_000]), (32, [1_000, 0])
    ]  # fmt: skip
    assert not found.on_device
    assert all(row.bus_gb_per_s is None for row in found.collectives)


def test_clocks_are_aligned_by_the_ends(tmp_path: Path) -> None:
    """Waiting and transfer are as if no clock were off."""
    even = compared(tmp_path, made_ranks(Plan(steps=10, slow=1, factor=1.2)))
    plan = Plan(steps=10, slow=1, factor=1.2, ahead_ms={2: 50.0}, drift_ppm={3: 1000.0})
    odd = compared(tmp_path, made_ranks(plan))
    assert [one.clock.is_off for one in odd.ranks if one.clock] == [False, False, True, True]
    ahead, drifting = odd.ranks[2].clock, odd.ranks[3].clock
    assert ahead is not None
    assert ahead.offset_ns == pytest.approx(50e6, abs=1000)
    assert drifting is not None
    assert drifting.drift_ppm == pytest.approx(1000, rel=0.02)
    assert all(one.clock and not one.clock.is_off for one in even.ranks)
    for mine, other in zip(even.collectives, odd.collectives, strict=True):
        assert mine.waiting_ns == pytest.approx(other.waiting_ns, rel=0.01, abs=20_000)
        assert mine.transfer_ns == pytest.approx(other.transfer_ns, rel=0.05)
        assert mine.last_to_arrive == other.last_to_arrive == [0, 10, 0, 0]


def test_clocks_are_compared_through_groups(tmp_path: Path) -> None:
    """Ranks 0 and 2 are in no group together, but both are with rank 1."""
    made = []
    for at in range(3):
        one = rank(at, 3, base=50_000_000 if at == 2 else 0)
        for place in range(4):
            for group, members in (("a", (0, 1)), ("b", (1, 2))):
                if at in members:
                    begin = 100 + 200 * place + (50 if group == "b" else 0)
                    talk(one, begin, begin + 20, message("allreduce", 8, range(2), group))
        made.append(one)
    found = found_of(tmp_path, *made)
    clocks = [one.clock.offset_ns for one in found.ranks if one.clock]
    assert clocks == [0, 0, 50_000_000]
    assert all(row.transfer_ns == 4 * 20_000 for row in found.collectives)


def test_broadcasts_tell_no_clock(tmp_path: Path) -> None:
    made = [rank(0), rank(1)]
    for place in range(4):
        talk(made[0], 100 + 200 * place, 110 + 200 * place, message("broadcast", 8, range(2)))
        talk(made[1], 180 + 200 * place, 190 + 200 * place, message("broadcast", 8, range(2)))
    found = found_of(tmp_path, *made)
    assert [one.clock for one in found.ranks] == [None, None]
    assert found.facts == []


def test_ranks_that_are_missing_are_told(tmp_path: Path) -> None:
    found = compared(tmp_path, made_ranks(Plan(ranks=4))[1:3])
    assert found.missing == [0, 3]
    assert [one.kind for one in found.facts] == ["ranks_missing"]


def test_recordings_at_different_times_are_not_joined(tmp_path: Path) -> None:
    made = made_ranks(Plan(ranks=2, ahead_ms={1: 60_000.0}))
    with pytest.raises(TraceError, match=r"recorded at different times, by their clocks: 60 s"):
        compared(tmp_path, made)


def test_ranks_without_a_step_in_common(tmp_path: Path) -> None:
    made = [talk(rank(at), 100, 150) for at in range(2)]
    for row in made[1].rows:
        row["name"] = row["name"].replace("Step#", "Step#7")
    with pytest.raises(TraceError, match=r"no step in common: rank 0 has 0 to 0, rank 1 has 70"):
        found_of(tmp_path, *made)


def test_one_trace_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"at least two ranks are needed"):
        found_of(tmp_path, rank(0).kernel("k", 10, 5))


def test_ranks_whose_device_is_not_in_the_trace_are_not_compared(tmp_path: Path) -> None:
    made = made_ranks(Plan(ranks=3))
    made[1].rows = [row for row in made[1].rows if row["cat"] != "kernel"]
    made[1].op("aten::mm", 1000, 50)
    found = compared(tmp_path, made)
    assert [one.rank for one in found.ranks] == [0, 2]
    assert found.missing == []
    (fact,) = found.facts
    assert (fact.kind, fact.values["ranks"]) == ("ranks_without_work", (1,))


def test_a_rank_of_a_cpu_is_not_compared_with_devices(tmp_path: Path) -> None:
    """Nothing in its trace shows that a device worked: its end may be missing."""
    made = made_ranks(Plan(ranks=3))
    made[1].rows = [one for one in made[1].rows if one["cat"] not in ("kernel", "cuda_runtime")]
    made[1].op("aten::mm", 1000, 50)
    assert not read_rank(tmp_path, made[1], "1.json").is_alone
    found = compared(tmp_path, made)
    assert [one.rank for one in found.ranks] == [0, 2]
    told = {one.kind: one.values for one in found.facts}
    assert told["ranks_without_work"] == {"ranks": (1,)}


def spanned(number: int, world: int) -> Made:
    """An all-reduce of 4,000 bytes in 50 us, of a group that nothing tells."""
    told = {"Input Dims": [[1000]], "Input type": ["float"]}
    one = rank(number, world).row("user_annotation", "nccl:all_reduce", 90, 9, args=told)
    return one.kernel("ncclDevKernel_AllReduce(x)", 100, 50, called=95)


def test_a_group_is_as_large_as_the_world_where_ranks_are_missing(tmp_path: Path) -> None:
    (row,) = found_of(tmp_path, spanned(0, 8), spanned(3, 8)).collectives
    assert row.size == 8
    assert row.bus_gb_per_s == pytest.approx(2 * 7 / 8 * 4_000 / 50_000)


def test_of_a_part_of_the_ranks_nobody_knows_how_large_the_group_is(tmp_path: Path) -> None:
    silent = rank(2, 8).kernel("gemm", 100, 50)
    (row,) = found_of(tmp_path, spanned(0, 8), spanned(1, 8), silent).collectives
    assert (row.members, row.size, row.bus_gb_per_s) == ([0, 1], None, None)
    whole = [spanned(0, 3), spanned(1, 3), rank(2, 3).kernel("gemm", 100, 50)]
    (row,) = found_of(tmp_path, *whole).collectives
    assert row.size == 2
