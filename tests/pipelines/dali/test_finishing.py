"""Threads beside DALI's: in order, as far ahead as asked for, and gone when nobody wants them."""

import gc
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch

from resnext_bench.pipelines.batches import BatchSpec
from resnext_bench.pipelines.dali.finishing import CROPS_A_THREAD, Finisher, one_thread_each

SPEC = BatchSpec(
    batch_size=2,
    image_size=8,
    classes=5,
    channels_last=True,
    device=torch.device("cpu"),
    seed=0,
    rank=0,
    world_size=1,
    pixels="uint8",
    prefetch=2,
)


class Flat:
    """As DALI's list of tensors of one shape."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def as_tensor(self) -> np.ndarray:
        return self._values


class Crops:
    """Batch n holds plain crops of brightness n; the right half of each is black."""

    def __init__(self, last: int = 10**6) -> None:
        self.made, self._last = 0, last

    def run(self) -> tuple[list[np.ndarray], Flat, Flat]:
        if self.made == self._last:
            raise RuntimeError("a bad file")
        self.made += 1
        crops = [np.zeros((10 + 3 * place, 20, 3), np.uint8) for place in range(2)]
        for crop in crops:
            crop[:, :10] = self.made
        labels = np.array([[self.made], [self.made + 1]])
        return crops, Flat(labels), Flat(np.array([0, 1]))


def test_batches_in_order_resized_mirrored_and_in_rows() -> None:
    finisher = Finisher(Crops(), SPEC, threads=2 * CROPS_A_THREAD)
    for number in range(1, 6):
        images, labels = finisher.take()
        assert images.shape == (2, 3, 8, 8)
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert labels.tolist() == [number, number + 1]
        left, right = images[:, :, :, 0], images[:, :, :, -1]
        assert (left[0] == number).all()
        assert (right[0] == 0).all()
        assert (left[1] == 0).all()
        assert (right[1] == number).all(), "the second one is mirrored"
    finisher.close()


def test_an_error_comes_after_the_batches_before_it() -> None:
    finisher = Finisher(Crops(last=3), SPEC, threads=1)
    assert [finisher.take()[1][0].item() for _ in range(3)] == [1, 2, 3]
    with pytest.raises(RuntimeError, match="a bad file") as error:
        finisher.take()
    frames = [frame.name for frame in error.traceback]
    assert "run" not in frames, "its frames would keep the pipeline alive"
    finisher.close()


def test_it_goes_as_far_ahead_as_asked_for_and_waits() -> None:
    crops = Crops()
    finisher = Finisher(crops, SPEC, threads=1)
    finisher.take()
    time.sleep(0.3)
    assert crops.made == 1 + SPEC.prefetch + 1, "taken, in the queue, and one before it"
    finisher.close()


def test_its_threads_end_while_the_queue_is_full() -> None:
    before = threading.active_count()
    finisher = Finisher(Crops(), SPEC, threads=1)
    finisher.take()
    time.sleep(0.1)
    finisher.close()
    finisher.close()  # once more does nothing
    assert threading.active_count() == before


def test_threads_of_a_pool_do_not_split_their_operations() -> None:
    own = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        pool = one_thread_each(2)
        found = list(pool.map(lambda _: torch.get_num_threads(), range(8)))
        assert set(found) == {1}
        assert torch.get_num_threads() == 3
        later: list[int] = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [3], "threads to come have the caller's number"
        pool.shutdown()
    finally:
        torch.set_num_threads(own)


def threads_named(name: str) -> list[Any]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def test_batches_that_nobody_holds_end_their_threads(tmp_path: Any) -> None:
    from PIL import Image

    from resnext_bench.pipelines.dali.feed import DaliSource
    from resnext_bench.pipelines.dali.pipeline import DaliBatches

    Image.new("RGB", (40, 30), (200, 0, 0)).save(tmp_path / "0.jpg")
    source = DaliSource(root=str(tmp_path), files=["0.jpg"], labels=[0], decode="cpu", threads=1)
    batches = DaliBatches(SPEC, source)
    next(batches)
    assert threads_named("finisher")
    del batches
    gc.collect()
    assert not threads_named("finisher")
    assert not threads_named("resize")
