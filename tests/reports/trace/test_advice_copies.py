"""Copies to the device: batches that a program hands over, and what operators are given."""

from pathlib import Path

import pytest

from tests.reports.trace.made import Made
from tests.reports.trace.test_advice import TENSOR, K, reported, step

PAGEABLE = "Memcpy HtoD (Pageable -> Device)"


def given(operator: str, copies: str = PAGEABLE) -> Made:
    """A copy of 1 us within an operator, and a wait of 600 us for the kernel before it."""
    made = step().kernel(TENSOR, 10, 600, called=1.0)
    made.op(operator, 20, 650).op("aten::to", 21, 640).op("aten::copy_", 22, 630)
    made.on_gpu("gpu_memcpy", copies, 611, 1, made.launch(23, dur=2, name="cudaMemcpyAsync"))
    made.row("cuda_runtime", "cudaStreamSynchronize", 26, 600)
    return made.kernel(TENSOR, 700, 300, called=690.0)


@pytest.mark.parametrize("operator", ["aten::index", "aten::index_put_", "aten::where", "my::op"])
def test_tensors_of_the_host_that_operators_are_given(tmp_path: Path, operator: str) -> None:
    """The wait is of the operator, and the copy's microsecond can be saved as well."""
    found = reported(given(operator), tmp_path)
    (one,) = (one for one in found.advice if one.kind is K.HOST_TENSORS)
    assert (one.evidence["operator"], one.evidence["call"]) == (operator, "cudaStreamSynchronize")
    assert one.evidence["total_ns"] == 602_000
    assert one.gain_ns == sum(found.steps.idle_ns) + 1000
    assert not {K.COPIES, K.BLOCKING} & {one.kind for one in found.advice}


@pytest.mark.parametrize("operator", ["aten::to", "aten::_to_copy", "aten::copy_"])
def test_batches_that_a_program_hands_over(tmp_path: Path, operator: str) -> None:
    told = {one.kind for one in reported(given(operator), tmp_path).advice}
    assert K.COPIES in told
    assert K.HOST_TENSORS not in told


@pytest.mark.parametrize("operator", ["aten::index", "aten::item"])
def test_what_is_read_back_is_neither(tmp_path: Path, operator: str) -> None:
    found = reported(given(operator, "Memcpy DtoH (Device -> Pageable)"), tmp_path)
    told = {one.kind for one in found.advice}
    assert K.BLOCKING in told
    assert not {K.COPIES, K.HOST_TENSORS} & told


def test_a_program_that_waits_by_itself_copies_nothing(tmp_path: Path) -> None:
    """A copy without an operator is one thing, torch.cuda.synchronize() another."""
    made = step().kernel(TENSOR, 10, 600, called=1.0)
    made.on_gpu("gpu_memcpy", PAGEABLE, 611, 50, made.launch(23, dur=20, name="cudaMemcpyAsync"))
    made.row("cuda_runtime", "cudaDeviceSynchronize", 50, 610)
    made.kernel(TENSOR, 720, 280, called=710.0)
    told = {one.kind: one for one in reported(made, tmp_path).advice}
    assert told[K.BLOCKING].evidence["total_ns"] == 610_000
    assert told[K.COPIES].evidence["total_ns"] == 20_000
