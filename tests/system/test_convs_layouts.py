"""`convs layouts`: what is refused, and a tiny network from its rows to whole steps."""

import json
from pathlib import Path

import pytest

from resnext_bench.convs.layouts import record as module
from resnext_bench.convs.layouts.benches import OnCpu
from resnext_bench.convs.layouts.record import Wanted, compared
from resnext_bench.convs.layouts.times import LAYOUTS
from resnext_bench.convs.problems import of_network
from resnext_bench.convs.times.record import TimeOrder
from resnext_bench.convs.times.sides import Setting
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.layouts import Layouts
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from tests.cli.typed import Typed

pytestmark = pytest.mark.system
TINY, SIZE, ROUNDS = "resnext14_4x4d", 32, 8
BLOCK_S = 0.0005


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Typed:
    monkeypatch.setenv("RESNEXT_BENCH_RUNS", str(tmp_path / "runs"))
    return Typed(monkeypatch, capsys, "convs", "layouts")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("resnext50_32x4d", "--rounds", "10"), "--rounds 10: give a multiple of 4, such as 12"),
        (("resnext50_32x4d", "--dtype", "tf32"), "a CPU has no TF32"),
        (("resnext51_32x4d",), "did you mean"),
        ((), "name a network, such as resnext50_32x4d, or give --shape"),
    ],
)
def test_what_is_refused(typed: Typed, given: tuple[str, ...], words: str) -> None:
    code, out, err = typed(*given)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())


def order_of(network: str) -> TimeOrder:
    asked = of_network(
        draw(parse(network), SIZE), batch=2, dtype="fp32", layout=LAYOUTS[0], everything=True
    )
    return TimeOrder(
        model=network,
        asked=asked,
        dtypes=["fp32"],
        layouts=LAYOUTS,
        settings=[Setting()],
        rounds=ROUNDS,
        block_s=BLOCK_S,
        threads=1,
        command=(),
    )


@pytest.mark.slow
def test_from_rows_to_whole_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_ROUNDS", 4)
    told: set[str] = set()
    wanted = Wanted(whole=True, everything=False, steps=True)
    machine = inspect("cpu")
    record = compared(
        order_of(TINY),
        wanted,
        machine,
        tmp_path,
        lambda what, done, total: told.add(what),
        OnCpu(),
    )
    assert record.task == "layouts"
    found = record.layouts
    assert isinstance(found, Layouts)
    assert all(
        row.ratio and row.ratio.low <= row.ratio.value <= row.ratio.high for row in found.rows
    )
    assert all(row.p is not None and row.q is not None and row.q >= row.p for row in found.rows)
    assert {one.kind for one in found.others} == {"norm", "max_pool", "mean_pool", "convert"}
    assert all(min(one) > 0 for row in found.others for one in row.samples_us)
    (mix,) = found.mixes
    assert {*mix.nhwc, *mix.nchw} == {
        name for one in order_of(TINY).asked for name in one.convolution.layers
    }
    assert mix.steps
    assert {len(row) for row in mix.steps.step_ms} == {len(mix.sides)}
    assert len(mix.steps.in_step) == len(mix.sides)
    assert all(pair.measured_ms for pair in mix.versus)
    for side, one in zip(mix.sides, mix.steps.in_step, strict=True):
        assert min(one.convolutions, one.others, one.rest) > 0
        assert (one.conversions > 0) is (side == "mixed")
    assert "profiles of whole steps" in told


@pytest.mark.slow
def test_one_convolution_has_rows_and_no_choice(typed: Typed) -> None:
    code, out, err = typed(
        *("--shape", "2x16x9x9", "--groups", "4", "--rounds", "8", "--threads", "1"),
        *("--dtype", "fp32", "--json"),
    )
    assert code == 0, err
    found = json.loads(out)
    assert [row["operation"] for row in found["layouts"]["rows"]] == [
        *("forward", "input gradient", "weight gradient"),
    ]
    assert found["layouts"]["mixes"] == []
    runs = Typed(typed._patch, typed._streams, "runs")
    assert "NHWC / NCHW" in runs("show", "last")[1]
    asked = "SELECT count(*) AS rows FROM layouts"
    assert json.loads(runs("query", asked, "--json")[1]) == [{"rows": 3}]
