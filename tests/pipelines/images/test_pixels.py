"""Pictures into a batch, as torchvision's transforms do it, and bytes as normalised floats."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional

from resnext_bench.pipelines.batches import IMAGENET_MEAN, IMAGENET_STD
from resnext_bench.pipelines.images.pixels import Normalise, resize_into


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    mirror=st.booleans(),
    rows=st.booleans(),
    cut=st.integers(0, 20),
)
def test_pixels_are_torchvisions(
    height: int, width: int, mirror: bool, rows: bool, cut: int
) -> None:
    """Whatever the layout, and of a part of a picture too."""
    generator = torch.Generator().manual_seed(100 * height + width)
    shape = (1, 3, height + cut, width + cut)
    whole = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    whole = whole.to(memory_format=torch.channels_last) if rows else whole
    picture = whole[:, :, cut:, cut:]
    batch = torch.zeros(3, 3, 16, 16, dtype=torch.uint8).to(memory_format=torch.channels_last)
    resize_into(batch[1:2], picture, mirror=mirror)
    expected = functional.resize(picture.contiguous(), [16, 16], antialias=True)
    expected = functional.horizontal_flip(expected) if mirror else expected
    assert torch.equal(batch[1:2], expected)
    assert not batch[0].any()
    assert not batch[2].any()


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_a_slot_keeps_its_layout(layout: torch.memory_format) -> None:
    batch = torch.zeros(2, 3, 8, 8, dtype=torch.uint8).to(memory_format=layout)
    rows = torch.arange(3 * 20 * 30, dtype=torch.int64).remainder(251).to(torch.uint8)
    crop = rows.view(20, 30, 3).permute(2, 0, 1)[None]  # as decoders give it
    resize_into(batch[:1], crop, mirror=True)
    assert batch.is_contiguous(memory_format=layout)
    expected = functional.horizontal_flip(
        functional.resize(crop.contiguous(), [8, 8], antialias=True)
    )
    assert torch.equal(batch[:1], expected)


def normalise(dtype: torch.dtype, layout: torch.memory_format) -> Normalise:
    return Normalise(width=7, device=torch.device("cpu"), dtype=dtype, layout=layout)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_published_constants_in_any_type_and_layout(
    dtype: torch.dtype, layout: torch.memory_format
) -> None:
    made = torch.randint(256, (4, 5, 7, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    found = normalise(dtype, layout)(made)
    mean = torch.tensor(IMAGENET_MEAN, dtype=torch.float64).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=torch.float64).view(3, 1, 1)
    exact = (made.double() / 255 - mean) / std
    assert found.dtype is dtype
    assert found.is_contiguous(memory_format=layout)
    torch.testing.assert_close(found.double(), exact, rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_it_compiles() -> None:
    made = torch.randint(256, (2, 5, 7, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    plain = normalise(torch.float32, torch.channels_last)
    compiled = torch.compile(plain, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(made), plain(made))
