"""Loaders onto a real GPU: what must be the same whoever loads, and whoever decodes."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("nvidia.dali", reason="DALI is not installed")

from resnext_bench.data_formats import ShardFormat
from resnext_bench.pipelines.batches import IMAGENET_MEAN, IMAGENET_STD, Pixels
from resnext_bench.pipelines.epochs import Orders
from resnext_bench.pipelines.errors import DataError
from tests.pipelines.loaders import Loader, Wanted, opened
from tests.pipelines.made_shards import FORMATS, listed, packed
from tests.pipelines.test_loaders import scene

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]

Decode = Literal["cpu", "mixed"]
WAYS: list[tuple[Loader, Decode]] = [("dali", "mixed"), ("dali", "cpu"), ("torchvision", "cpu")]
FILES = 14
GPU = torch.device("cuda", 0)


@pytest.fixture
def photos(tmp_path: Path) -> Wanted:
    """Pictures of which the label is the number, and the brightness too; two kinds of files."""
    root = tmp_path / "photos" / "all"
    root.mkdir(parents=True)
    files = []
    for number in range(FILES):
        files.append(f"{number:02}.{('jpg', 'png')[number % 2]}")
        Image.new("RGB", (70, 50), (20 + 15 * number,) * 3).save(root / files[-1])
    return Wanted(root=root, files=files, device=GPU)


def number_of(images: torch.Tensor) -> list[int]:
    """Which pictures they are of, by their brightness."""
    return ((images.float().mean((1, 2, 3)) - 20) / 15).round().int().tolist()


@pytest.mark.parametrize(("loader", "decode"), WAYS)
@pytest.mark.parametrize("pixels", ["uint8", "fp32", "fp16"])
@pytest.mark.parametrize("channels_last", [True, False])
def test_types_layouts_and_place(
    photos: Wanted, loader: Loader, decode: Decode, pixels: Pixels, channels_last: bool
) -> None:
    wanted = replace(photos, decode=decode, pixels=pixels, channels_last=channels_last)
    with opened(loader, wanted) as batches:
        images, labels = next(batches)
        again = next(batches)[0]
    dtype = {"uint8": torch.uint8, "fp32": torch.float32, "fp16": torch.float16}[pixels]
    rows = channels_last or pixels == "uint8"
    layout = torch.channels_last if rows else torch.contiguous_format
    assert (images.shape, images.dtype, images.device) == ((4, 3, 40, 40), dtype, GPU)
    assert images.is_contiguous(memory_format=layout)
    assert (labels.shape, labels.dtype, labels.device) == ((4,), torch.int64, GPU)
    assert images.data_ptr() != again.data_ptr(), "a batch stays what it is while the next comes"


@pytest.mark.parametrize(("loader", "decode"), WAYS)
def test_order_and_labels_over_epochs(photos: Wanted, loader: Loader, decode: Decode) -> None:
    with opened(loader, replace(photos, decode=decode)) as batches:
        found = [(number_of(images), labels.tolist()) for images, labels in islice(batches, 12)]
    orders = islice(Orders(photos.spec().share(FILES)), 12)
    expected = [[one.item for one in order] for order in orders]
    assert found == [(order, order) for order in expected]


@pytest.mark.parametrize(("loader", "decode"), WAYS)
@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("size", [96, 48])
@pytest.mark.parametrize("pixels", ["uint8", "fp32"])
def test_pixels_are_pils(
    *, tmp_path: Path, loader: Loader, decode: Decode, subsampling: int, size: int, pixels: Pixels
) -> None:
    """Decoders of GPUs round otherwise in the inverse transform and in the colours."""
    scene(96).save(tmp_path / "scene.jpg", quality=92, subsampling=subsampling)
    with Image.open(tmp_path / "scene.jpg") as image:
        plain = np.asarray(image.convert("RGB").resize((size, size), 2, reducing_gap=None))
    expected = torch.tensor(plain).permute(2, 0, 1).float()
    wanted = Wanted(
        root=tmp_path, files=["scene.jpg"], batch_size=8, size=size, whole=True, device=GPU
    )
    with opened(loader, replace(wanted, decode=decode, pixels=pixels)) as batches:
        images = next(batches)[0].float().cpu()
    if pixels != "uint8":
        mean, std = (torch.tensor(one).view(3, 1, 1) for one in (IMAGENET_MEAN, IMAGENET_STD))
        images = 255 * (images * std + mean)
    off = [
        min(float((one - seen).abs().max()) for seen in (expected, expected.flip(-1)))
        for one in images
    ]
    assert max(off) <= 6


@pytest.mark.parametrize(("loader", "decode"), WAYS)
@pytest.mark.parametrize("kind", FORMATS)
def test_shards(photos: Wanted, loader: Loader, decode: Decode, kind: ShardFormat) -> None:
    """Mapped bytes go to decoders of the GPU too, and stay until those have looked."""
    shards = listed(packed(photos.root.parent, photos.root.parent.parent / "out", kind))
    wanted = replace(
        photos,
        root=shards.root,
        files=list(shards.files),
        labels=list(range(FILES)),
        ranges=shards.ranges,
        decode=decode,
    )
    told = {}
    with opened(loader, wanted) as batches:
        for images, labels in islice(batches, 40):
            for label, number in zip(labels.tolist(), number_of(images), strict=True):
                assert told.setdefault(label, number) == number
    assert sorted(told.values()) == list(range(FILES))


@pytest.mark.parametrize(("loader", "decode"), WAYS)
@pytest.mark.parametrize("skip_bad", [True, False])
def test_a_file_that_turns_bad(
    photos: Wanted, loader: Loader, decode: Decode, skip_bad: bool
) -> None:
    wanted = replace(photos, decode=decode, skip_bad=skip_bad)
    victim = photos.root / photos.files[4]
    with opened(loader, wanted) as batches:
        next(batches)
        victim.write_bytes(victim.read_bytes()[:200])
        if skip_bad:
            seen = [label for _, labels in islice(batches, 40) for label in labels.tolist()]
            assert batches.left_out == [photos.files[4]]
            assert set(seen[60:]) == set(range(FILES)) - {4}
        else:
            with pytest.raises(DataError, match=victim.name):
                list(islice(batches, 12))
