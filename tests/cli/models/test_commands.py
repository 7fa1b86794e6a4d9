"""The commands of `models` as typed."""

import json
import re

import pytest

from resnext_bench.resnext.names import names
from tests.cli.typed import Typed


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    return Typed(monkeypatch, capsys, "models")


@pytest.fixture(params=["80", "120"])
def wide(request: pytest.FixtureRequest, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Commands in terminals of both widths, for what a narrow one would cut."""
    monkeypatch.setenv("COLUMNS", request.param)
    return typed


def test_models_lists_every_network_with_its_cost(wide: Typed) -> None:
    code, out, err = wide()
    assert (code, err) == (0, "")
    assert wide("list")[1] == out
    lines = out.splitlines()
    assert {line.split()[0] for line in lines[3 : 3 + len(names())]} == set(names())
    assert "…" not in out
    (line,) = [line for line in lines if line.startswith("resnext50_32x4d ")]
    assert line.split()[1:6] == ["224", "25,028,904", "4.230", "8.46", "25.15"]


def test_list_as_json(typed: Typed) -> None:
    found = json.loads(typed("list", "--image-size", "64", "--json")[1])
    assert {row["image_size"] for row in found} == {64}
    assert "alexnet" not in {row["name"] for row in found}


def test_what_does_not_take_such_images_is_named(typed: Typed) -> None:
    out = " ".join(typed("list", "--image-size", "300")[1].split())
    assert "Not for 300 px: alexnet, alexnet_ungrouped" in out
    assert "Not for" not in typed("list")[1]


def test_models_alone_is_the_list(typed: Typed) -> None:
    asked = ("--image-size", "64", "--json")
    assert typed(*asked) == typed("list", *asked)
    code, _, err = typed("--json", "show", "resnet50")
    assert code == 2
    assert err == "error: --json stands before show; give it after: models show ... --json\n"


@pytest.mark.parametrize("name", ["resnext50_32x4d", "googlenet_root8", "alexnet"])
def test_one_in_full(wide: Typed, name: str) -> None:
    code, out, err = wide("show", name)
    assert (code, err) == (0, "")
    found = json.loads(wide("show", name, "--json")[1])
    assert f"{found['model']['parameters']:,}" in out
    assert "…" not in out
    for stage in found["stages"]:
        assert re.search(rf"^{stage['name']} +{stage['size']} ", out, re.MULTILINE)


def test_a_form(typed: Typed) -> None:
    out = typed("show", "resnext50_32x4d", "--form", "a", "--image-size", "64")[1]
    assert "form (a): paths summed" in " ".join(out.split())
    assert "of 64 x 64" in out


def test_floors(wide: Typed) -> None:
    code, out, err = wide(
        *("roofline", "resnext50_32x4d", "--device", "h200", "--bandwidth", "4300", "--top", "0")
    )
    assert (code, err) == (0, "")
    assert "3x3 g32, 128 @ 56" in out
    assert "4,300 GB/s" in out
    row = next(line for line in out.splitlines() if "3x3 g32, 128 @ 56" in line)
    assert row.split()[2:6] == ["3", "95.6", "95.6", "95.6"]
    assert "more rows" not in out
    assert "FLOP/B" in out
    cut = wide("roofline", "resnext50_32x4d", "--device", "h200", "--top", "3")[1]
    assert "50 more rows" in cut
    found = json.loads(wide("roofline", "resnext50_32x4d", "--device", "h200", "--json")[1])
    assert (found["batch"], found["dtype"], found["tflops"]) == (256, "bf16", 989.4)


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (
            ("--device", "h200"),
            "ReLU, batch norm and addition are 62 % of this floor",
        ),
        (("--tflops", "0.4", "--bandwidth", "30", "--dtype", "fp32"), "Products are "),
    ],
)
def test_what_floors_come_to(wide: Typed, device: tuple[str, ...], words: str) -> None:
    out = " ".join(wide("roofline", "resnext50_32x4d", *device)[1].split())
    assert words in out
    assert "A floor is the least time that a kernel can take" in out


@pytest.mark.parametrize(
    ("name", "batch"),
    [("resnext101_32x16d", "256"), ("googlenet", "1024"), ("resnext50_32x4d", "256")],
)
def test_no_name_of_a_layer_is_cut(wide: Typed, name: str, batch: str) -> None:
    asked = ("roofline", name, "--device", "h200", "--batch-size", batch, "--top", "0")
    words = wide(*asked)[1].split()
    shown = set(zip(words, words[1:], words[2:], strict=False))  # a line may break between two
    for row in json.loads(wide(*asked, "--json")[1])["rows"]:
        for side in ("reads", "gives"):
            assert tuple(row[side].split()) in shown, row[side]


def test_floors_name_the_form(typed: Typed) -> None:
    asked = ("roofline", "resnext50_32x4d", "--device", "h200", "--form", "a")
    assert "floors of resnext50_32x4d, form (a), on NVIDIA H200" in typed(*asked)[1]
    found = json.loads(typed(*asked, "--json")[1])
    assert found["form"] == "a"
    assert found["mfu_percent"] == pytest.approx(100 * found["products_ms"] / found["step_ms"])
    assert sum(row["total_us"] for row in found["rows"]) < 1e3 * found["step_ms"]


def test_a_type_that_the_device_has(typed: Typed) -> None:
    found = json.loads(typed("roofline", "resnet50", "--device", "t4", "--json")[1])
    assert (found["dtype"], found["tflops"]) == ("fp16", 65)


def test_nothing_of_the_data_sheet_is_left(typed: Typed) -> None:
    own = ("--tflops", "600", "--bandwidth", "4000", "--batch-size", "1")
    out = " ".join(typed("roofline", "resnet50", "--device", "h200", *own)[1].split())
    assert "1 image of 224 x 224" in out
    assert "(TFLOP/s as given; GB/s as given)" in out


def test_a_device_of_ones_own(typed: Typed) -> None:
    own = ("--tflops", "0.4", "--bandwidth", "30", "--dtype", "fp32", "--batch-size", "8")
    out = " ".join(typed("roofline", "resnet50", *own)[1].split())
    assert "on a device of yours 8 images of 224 x 224, fp32, NHWC; 0.4 TFLOP/s and 30 GB/s" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "alexnett"), "NAME: unknown model 'alexnett'; did you mean alexnet?"),
        (("show", "alexnet", "--form", "a"), "--form a: alexnet has no blocks of ResNeXt"),
        (("show", "resnet50", "--form", "d"), "--form d: a, b, c are allowed"),
        (("show", "alexnet", "--image-size", "224"), "takes images of 227 to 258 pixels, not 224"),
        (("show", "resnet50", "--image-size", "x"), "--image-size x: "),
        (("list", "--image-size", "2"), "--image-size 2: a whole number from 32 to 4,096"),
        (("roofline", "resnet50"), "give --device h200, or --tflops and --bandwidth"),
        (("roofline", "resnet50", "--device", "h20"), "did you mean h200?"),
        (
            ("roofline", "resnet50", "--device", "v100", "--dtype", "bf16"),
            "--dtype bf16: NVIDIA V100 SXM2 has fp32, fp16 alone",
        ),
        (
            ("roofline", "resnet50", "--device", "h200", "--tflops", "1e300"),
            "--tflops 1e300: a num",
        ),
        (("show", "timm/resnet50"), "NAME timm/resnet50: only networks of our own"),
        (("show", "timm:resnet50"), "NAME timm:resnet50: only networks of our own"),
        (
            ("roofline", "resnet50", "--device", "h200", "--dtype", "int8"),
            "choose from fp32,",
        ),
        (
            ("roofline", "resnet50", "--device", "h200", "--layout", "x"),
            "choose from nhwc, nchw",
        ),
        (
            ("roofline", "resnet50", "--device", "h200", "--bandwidth", "0"),
            "a number from 1e-06 to 1e+09",
        ),
        (("roofline", "resnet50", "--device", "h200", "--tflops", "nan"), "a number from 1e-06 to"),
        (("roofline", "resnet50", "--device", "h200", "--top", "-1"), "--top -1: a whole number"),
        (("roofline", "resnet50", "--device", "h200", "--batch-size", "0"), "--batch-size 0: "),
        (("roofline", "resnet50", "--device", "h200", "--batch-size", "auto"), "a whole number"),
        (("show", "resnext50_0x4d"), "did you mean resnext50_"),
        (("show", "resnet50_root3"), "did you mean resnet50_root"),
    ],
)
def test_wrong_names_and_values_are_told_in_a_line(
    typed: Typed, words: tuple[str, ...], told: str
) -> None:
    code, out, err = typed(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert len(err) < 400
