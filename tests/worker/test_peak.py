"""The rate of matrix products that MFU is measured by."""

import pytest
import torch

from resnext_bench.worker import peak
from resnext_bench.worker.peak import matmul_rate, spread_percent
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
    rate = matmul_rate(made_config(amp_dtype=amp), torch.device("cpu"))
    assert seen == {dtype}
    assert rate
    assert rate.tflops == pytest.approx(2 * 1024**3 / 0.001 / 1e12), "the best of all"


def test_a_real_one() -> None:
    rate = matmul_rate(made_config(), torch.device("cpu"))
    assert rate
    assert 0.001 < rate.tflops < 100
    assert 0 <= rate.spread_percent < 50


@pytest.mark.parametrize(
    ("times", "percent"),
    [
        ([2.0] * 6, 0),
        ([2.0, 4.0, 2.0, 4.0, 2.0, 4.0], 0),
        ([4.0, 4.0, 4.0, 2.0, 2.0, 2.0], 25),
        ([2.0, 2.5, 2.0, 2.0, 2.5], 0),
        ([1.0, 1.0, 1.25, 1.25, 2.0, 2.0], 25),
    ],
    ids=["steady", "one of two disturbed", "slow at first", "five", "ever slower"],
)
def test_the_spread_is_between_the_best_of_its_parts(times: list[float], percent: float) -> None:
    assert spread_percent(times) == pytest.approx(percent)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_a_gpu_that_is_full(monkeypatch: pytest.MonkeyPatch, error: RuntimeError) -> None:
    """What was measured is not lost for it, whoever finds no memory."""

    def full(*given: object) -> float:
        raise error

    monkeypatch.setattr(peak, "_measured", full)
    assert matmul_rate(made_config(), torch.device("cpu")) is None


def test_other_errors_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object) -> float:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(peak, "_measured", fails)
    with pytest.raises(RuntimeError, match="illegal"):
        matmul_rate(made_config(), torch.device("cpu"))
