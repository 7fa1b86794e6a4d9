"""Pictures into a batch: the same pixels as torchvision's transforms, in the batch's own layout."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional

from resnext_bench.pipelines.images.resize import resize_into


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
