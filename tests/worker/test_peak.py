"""The rate of matrix products that MFU is measured by."""

import pytest
import torch

from bench.worker import peak
from bench.worker.peak import matmul_tflops
from tests.worker.made_training import made_config


@pytest.mark.parametrize(("amp", "dtype"), [("none", torch.float32), ("bf16", torch.bfloat16)])
def test_products_are_in_the_type_of_the_run(
    amp: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[torch.dtype] = set()
    times = iter([0.004, 0.001, 0.002, 0.003, 0.002])

    def seconds(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> float:
        seen.update((a.dtype, b.dtype, c.dtype))
        return next(times)

    monkeypatch.setattr(peak, "_seconds", seconds)
    monkeypatch.setattr(peak, "SECONDS", 0.0)
    rate = matmul_tflops(made_config(amp_dtype=amp), torch.device("cpu"))
    assert seen == {dtype}
    assert rate == pytest.approx(2 * 1024**3 / 0.001 / 1e12), "the best of all"


def test_a_real_one() -> None:
    rate = matmul_tflops(made_config(), torch.device("cpu"))
    assert rate is not None
    assert 0.001 < rate < 100


def test_a_gpu_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(peak, "_measured", full)
    assert matmul_tflops(made_config(), torch.device("cpu")) is None
