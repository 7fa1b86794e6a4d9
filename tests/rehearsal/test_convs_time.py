"""`convs time` on machines with GPUs that are scripted: what is asked for, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from resnext_bench.cli.convs import time_device
from resnext_bench.cli.convs.time_device import Wanted
from resnext_bench.reports.schema.convs import Convs
from tests.machine.gpu.ready import READY
from tests.rehearsal.machines import On, on
from tests.reports.made_plan_times import made_plan_times

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """What was to be timed: nothing is, and a made record is the answer."""
    wanted: list[Wanted] = []

    def timed(one: Wanted, *_: Any) -> Convs:
        wanted.append(one)
        return made_plan_times(id="")

    monkeypatch.setattr(time_device, "timed_here", timed)
    return wanted


@pytest.fixture
def board(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> On:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return on(READY["8xH100"], monkeypatch, capsys, tmp_path)


def time_(board: On, folder: Path, *words: object) -> Any:
    return board._said("convs", "time", *words, "--output", str(folder))


def test_a_gpu_is_taken_where_there_is_one(
    board: On, ordered: list[Wanted], tmp_path: Path
) -> None:
    said = time_(board, tmp_path, "resnext50_32x4d", "--rounds", 12)
    assert said.code == 0, said.err
    assert "PyTorch took 1.80 ms, best is 900 µs" in said.out
    (one,) = ordered
    assert len(one.asked) == 7
    assert {(each.convolution.dtype, each.convolution.layout) for each in one.asked} == {
        ("bf16", "nhwc")
    }
    assert one.asked[0].convolution.images[0] == 256
    assert one.orders.rounds == 12


def test_types_and_layouts_are_all_timed(board: On, ordered: list[Wanted], tmp_path: Path) -> None:
    words = ("--dtype", "bf16", "--dtype", "tf32", "--layout", "nchw", "--layout", "nhwc")
    said = time_(board, tmp_path, "resnext50_32x4d", "--layer", "layer1.0.conv2", *words)
    assert said.code == 0, said.err
    (one,) = ordered
    assert [(each.convolution.dtype, each.convolution.layout) for each in one.asked] == [
        *(("bf16", "nchw"), ("bf16", "nhwc"), ("tf32", "nchw"), ("tf32", "nhwc")),
    ]


@pytest.mark.parametrize(
    "words",
    [("--threads", 2), ("--isa", "AVX2"), ("--onednn", "both")],
)
def test_what_is_about_a_cpu_is_refused(
    board: On, ordered: list[Wanted], tmp_path: Path, words: tuple[object, ...]
) -> None:
    said = time_(board, tmp_path, "resnext50_32x4d", *words)
    assert said.code == 2
    assert f"{words[0]} is about a CPU" in said.err
    assert ordered == []


def test_a_model_is_looked_at_once_for_all_types_and_layouts(
    board: On, ordered: list[Wanted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    real = time_device.asked_of

    def asked_of(*given: Any, **more: Any) -> Any:
        calls.append(given)
        return real(*given, **more)

    monkeypatch.setattr(time_device, "asked_of", asked_of)
    words = ("--dtype", "bf16", "--dtype", "fp32", "--layout", "nchw", "--layout", "nhwc")
    assert time_(board, tmp_path, "resnext50_32x4d", *words).code == 0
    assert (len(calls), len(ordered[0].asked)) == (1, 4 * 7)
    assert ordered[0].image_size == 224
