"""Blocks and totals, against an allocator that is played row by row."""

import random
from dataclasses import replace

import numpy as np
import pytest

from resnext_bench.reports.trace.memory.blocks import BEFORE, blocks
from resnext_bench.reports.trace.memory.series import Series, series
from resnext_bench.reports.trace.reading.trace import UNTOLD, Memory, device_key, device_of

GPU = device_key(1, 0)


def recorded(
    rows: list[tuple[int, int]], totals: list[int] | None = None, device: int = GPU
) -> Memory:
    """Rows of bytes and address, one a ns."""
    size, address = (np.array(one, dtype=np.int64) for one in zip(*rows, strict=True))
    count = len(rows)
    return Memory(
        time=np.arange(count, dtype=np.int64),
        thread=np.zeros(count, dtype=np.int32),
        device=np.full(count, device, dtype=np.int64),
        bytes=size,
        address=address,
        total=np.array(totals or [UNTOLD] * count, dtype=np.int64),
        reserved=np.full(count, UNTOLD),
    )


def only(memory: Memory) -> Series:
    (found,) = series(memory)
    return found


def played(seed: int) -> tuple[list[tuple[int, int]], list[int], int]:
    """Rows and totals of an allocator that uses few addresses again and again, and what it held."""
    dice = random.Random(seed)
    held = {address: dice.randint(1, 9) for address in range(dice.randint(0, 6))}
    hidden = dice.randint(0, 50)  # blocks that are there all the time
    total = hidden + sum(held.values())
    before = total
    rows, totals = [], []
    for _ in range(60):
        address = dice.randint(0, 9)
        size = -held.pop(address) if address in held else dice.randint(1, 9)
        if size > 0:
            held[address] = size
        total += size
        rows.append((size, address))
        totals.append(total)
    return rows, totals, before


@pytest.mark.parametrize("seed", range(30))
def test_at_every_moment_blocks_and_the_bytes_of_before_are_the_total(seed: int) -> None:
    rows, totals, before = played(seed)
    found = only(recorded(rows, totals))
    made = blocks(found)
    assert made.lost == 0
    assert found.before == before
    rest = before - int(made.size[made.start == BEFORE].sum())
    assert rest >= 0
    for place, total in enumerate(totals):
        assert int(made.size[made.alive(place)].sum()) + rest == total
    assert (made.known(len(rows)) + rest == totals).all()
    for start, end, address, freed in zip(
        made.start, made.end, made.address, made.free_told, strict=True
    ):
        assert rows[start][1] == address or start == BEFORE
        assert (rows[end][1] == address and rows[end][0] < 0) if freed else end == len(rows)


@pytest.mark.parametrize("seed", range(10))
def test_without_addresses_sizes_are_right_at_every_moment(seed: int) -> None:
    rows, totals, _ = played(seed)
    told = only(recorded([(size, UNTOLD) for size, _ in rows], totals))
    made = blocks(told)
    assert made.lost == 0
    rest = {total - there for total, there in zip(totals, made.known(len(rows)), strict=True)}
    assert len(rest) == 1


def test_without_addresses_the_last_block_of_a_size_goes_first() -> None:
    made = blocks(only(recorded([(4, UNTOLD), (4, UNTOLD), (-4, UNTOLD), (-4, UNTOLD)])))
    assert list(zip(made.start, made.end, strict=True)) == [(0, 3), (1, 2)]


def test_rows_that_are_missing() -> None:
    """An address that is given out twice has been freed between; one that is freed twice, not."""
    rows = [(4, 1), (5, 1), (-5, 1), (-6, 1)]
    made = blocks(only(recorded(rows, [4, 5, 0, 0])))
    assert made.lost == 2
    assert list(zip(made.start, made.end, made.free_told, strict=True)) == [
        (0, 1, False),
        (1, 2, True),
    ]


@pytest.mark.parametrize("seed", range(10))
def test_rows_in_the_order_of_their_totals(seed: int) -> None:
    """Two neighbours that were written in the wrong order are put right, and nothing else."""
    rows, totals, _ = played(seed)
    order = list(range(len(rows)))
    order[20], order[21] = order[21], order[20]
    wrong = only(recorded([rows[at] for at in order], [totals[at] for at in order]))
    right = only(recorded(rows, totals))
    assert wrong.total.tolist() == right.total.tolist()
    assert wrong.moved == 1
    assert right.moved == 0


def test_totals_that_some_rows_do_not_have() -> None:
    rows = [(4, 1), (5, 2), (-4, 1), (6, 3)]
    found = only(recorded(rows, [UNTOLD, 19, UNTOLD, -3]))
    assert found.total.tolist() == [14, 19, 15, 21]
    assert (found.before, found.negative, found.has_totals) == (10, 1, True)


def test_devices_by_their_highest_total() -> None:
    small, large = recorded([(4, 1)], [4]), recorded([(5, 1)], [50], device_key(0, -1))
    both = replace(
        small,
        **{
            name: np.concatenate([getattr(small, name), getattr(large, name)])
            for name in ("time", "thread", "device", "bytes", "address", "total", "reserved")
        },
    )
    assert [device_of(one.device) for one in series(both)] == [(0, -1), (1, 0)]
