"""TF32: both sets of PyTorch's switches say the same, and either may be read."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from resnext_bench.convs.measuring.checks import set_precision
from resnext_bench.worker import precision
from resnext_bench.worker.precision import allow_tf32
from tests.worker.made_training import made_config

BACKENDS: Any = torch.backends
OLD: dict[str, Callable[[], Any]] = {
    "matmul.allow_tf32": lambda: BACKENDS.cuda.matmul.allow_tf32,
    "cudnn.allow_tf32": lambda: BACKENDS.cudnn.allow_tf32,
    "float32_matmul_precision": torch.get_float32_matmul_precision,
}
NEW: dict[str, Callable[[], Any]] = {
    "all": lambda: BACKENDS.fp32_precision,
    "matmul": lambda: BACKENDS.cuda.matmul.fp32_precision,
    "cudnn": lambda: BACKENDS.cudnn.fp32_precision,
    "conv": lambda: BACKENDS.cudnn.conv.fp32_precision,
    "rnn": lambda: BACKENDS.cudnn.rnn.fp32_precision,
}
CPU: dict[str, Callable[[], Any]] = {
    "matmul": lambda: BACKENDS.mkldnn.matmul.fp32_precision,
    "conv": lambda: BACKENDS.mkldnn.conv.fp32_precision,
    "rnn": lambda: BACKENDS.mkldnn.rnn.fp32_precision,
}


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    yield
    allow_tf32(False)


def read(switches: dict[str, Callable[[], Any]]) -> list[Any]:
    return [switch() for switch in switches.values()]


def agree(allowed: bool) -> None:
    assert read(OLD) == [allowed, allowed, "high" if allowed else "highest"]
    assert set(read(NEW)) == {"tf32" if allowed else "ieee"}
    assert set(read(CPU)) == {"ieee"}, "TF32 is a GPU's"


@pytest.mark.parametrize("order", [(True,), (False,), (True, False, True), (False, True, False)])
def test_both_sets_agree_whatever_was_set_before(order: tuple[bool, ...]) -> None:
    for allowed in order:
        precision.apply(made_config(tf32=allowed))
        agree(allowed)


def test_they_agree_in_the_visit_too() -> None:
    for one, other in pairwise(("tf32", "fp32", "bf16", "tf32")):
        set_precision(one)  # type: ignore[arg-type]
        agree(one == "tf32")
        set_precision(other)  # type: ignore[arg-type]
        agree(other == "tf32")


@pytest.mark.parametrize("tf32", [True, False])
def test_a_compiled_model_reads_the_older_ones(tf32: bool) -> None:
    precision.apply(made_config(tf32=tf32))
    model = nn.Linear(4, 4)
    model.compile(backend="aot_eager")
    assert model(torch.randn(2, 4)).shape == (2, 4)


@pytest.mark.parametrize("tf32", [True, False])
def test_a_module_may_set_and_put_back_cudnns(tf32: bool) -> None:
    """As users' modules do around a part of their forward."""
    precision.apply(made_config(tf32=tf32))
    with torch.backends.cudnn.flags(benchmark=True, allow_tf32=tf32):
        pass
    agree(tf32)
