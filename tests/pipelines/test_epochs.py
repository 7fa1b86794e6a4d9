"""Epoch arithmetic over counts, ranks and batches that do not divide."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.epochs import LastBatch, Orders, Share, samples
from pipelines.errors import DataError

counts = st.integers(1, 60)
worlds = st.integers(1, 9)
batches = st.integers(1, 13)
seeds = st.integers(0, 2**31 - 1)


def rows(share: Share, steps: int) -> list[list[list[int]]]:
    """Indices [steps][ranks][batch] that all ranks read."""
    ranks = [
        list(islice(Orders(replace(share, rank=rank)), steps)) for rank in range(share.world_size)
    ]
    return [[[one.item for one in rank[step]] for rank in ranks] for step in range(steps)]


def flat(steps: list[list[list[int]]], share: Share) -> list[int]:
    """The row that was dealt: place after place, over the ranks."""
    return [
        step[rank][place]
        for step in steps
        for place in range(share.batch_size)
        for rank in range(share.world_size)
    ]


def made(count: int, world: int, batch: int, seed: int, last: LastBatch) -> Share:
    return Share(count=count, world_size=world, batch_size=batch, seed=seed, last=last)


@given(counts, worlds, batches, seeds)
def test_wrap_reads_every_sample_once_an_epoch_over_all_ranks(
    count: int, world: int, batch: int, seed: int
) -> None:
    share = made(count, world, batch, seed, "wrap")
    steps = 3 * share.steps + 1
    read = flat(rows(share, steps), share)
    assert len(read) == steps * share.global_batch, "equal steps, full batches"
    for start in range(0, len(read) - count + 1, count):
        assert sorted(read[start : start + count]) == list(range(count))


@given(counts, worlds, batches, seeds)
def test_pad_reads_every_sample_and_repeats_as_many_as_it_says(
    count: int, world: int, batch: int, seed: int
) -> None:
    share = made(count, world, batch, seed, "pad")
    read = rows(share, 2 * share.steps)
    for epoch in (read[: share.steps], read[share.steps :]):
        times = Counter(flat(epoch, share))
        assert set(times) == set(range(count))
        assert sum(times.values()) - count == share.repeated < share.global_batch
        assert max(times.values()) - min(times.values()) <= 1


@given(counts, worlds, batches, seeds)
def test_drop_reads_no_sample_twice_and_leaves_out_as_many_as_it_says(
    count: int, world: int, batch: int, seed: int
) -> None:
    if count < world * batch:
        with pytest.raises(ValueError, match=f"{count} samples fill no batch of {world} ranks"):
            made(count, world, batch, seed, "drop")
        return
    share = made(count, world, batch, seed, "drop")
    read = rows(share, 2 * share.steps)
    for epoch in (read[: share.steps], read[share.steps :]):
        times = Counter(flat(epoch, share))
        assert set(times.values()) == {1}
        assert count - len(times) == share.left_out < share.global_batch


@given(counts, worlds, seeds)
def test_what_a_sample_looks_like_depends_on_no_rank(count: int, world: int, seed: int) -> None:
    share = Share(count=count, batch_size=1, seed=seed)
    alone = list(islice(samples(share), 2 * world * count))
    dealt = [
        list(islice(samples(replace(share, world_size=world, rank=rank)), 2 * count))
        for rank in range(world)
    ]
    assert [one for step in zip(*dealt, strict=True) for one in step] == alone
    assert len({one.seed for one in alone}) == len(alone), "no sample is augmented alike twice"


def test_epochs_are_shuffled_anew_and_a_large_one_comes_in_pieces() -> None:
    share = Share(count=10_000, batch_size=1, seed=3)
    read = [one.item for one in islice(samples(share), 20_000)]
    first, second = read[:10_000], read[10_000:]
    assert sorted(first) == sorted(second) == list(range(10_000))
    assert first != second
    assert first != sorted(first)


@given(counts, worlds, batches, seeds, st.data())
def test_bad_samples_are_left_out_and_batches_stay_full(
    count: int, world: int, batch: int, seed: int, data: st.DataObject
) -> None:
    share = made(count, world, batch, seed, "wrap")
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=count - 1))
    orders = Orders(share)
    orders.bad |= bad
    read = [one.item for order in islice(orders, 4) for one in order]
    assert len(read) == 4 * batch
    assert not set(read) & bad


def test_what_is_put_back_comes_first_and_in_order() -> None:
    share = Share(count=7, batch_size=2, seed=1)
    expected = list(islice(samples(share), 8))
    orders = Orders(share)
    taken = next(orders) + next(orders)
    orders.bad.add(taken[1].item)
    orders.put_back(taken)
    found = next(orders) + next(orders)
    good = [one for one in expected if one.item != taken[1].item]
    assert found == good[:4]


def test_without_a_good_sample_there_is_an_end() -> None:
    orders = Orders(Share(count=3, batch_size=2, seed=1, world_size=2))
    orders.bad |= {0, 1, 2}
    with pytest.raises(DataError, match="none of the 3 samples decodes any more"):
        next(orders)


def test_an_epoch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        Share(count=0, batch_size=1, seed=0)
