"""Tables of matrix products and attention on terminals of every width."""

from pathlib import Path

import pytest

from resnext_bench.reports.render.trace.report import sections
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.drawn import drawn
from tests.reports.trace.made import Made

NVJET = "nvjet_tst_128x256_64x4_1x2_h_bz_coopA_NNT"
FLASH = "void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits<64, 128, 64, 4>>(x)"


def reported(folder: Path, causal: str) -> TraceReport:
    made = Made(header={"deviceProperties": [{"id": 0, "name": "NVIDIA H100 80GB HBM3"}]})
    made.step(0, 0, 2000)
    dims = [[16384, 4096], [4096, 14336]]
    made.op("aten::mm", 5, 20, **{"Input Dims": dims, "Input type": ["c10::BFloat16"] * 2})
    made.kernel(NVJET, 200, 1234.5, called=8)
    inputs = ["", "", "", "0.", causal]
    sizes = [[4, 32, 2048, 128], [4, 8, 2048, 128], [4, 8, 2048, 128]]
    more = {"Input Dims": sizes, "Input type": ["c10::BFloat16"] * 3, "Concrete Inputs": inputs}
    made.op("aten::_scaled_dot_product_flash_attention", 30, 20, **more)
    made.kernel(FLASH, 1600, 300, called=35)
    return report(analyse(made.write(folder)))


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_figures_and_shapes_are_whole(tmp_path: Path, width: int) -> None:
    found = reported(tmp_path, "True")
    text = "\n".join(drawn(sections(found, 15), width, uncut=found.file))
    for whole in (
        "16384x14336x4096",
        "n4 h32/8 2048x2048 d128",
        "1559!",
        "458 ",
        "matrix products",
    ):
        assert whole in text


def test_what_is_not_recorded_of_a_mask_is_said(tmp_path: Path) -> None:
    texts = {
        told: "\n".join(drawn(sections(reported(tmp_path, told), 15), 120))
        for told in ("True", "False", "")
    }
    assert [name for name, text in texts.items() if "or not recorded" in text] == [""]
    assert "916 " in texts[""]


def test_tables_are_cut(tmp_path: Path) -> None:
    made = Made().step(0, 0, 2000)
    for number in range(3):
        made.op(
            "aten::mm", 5 + 30 * number, 20, **{"Input Dims": [[8, 4 + number], [4 + number, 2]]}
        )
        made.kernel(NVJET, 200 + 10 * number, 5, called=8 + 30 * number)
    text = "\n".join(drawn(sections(report(analyse(made.write(tmp_path))), 2), 120))
    assert "ms per step, the first 2 of 3" in text
