"""Sides on a CPU, with PyTorch's own convolutions of a small problem."""

import os

import pytest
import torch

from resnext_bench.convs.measuring.checks import limit
from resnext_bench.convs.measuring.cpu_sides import Known, build, calls
from resnext_bench.convs.measuring.exact import Tensors
from resnext_bench.convs.measuring.onednn import has_onednn, header, logged, onednn
from resnext_bench.convs.times.sides import Setting, TimedSide
from resnext_bench.reports.schema.convs import OPERATIONS, WRONG
from tests.convs.made_sides import made_side

OFF = Setting(onednn=False)
BLOCK_S = 1e-3


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_all_sides_are_right_and_off_is_another_implementation(operation: str, dtype: str) -> None:
    known, kernels = Known(), {}
    for layout in ("nchw", "nhwc"):
        for setting in (Setting(), OFF):
            side = made_side(operation, setting, dtype=dtype, layout=layout)
            ready, built = build(known, side, BLOCK_S)
            assert ready
            assert built.error is not None
            assert built.error <= limit(side.convolution.dtype)
            assert WRONG not in built.notes
            assert built.calls >= 1
            assert ready.block_ns(built.calls) > 0
            kernels[layout, setting.onednn] = built.kernel
            assert ("native" in built.notes) == (built.beside is None)
            if not setting.onednn:
                assert "native" in built.notes
    if has_onednn():
        assert all(kernels[layout, True] != kernels[layout, False] for layout in ("nchw", "nhwc"))


def test_a_planted_wrong_result_is_found() -> None:
    def planted(given: Tensors, side: TimedSide) -> object:
        call = calls(given, side)

        def wrong(number: int) -> torch.Tensor:
            result = call(number)
            result[0, 0] = 0
            return result

        return wrong

    _, built = build(Known(), made_side(), BLOCK_S, planted)
    assert WRONG in built.notes


def test_what_cannot_run_says_why_in_a_line() -> None:
    def refused(given: Tensors, side: TimedSide) -> object:
        def call(number: int) -> torch.Tensor:
            raise RuntimeError("could not create a primitive\nand a stack")

        return call

    ready, built = build(Known(), made_side(), BLOCK_S, refused)
    assert (ready, built.why, built.error) == (None, "could not create a primitive", None)


def test_noise_and_exact_results_are_made_once_for_each_type() -> None:
    known = Known()
    one = known.of(made_side(layout="nchw"))
    assert known.of(made_side(layout="nhwc"))[1] is one[1]
    assert known.of(made_side(dtype="bf16"))[1] is not one[1]


def test_the_log_is_read_at_the_descriptor_which_is_as_before_afterwards() -> None:
    images, weight = torch.randn(2, 32, 20, 20), torch.randn(32, 32, 3, 3)
    before = os.fstat(1)
    lines = logged(lambda: torch.conv2d(images, weight))
    after = os.fstat(1)
    assert (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)
    assert any("convolution" in line for line in lines) == has_onednn()
    with onednn(allowed=False):
        assert not any("convolution" in one for one in logged(lambda: torch.conv2d(images, weight)))
    assert logged(lambda: torch.conv2d(images, weight))


def test_the_library_says_what_it_is() -> None:
    assert bool(header().version) == has_onednn()
