"""What is right, and what is found out."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from resnext_bench.convs.measuring.checks import TYPES, is_right, off, set_precision
from resnext_bench.resnext.traffic import Dtype

EXACT = torch.randn(64, 512, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp32"])
def test_rounding_is_right(dtype: Dtype) -> None:
    assert is_right(off(EXACT.to(TYPES[dtype]), EXACT), dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_row_in_fifty_that_is_zero_is_wrong(dtype: Dtype) -> None:
    broken = EXACT.to(TYPES[dtype])
    broken[7] = 0
    assert not is_right(off(broken, EXACT), dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_one_nan_is_wrong(dtype: Dtype) -> None:
    broken = EXACT.to(TYPES[dtype])
    broken[3, 4] = math.nan
    assert math.isnan(off(broken, EXACT))
    assert not is_right(off(broken, EXACT), dtype)


def test_what_is_computed_in_a_lesser_type_is_found_out() -> None:
    as_bf16 = EXACT.bfloat16().float()
    as_tf32 = (EXACT.float().view(torch.int32) & ~0x1FFF).view(torch.float32)
    assert is_right(off(as_tf32, EXACT), "tf32")
    assert not is_right(off(as_tf32, EXACT), "fp32")
    assert not is_right(off(as_bf16, EXACT), "fp16")


@pytest.fixture
def settings() -> Iterator[list[Any]]:
    """Everything that has an fp32_precision; put back afterwards."""
    backends = torch.backends
    each = [backends, backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn]
    before = [one.fp32_precision for one in each]
    yield each
    for one, precision in zip(each, before, strict=True):
        one.fp32_precision = precision


@pytest.mark.parametrize(("dtype", "told"), [("tf32", "tf32"), ("fp32", "ieee"), ("bf16", "ieee")])
def test_tf32_where_it_is_asked_for_and_nowhere_else(
    dtype: Dtype, told: str, settings: list[Any]
) -> None:
    set_precision(dtype)
    assert [one.fp32_precision for one in settings] == [told] * len(settings)
