"""Tasks of convolutions in miniature, and those that their box ends."""

from pathlib import Path

import pytest
import torch

from resnext_bench.lab.visit.parts import convs
from resnext_bench.lab.visit.parts.convs import convolutions_of
from resnext_bench.lab.visit.sizes import MINIATURE
from resnext_bench.lab.visit.tasks import Findings
from tests.lab.visit.made import made_box

BF16, FP32 = (convolutions_of(MINIATURE, dtype)[0] for dtype in ("bf16", "fp32"))


def test_all_directions_and_layouts_are_checked_and_timed(tmp_path: Path) -> None:
    findings = Findings()
    convs._measured(BF16, made_box(tmp_path), findings)
    found = findings.found
    assert len(found["sides"]) == 6
    assert set(found["choices"]) == set(found["sides"])
    assert findings.wrong == []
    assert found["layer"]["names"] == ["layer1.0.conv2"]
    reads_and_writes = 2 * 2 * 128 * 16 * 16 * 2  # bf16, batch 2, both maps
    assert found["bytes"]["forward"] == reads_and_writes + 2 * 128 * 4 * 9
    assert found["flop"] == 2 * 2 * 128 * 4 * 9 * 16 * 16


def test_a_wrong_kernel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = convs.exact

    def other(asked: object, direction: str) -> torch.Tensor:
        right = exact(asked, direction)
        return 1.1 * right if direction == "weight gradient" else right

    monkeypatch.setattr(convs, "exact", other)
    findings = Findings()
    convs._measured(FP32, made_box(tmp_path), findings)
    assert [one.partition(":")[0] for one in findings.wrong] == [
        "weight gradient NHWC oneDNN 1",
        "weight gradient NCHW oneDNN 1",
    ]


def test_choices_beyond_the_box_are_left_out(tmp_path: Path) -> None:
    findings = Findings()
    with pytest.raises(RuntimeError, match="no choice could be made"):
        convs._measured(BF16, made_box(tmp_path, seconds=-1), findings)
    assert set(findings.found["left_out"].values()) == {"its time was over"}
