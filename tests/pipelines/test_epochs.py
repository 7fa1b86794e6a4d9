"""Epoch arithmetic over counts, ranks and batches that do not divide."""

from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_bench.pipelines import epochs
from resnext_bench.pipelines.epochs import LastBatch, Orders, Share, samples
from resnext_bench.pipelines.errors import DataError

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
    check_wrap(made(count, world, batch, seed, "wrap"))


def check_wrap(share: Share) -> None:
    count = share.count
    steps = 3 * share.steps + 1
    read = flat(rows(share, steps), share)
    assert len(read) == steps * share.global_batch, "equal steps, full batches"
    for start in range(0, len(read) - count + 1, count):
        assert sorted(read[start : start + count]) == list(range(count))


@given(counts, worlds, batches, seeds)
def test_pad_reads_every_sample_and_repeats_as_many_as_it_says(
    count: int, world: int, batch: int, seed: int
) -> None:
    check_pad(made(count, world, batch, seed, "pad"))


def check_pad(share: Share) -> None:
    count = share.count
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
    check_drop(made(count, world, batch, seed, "drop"))


def check_drop(share: Share) -> None:
    count = share.count
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


@st.composite
def of_shards(draw: st.DrawFn) -> Share:
    """Shares of shards of any sizes, empty ones among them; several runs and pieces in most."""
    shards = tuple(draw(st.lists(st.integers(0, 20), min_size=1, max_size=5)))
    if sum(shards) < 8:  # epochs of a few samples take many epochs for a few batches
        shards = (*shards, 8)
    return Share(
        count=sum(shards),
        batch_size=draw(st.integers(1, 5)),
        seed=draw(seeds),
        world_size=draw(st.integers(1, 5)),
        shards=shards,
    )


@mock.patch.multiple(epochs, RUN=3, PIECE=5)
@settings(max_examples=50)
@given(of_shards())
def test_of_shards_epochs_are_as_of_files(share: Share) -> None:
    check_wrap(share)
    check_pad(replace(share, last="pad"))
    if share.count >= share.global_batch:
        check_drop(replace(share, last="drop"))


@mock.patch.multiple(epochs, RUN=3, PIECE=5)
@settings(max_examples=50)
@given(of_shards())
def test_of_shards_each_sample_looks_the_same_whoever_reads_it(share: Share) -> None:
    alone = [one[:2] for one in islice(samples(replace(share, world_size=1)), 2 * share.count)]
    read = 2 * share.count // share.world_size
    dealt = [
        one[:2]
        for rank in range(share.world_size)
        for one in islice(samples(replace(share, rank=rank)), read)
    ]
    assert set(dealt) <= set(alone)
    assert len(set(dealt)) == read * share.world_size


def test_a_large_set_of_shards_is_read_nearly_from_front_to_back() -> None:
    share = Share(count=60_000, batch_size=1, seed=3, shards=(30_000, 10, 0, 29_990), world_size=4)
    seen = set()
    for rank in range(share.world_size):
        read = list(islice(samples(replace(share, rank=rank)), 30_000))
        order = [one.item for one in read[:15_000]]
        seen |= set(order)
        told = [one.soon for one in read[:15_000]]
        jumps = sum(b != a + 1 for a, b in pairwise(told))
        assert jumps < 15_000 / 200, "whole runs, each from its first sample to its last"
        assert np.abs(np.diff(order)).mean() > 1000, "which are mixed before they are used"
        # Four pieces of 3,750: what is told comes later, by two of them at most.
        place = {item: at for at, item in enumerate(order)}
        early = [place[item] - at for at, item in enumerate(told[:11_250])]
        assert 0 < np.percentile(early, 1) < max(early) < 2 * 3750
        assert set(order[3750:]) == set(told[:11_250]), "all but the first piece"
    assert seen == set(range(60_000)), "once an epoch"


def test_shards_must_hold_the_samples() -> None:
    with pytest.raises(ValueError, match="5 samples in shards, 6 in all"):
        Share(count=6, batch_size=1, seed=0, shards=(2, 3))


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
