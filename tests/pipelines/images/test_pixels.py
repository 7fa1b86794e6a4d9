"""Bytes as normalised floats."""

import pytest
import torch

from resnext_bench.pipelines.batches import IMAGENET_MEAN, IMAGENET_STD
from resnext_bench.pipelines.images.pixels import Normalise


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
