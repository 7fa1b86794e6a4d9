"""Rates in tables: digits, and what is said of those above a device's peak."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.render.trace.rates import tflops
from resnext_bench.reports.render.trace.report import sections
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.drawn import drawn
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"
WINOGRAD = "volta_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1"
DIRECT = "volta_scudnn_128x64_relu_small_nn_v1"
CONV = {
    "Input Dims": [[64, 64, 56, 56], [64, 64, 3, 3], [], [], [], [], [], [], []],
    "Input type": ["float", "float"],
    "Concrete Inputs": ["", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "False", "[0, 0]", "1"],
}
"""14.8 GFLOP: on a V100 at least 943 us in fp32."""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "?"),
        (1234.5, "1234"),
        (99.96, "100.0"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.5, "0.50"),
        (0.0339, "0.034"),
        (0.0042, "0.0042"),
        (0.000012, "0.000012"),
        (2e-9, "<0.000001"),
    ],
)
def test_digits(value: float | None, told: str) -> None:
    assert tflops(value) == told


@given(st.floats(1e-6, 1e5))
def test_no_rate_is_shown_as_nothing(value: float) -> None:
    assert float(tflops(value)) == pytest.approx(value, rel=0.06)


def shown(folder: Path, operator: str, kernel: str, us: float, **more: Any) -> str:
    made = Made(header={"deviceProperties": [{"id": 0, "name": "Tesla V100-SXM2-32GB"}]})
    made.step(0, 0, 5000).op(operator, 5, 100, **more).kernel(kernel, 200, us, called=8)
    return " ".join("\n".join(drawn(sections(report(analyse(made.write(folder))), 9), 300)).split())


def test_winograd_needs_fewer(tmp_path: Path) -> None:
    told = shown(tmp_path, "aten::convolution", WINOGRAD, 500, **CONV)
    assert "29.6*" in told
    assert "* above the peak of Tesla V100-SXM2-32GB (15.7 TFLOP/s in fp32)" in told
    assert "Winograd" in told


@pytest.mark.parametrize(("us", "mark"), [(500, "!"), (900, "+"), (1000, "")])
def test_other_rates_above_the_peak_are_called_wrong(tmp_path: Path, us: float, mark: str) -> None:
    told = shown(tmp_path, "aten::convolution", DIRECT, us, **CONV)
    assert ("above the peak" in told) == bool(mark)
    assert f"{14798.0 / us:.1f}{mark} " in told


def test_products_likewise(tmp_path: Path) -> None:
    dims = {"Input Dims": [[4096, 4096], [4096, 4096]], "Input type": ["float", "float"]}
    assert "! above the peak" in shown(tmp_path, "aten::mm", GEMM, 100, **dims)
    small = {"Input Dims": [[10, 10], [10, 10]], "Input type": ["float", "float"]}
    told = shown(tmp_path, "aten::mm", GEMM, 4, **small)
    assert " 0.00050 " in told
    assert "above" not in told


def test_a_range_that_cuts_a_call_says_so_once(tmp_path: Path) -> None:
    made = Made(header={"deviceProperties": [{"id": 0, "name": "Tesla V100-SXM2-32GB"}]})
    made.op("aten::convolution", 5, 100, **CONV).kernel(DIRECT, 200, 2000, called=8)
    path = made.write(tmp_path)
    whole = "\n".join(drawn(sections(report(analyse(path)), 9), 300))
    assert " cut " not in whole
    found = report(analyse(path, span=Span(start=2_100_000)))
    told = "\n".join(drawn(sections(found, 9), 300))
    assert told.count("cut by the range: no rate") == 1
    assert "the time that the trace records is wrong" not in told
    (line,) = [line for line in told.splitlines() if "64@56" in line]
    assert " cut " in line
