"""A slow rank of a run gets a note; ranks that wait for it do not."""

import numpy as np
import pytest

from resnext_bench.reports.figures.stragglers import Columns, slow_ranks
from resnext_bench.reports.render.notes import sentence
from resnext_bench.reports.schema.samples import Samples

STEPS = 20


def samples(ranks: int) -> list[Samples]:
    return [
        Samples(
            rank=rank, node=0, local_rank=rank, host="host", pid=1, device="cpu", window_ns=1,
            step_ns=[], data_wait_ns=[], forward_ns=[], backward_ns=[], optimizer_ns=[],
            next_ns=[], loss=[], warm_up_ns=[],
        )
        for rank in range(ranks)
    ]  # fmt: skip


def columns(ranks: int = 4, steps: int = STEPS, **slow: dict[int, float]) -> dict[str, np.ndarray]:
    """Times in ms by part, each 1 % around its mean; what is slow is added by rank."""
    random = np.random.default_rng(7)
    found = {}
    for name, mean in (("data_wait", 1.0), ("forward", 10.0), ("optimizer", 1.0)):
        table = mean * np.exp(random.normal(scale=0.01, size=(ranks, steps)))
        for rank, more in slow.get(name, {}).items():
            table[rank] += more
        found[f"{name}_ns"] = (1e6 * table).astype(np.int64)
    return found


def found_of(ranks: int, told: Columns) -> list[tuple[object, object]]:
    notes = list(slow_ranks(samples(ranks), told))
    return [(one.values["rank"], one.values["of"]) for one in notes]


def test_a_rank_that_computes_longer() -> None:
    assert found_of(4, columns(forward={2: 3.0})) == [(2, "forward")]


def test_ranks_that_wait_for_a_late_batch_are_not_slow() -> None:
    """Before the forward pass buffers are sent, for which all wait."""
    waiting = {rank: 3.0 for rank in range(4) if rank != 1}
    told = columns(data_wait={1: 3.0}, forward=waiting)
    assert found_of(4, told) == [(1, "data wait")]


def test_nobody_is_slow() -> None:
    assert found_of(4, columns()) == []
    assert found_of(4, columns(forward={2: 0.2})) == []  # less than 5 %


def test_batches_that_take_no_time() -> None:
    told = columns(forward={0: 5.0}) | {"data_wait_ns": np.zeros((4, STEPS), dtype=np.int64)}
    assert found_of(4, told) == [(0, "forward")]


@pytest.mark.parametrize(("ranks", "steps"), [(1, 20), (4, 4)])
def test_too_few_to_tell(ranks: int, steps: int) -> None:
    assert found_of(ranks, columns(ranks, steps, forward={0: 9.0})) == []


def test_its_words() -> None:
    (one,) = slow_ranks(samples(4), columns(forward={2: 3.0}))
    assert sentence(one).startswith(
        "rank 2 on host is slow: it is in forward and optimizer for 3 ms"
    )
