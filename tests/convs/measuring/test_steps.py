"""Parts and operators of profiled steps."""

from types import SimpleNamespace
from typing import Any

import pytest

from resnext_bench.convs.measuring.steps import Profile, operators_of, summed


def event(name: str, us: float, parent: Any = None, device: str = "CPU", kernels: float = 0) -> Any:
    return SimpleNamespace(
        name=name,
        device_type=SimpleNamespace(name=device),
        self_cpu_time_total=us,
        self_device_time_total=kernels,
        cpu_parent=parent,
    )


CONV = event("aten::cudnn_convolution", 40, event("aten::conv2d", 2), kernels=900)
EVENTS = (
    CONV,
    event("aten::copy_", 7, event("ConvertedBackward", 1), kernels=50),
    event("aten::copy_", 3, event("aten::to", 1), kernels=20),
    event("aten::native_batch_norm_backward", 11, kernels=200),
    event("aten::threshold_backward", 5, kernels=100),
    event("a kernel", 0, device="CUDA", kernels=900),
)


def test_an_operator_counts_for_the_part_that_called_it() -> None:
    found = operators_of(EVENTS, is_on_gpu=False)
    assert found == {
        ("convolutions", "cudnn_convolution"): 40,
        ("conversions", "copy"): 7,
        ("rest", "copy"): 3,
        ("others", "native_batch_norm_backward"): 11,
        ("rest", "threshold_backward"): 5,
    }


def test_on_a_gpu_it_counts_with_its_kernels_and_these_count_once() -> None:
    found = operators_of(EVENTS, is_on_gpu=True)
    assert found["convolutions", "cudnn_convolution"] == 900
    assert found["conversions", "copy"] == 50
    assert sum(found.values()) == 900 + 50 + 20 + 200 + 100


def test_parts_are_medians_and_the_rest_is_what_is_left_of_a_step() -> None:
    def step(conv: float) -> Profile:
        return Profile(
            total_ms=10.0,
            operators={("convolutions", "conv"): 1e3 * conv, ("rest", "add"): 500.0},
        )

    found = summed([step(4), step(5), step(9)])
    assert (found.convolutions, found.others, found.conversions) == (5, 0, 0)
    assert found.rest == pytest.approx(5)
    assert [(one.part, one.name, one.ms) for one in found.operators] == [
        ("convolutions", "conv", 5.0),
        ("rest", "add", 0.5),
    ]
