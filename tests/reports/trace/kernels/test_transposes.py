"""Transposes of matrices are no layout tax; those of images are."""

from pathlib import Path

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made

PLAIN = "batched_transpose_16x64_pack_1x4_ediv_1x2_half"
GENERIC = "void cudnn::ops::genericTranspose_kernel<__half>(x)"
IMAGES = "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(x)"


def tax(folder: Path, name: str, operator: str, *, convolves: bool) -> int:
    """Layout tax, us, of a kernel of 5 us below an operator."""
    made = Made().step(0, 0, 500).op(operator, 5, 50).kernel(name, 100, 5, called=10)
    if convolves:
        made.op("aten::miopen_convolution", 60, 50)
        made.kernel("igemm_fwd_gtcx3_nhwc_bf16", 200, 5, called=70)
    return report(analyse(made.write(folder))).layout.total_ns // 1000


@pytest.mark.parametrize("name", [PLAIN, GENERIC])
@pytest.mark.parametrize(
    ("operator", "convolves", "expected"),
    [
        ("aten::miopen_convolution", False, 5),
        ("aten::miopen_batch_norm", True, 5),
        ("aten::miopen_batch_norm", False, 0),
        ("aten::mm", True, 0),
        ("aten::mm", False, 0),
        ("aten::clone", False, 0),
    ],
)
def test_a_transpose_is_of_images_where_there_are_any(
    tmp_path: Path, name: str, operator: str, convolves: bool, expected: int
) -> None:
    assert tax(tmp_path, name, operator, convolves=convolves) == expected


@pytest.mark.parametrize("convolves", [True, False])
def test_a_name_that_speaks_of_images_is_believed(tmp_path: Path, convolves: bool) -> None:
    assert tax(tmp_path, IMAGES, "aten::clone", convolves=convolves) == 5


def test_what_is_no_tax_is_a_copy(tmp_path: Path) -> None:
    made = Made().step(0, 0, 500).op("aten::mm", 5, 50).kernel(PLAIN, 100, 5, called=10)
    found = report(analyse(made.write(tmp_path)))
    assert {row.cls: row.total_ns for row in found.classes} == {"copy": 5000}
    assert found.layout.rows == []
