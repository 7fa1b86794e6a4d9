"""Batches out of DALI: layout without a copy, shards, seeds, labels."""

import time

import msgspec
import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator

from resnext_bench.config.resolve import DataFacts
from resnext_bench.pipelines.batches import BatchSpec
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.dali.feed import DaliSource
from resnext_bench.pipelines.dali.pipeline import DaliBatches
from resnext_bench.pipelines.images.folder import ImageFolder, scan
from resnext_bench.pipelines.making.made_images import ensure_made
from resnext_bench.pipelines.making.made_spec import MadeSpec
from resnext_bench.worker.data import most_ready
from tests.worker.made_training import made_config

SMALL = MadeSpec(images=32, seed=5)


@pytest.fixture
def images() -> ImageFolder:
    return scan(ensure_made(cache_dir(), SMALL, workers=1))


def batches(
    images: ImageFolder, *, rank: int = 0, world_size: int = 1, channels_last: bool = True
) -> DaliBatches:
    spec = BatchSpec(
        batch_size=4,
        image_size=40,
        classes=8,
        channels_last=channels_last,
        device=torch.device("cpu"),
        seed=1,
        rank=rank,
        world_size=world_size,
    )
    files = DaliSource(
        root=str(images.root), files=images.files, labels=images.labels, decode="cpu", threads=1
    )
    return DaliBatches(spec, files)


def test_layout_is_the_models_without_a_transpose(images: ImageFolder) -> None:
    for channels_last, layout in ((True, torch.channels_last), (False, torch.contiguous_format)):
        pixels, labels = next(batches(images, channels_last=channels_last))
        assert pixels.shape == (4, 3, 40, 40)
        assert pixels.dtype == torch.float32
        assert pixels.is_contiguous(memory_format=layout)
        assert labels.shape == (4,)
        assert labels.dtype == torch.int64
        # A transpose would have made a tensor of its own; this one is DALI's rows, seen otherwise.
        assert pixels._is_view() is channels_last


def test_pixels_are_normalised(images: ImageFolder) -> None:
    source = batches(images)
    values = torch.cat([next(source)[0] for _ in range(8)])
    assert values.mean().abs() < 1
    assert 0.5 < values.std() < 2


def test_ranks_see_different_files_and_an_epoch_sees_all(images: ImageFolder) -> None:
    seen = []
    for rank in range(2):
        source = batches(images, rank=rank, world_size=2)
        seen.append(torch.cat([next(source)[1] for _ in range(4)]).bincount(minlength=8))
    assert torch.equal(seen[0] + seen[1], torch.full((8,), 4))


def test_the_seed_decides_every_pixel(images: ImageFolder) -> None:
    first, second = batches(images), batches(images)
    for _ in range(10):  # goes over the end of an epoch
        (a, labels_a), (b, labels_b) = next(first), next(second)
        assert torch.equal(a, b)
        assert torch.equal(labels_a, labels_b)


def test_it_never_ends(images: ImageFolder) -> None:
    source = batches(images)
    assert all(len(next(source)[1]) == 4 for _ in range(20))


def test_it_goes_no_further_ahead_than_is_said(images: ImageFolder) -> None:
    """What a duet throws away before a block, so that it meets no batch made in the pause."""
    source = batches(images)
    for _ in range(3):
        next(source)
    time.sleep(0.5)
    config = made_config(data=DataFacts(root="", classes=8, made=True), pipeline="dali")
    assert source._feed.begun <= most_ready(config)
    assert source._feed.begun > most_ready(config) - 2, "nor does it say more than there is"


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_dalis_executor_has_one_queue(depth: int) -> None:
    """What `most_ready` says of a GPU, where DALI's own iterator is used."""
    pulled = 0

    def pull() -> tuple[list[np.ndarray], np.ndarray]:
        nonlocal pulled
        pulled += 1
        return [np.zeros(4, np.uint8)], np.zeros((1, 1), np.int64)

    @pipeline_def
    def graph() -> tuple[object, ...]:
        kinds = [types.UINT8, types.INT64]
        return tuple(fn.external_source(source=pull, num_outputs=2, dtype=kinds, ndim=[1, 1]))

    made = graph(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=depth)
    batches = DALIGenericIterator([made], ["images", "labels"], size=-1, prepare_first_batch=False)
    facts = DataFacts(root="", classes=8, made=True)
    config = made_config(data=facts, pipeline="dali", prefetch=depth)
    ready = most_ready(msgspec.structs.replace(config, device="cuda", decode="mixed"))
    for got in range(1, 4):
        next(batches)
        deadline = time.monotonic() + 10
        while pulled < got + ready and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)  # it would go on, if it did
        assert pulled == got + ready


@pytest.mark.parametrize(
    "said", ["Can't allocate 1073741824 bytes on device 0.", "CUDA allocation failed"]
)
def test_no_file_is_blamed_for_a_lack_of_memory(
    said: str, images: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is any decoded again to find a bad one, while memory is short."""
    found = batches(images)

    def take() -> None:
        raise RuntimeError(
            f"Critical error in pipeline:\nError in GPU operator encountered:\n{said}"
        )

    monkeypatch.setattr(found._running, "take", take)
    monkeypatch.setattr(found, "_damaged", lambda _: pytest.fail("files were decoded"))
    with pytest.raises(RuntimeError, match="Critical error in pipeline"):
        next(found)
    found.close()
