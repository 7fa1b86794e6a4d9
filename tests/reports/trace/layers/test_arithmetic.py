"""FLOP and bytes of modules: from the network where it is ours, else from recorded shapes."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.reports.schema.trace_layers import Layers
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.layers.known import TRAINED, of_network, trained
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from resnext_bench.resnext.cost import flops, total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from tests.reports.trace.layers.made_model import called, layers, named
from tests.reports.trace.made import BACKWARD, Made

BATCH, SIZE = 4, 64


def told(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "image_size": SIZE, "batch_size": BATCH, **more}


def ran(model: str, steps: int) -> Made:
    """Labels of all layers of a network, each with a kernel forward and one backward."""
    made = Made(header={TRAINED: told(model)})
    ts, number = 10.0, 0
    for step in range(steps):
        begun = ts
        numbers = []
        for layer in draw(parse(model), SIZE):
            if layer.kind in ("add", "concat"):
                continue
            made.row("user_annotation", f"## {layer.name}: Layer ##", ts, 8)
            made.op("aten::x", ts + 1, 6, **{"Sequence number": number, "Fwd thread id": 0})
            made.kernel("k", 1e6 + ts, 2, ts + 2)
            numbers.append(number)
            number, ts = number + 1, ts + 10
        for one in reversed(numbers):
            made.op("XBackward0", ts, 6, BACKWARD, **{"Sequence number": one, "Fwd thread id": 1})
            made.on_gpu("kernel", "k", 1e6 + ts, 3, made.launch(ts + 1, tid=BACKWARD))
            ts += 10
        made.step(step, begun - 1, ts - begun + 1)
        ts += 5
    return made


@pytest.mark.parametrize("model", ["resnext50_32x4d", "resnet26", "resnext14_32x4d"])
def test_flop_of_a_network_of_ours_are_those_that_models_shows(model: str, tmp_path: Path) -> None:
    found = layers(ran(model, 2), tmp_path)
    assert found.flop_from == "model"
    drawn = draw(parse(model), SIZE)
    for layer in drawn:
        if layer.multiply_adds:
            row, one = named(found, layer.name), flops(layer)
            assert row.forward_flop == 2 * BATCH * one.forward
            assert row.backward_flop == 2 * BATCH * (one.input_gradient + one.weight_gradient)
            assert row.calls == 2
    tops = [row for row in found.rows if row.above is None]
    every = total_flops(drawn)
    assert sum(row.forward_flop or 0 for row in tops) == 2 * BATCH * every.forward
    whole = sum((row.forward_flop or 0) + (row.backward_flop or 0) for row in tops)
    assert whole == 2 * BATCH * every.total


@pytest.mark.parametrize(
    "header",
    [
        {},
        {TRAINED: None},
        {TRAINED: "resnext50_32x4d"},
        {TRAINED: told("torchvision:resnet18")},
        {TRAINED: told("resnext50_32x4d") | {"image_size": 1.5}},
        {TRAINED: told("alexnet")},
    ],
)
def test_other_networks_and_headers_are_none_of_ours(
    header: dict[str, Any], tmp_path: Path
) -> None:
    """AlexNet does not take images of that size: whatever ran, it was something else."""
    known = trained(header)
    assert known is None or of_network(known) is None
    made = Made(header=header).row("user_annotation", "## conv1: Conv2d ##", 0, 10)
    found = layers(made.kernel("k", 100, 5, 2), tmp_path)
    assert found.flop_from == "none"
    assert named(found, "conv1").forward_flop is None


def conv(groups: int = 1, dtype: str = "float") -> dict[str, Any]:
    """8 images, 64 channels of 10 x 10, 3 x 3 at stride 2 with padding: 5 x 5."""
    return {
        "Input Dims": [[8, 64, 10, 10], [32, 64 // groups, 3, 3], [], [], [], [], [], [], []],
        "Input type": [dtype, dtype, "", "ScalarList", *["", "", "", "", ""]],
        "Concrete Inputs": [
            "",
            "",
            "",
            "[2, 2]",
            "[1, 1]",
            "[1, 1]",
            "False",
            "[0, 0]",
            str(groups),
        ],
    }


def convolved(groups: int = 1, dtype: str = "float", **gradients: str) -> Made:
    made = Made()
    called(made, "Conv2d_0", 0, 20)
    forward = {"Sequence number": 1, "Fwd thread id": 0}
    made.op("aten::convolution", 1, 10, **forward, **conv(groups, dtype))
    made.kernel("implicit_convolve_sgemm", 100, 10, 2)
    told_back = conv(groups, dtype)
    dims = [[8, 32, 5, 5], *told_back["Input Dims"][:2], *[[] for _ in range(8)]]
    inputs = [*["" for _ in range(4)], "[2, 2]", "[1, 1]", "[1, 1]", "False", "[0, 0]", str(groups)]
    back = {
        "Input Dims": dims,
        "Input type": [dtype, dtype, dtype, *["" for _ in range(8)]],
        "Concrete Inputs": [*inputs, gradients.get("wanted", "[True, True, False]")],
    }
    node = {"Sequence number": 1, "Fwd thread id": 1}
    made.op("ConvolutionBackward0", 50, 30, BACKWARD, **node)
    made.op("aten::convolution_backward", 52, 20, BACKWARD, **back)
    for at, kernel in enumerate(("dgrad2d_alg1", "wgrad_alg0_engine")):
        made.on_gpu("kernel", kernel, 120 + 20 * at, 20, made.launch(55 + 3 * at, tid=BACKWARD))
    return made


@pytest.mark.parametrize("groups", [1, 2, 32])
def test_flop_and_bytes_of_recorded_shapes(groups: int, tmp_path: Path) -> None:
    found = layers(convolved(groups), tmp_path)
    row = named(found, "Conv2d_0")
    each = 2 * 8 * 25 * 32 * (64 // groups) * 9
    moved = 4 * (8 * 64 * 100 + 8 * 32 * 25 + 32 * (64 // groups) * 9)
    assert found.flop_from == "shapes"
    assert (row.forward_flop, row.backward_flop, row.uncounted_ns) == (each, 2 * each, 0)
    assert (row.bytes, row.unsized_ns) == (3 * moved, 0)
    assert row.tflops == pytest.approx(3 * each / 50_000 / 1e3)
    assert row.gb_per_s == pytest.approx(3 * moved / 50_000)
    assert row.dtype == "fp32"
    assert row.shapes == 1
    assert row.shape.startswith("64@10 → 32 3x3/2")


def test_only_the_gradients_that_were_asked_for(tmp_path: Path) -> None:
    row = named(layers(convolved(wanted="[False, True, False]"), tmp_path), "Conv2d_0")
    assert row.backward_flop == row.forward_flop


def test_products_without_shapes_are_uncounted(tmp_path: Path) -> None:
    """A convolution that counts and a product that does not, in one block."""
    made = convolved()
    called(made, "Block_0", 0, 40)
    called(made, "Linear_0", 25, 10)
    made.op("aten::mm", 26, 6).kernel("ampere_sgemm_128x64_nn", 300, 7, 27)
    found = layers(made, tmp_path)
    linear, block = named(found, "Block_0 > Linear_0"), named(found, "Block_0")
    assert (linear.forward_flop, linear.tflops, linear.uncounted_ns) == (None, None, 7000)
    assert block.forward_flop
    assert block.uncounted_ns == block.unsized_ns == 7000


@pytest.mark.parametrize(
    ("device", "dtype", "kernel", "roof"),
    [
        ("NVIDIA A100-SXM4-80GB", "c10::BFloat16", "x", 312),
        ("NVIDIA A100-SXM4-80GB", "float", "implicit_convolve_sgemm", 19.5),
        ("NVIDIA A100-SXM4-80GB", "float", "x", 156),
        ("NVIDIA A100-SXM4-80GB", "float", "sm80_xmma_fprop_tf32", 156),
        ("NVIDIA A100-SXM4-80GB", "double", "x", None),
        ("AMD Instinct MI300X", "c10::Half", "x", 1307.4),
        ("Some Device", "float", "x", None),
    ],
)
def test_the_roof_is_that_of_the_type(
    device: str, dtype: str, kernel: str, roof: float | None, tmp_path: Path
) -> None:
    made = convolved(dtype=dtype)
    made.header["deviceProperties"] = [{"id": 0, "name": device}]
    for row in made.rows:
        if row["cat"] == "kernel":
            row["name"] = kernel
    row_ = named(layers(made, tmp_path), "Conv2d_0")
    assert row_.roof_tflops == roof
    assert (row_.roof_gb_per_s is None) == (device == "Some Device")


def test_what_a_layer_computes_again_counts_as_often(tmp_path: Path) -> None:
    """A layer of a network of ours under activation checkpoints."""
    made = Made(header={TRAINED: told("resnext14_32x4d")})
    made.row("user_annotation", "## conv1: Conv2d ##", 0, 10)
    made.op("aten::conv2d", 1, 5, **{"Sequence number": 1, "Fwd thread id": 0}).kernel(
        "k", 100, 1, 2
    )
    made.op("ConvolutionBackward0", 50, 40, BACKWARD, **{"Sequence number": 1, "Fwd thread id": 1})
    made.row("user_annotation", "## conv1: Conv2d ##", 60, 10, tid=BACKWARD)
    made.on_gpu("kernel", "k", 150, 2, made.launch(62, tid=BACKWARD))
    made.on_gpu("kernel", "k", 160, 4, made.launch(80, tid=BACKWARD))
    row = named(layers(made, tmp_path), "conv1")
    known = of_network(trained(made.header))["conv1"]  # type: ignore[arg-type, index]
    assert row.forward_flop == known.forward_flop
    assert row.backward_flop == known.backward_flop + known.forward_flop
    assert asdict(known)["forward_bytes"] > 0


def test_wrappers_on_a_cpu_are_counted_with_what_they_wrap(tmp_path: Path) -> None:
    """Each operator has its own time there; that of conv2d is what it costs to call convolution."""
    made = Made()
    called(made, "Conv2d_0", 0, 30)
    made.op("aten::conv2d", 1, 20, **conv()).op("aten::convolution", 2, 15, **conv())
    made.op("aten::mkldnn_convolution", 4, 10)
    row = named(layers(made, tmp_path), "Conv2d_0")
    assert (row.own_ns, row.uncounted_ns, row.unsized_ns) == (20_000, 0, 0)
    assert row.tflops


def in_range(made: Made, folder: Path, start: int, end: int) -> Layers:
    """Of a range in us, from the first operator on."""
    span = Span(start=1000 * start, end=1000 * end)
    found = report(analyse(made.write(folder), span=span)).layers
    assert found
    return found


def test_calls_that_a_range_cuts_are_in_no_rate(tmp_path: Path) -> None:
    """Forward is cut at its half; both gradients are whole."""
    row = named(in_range(convolved(), tmp_path, 104, 159), "Conv2d_0")
    assert (row.forward_flop, row.total_ns, row.cut_ns) == (0, 45_000, 5000)
    assert row.backward_flop
    assert row.tflops == pytest.approx(row.backward_flop / 40e6)
    assert row.gb_per_s
    assert row.bytes == pytest.approx(row.gb_per_s * 40_000)
    assert row.uncounted_ns == row.unsized_ns == 0


def test_a_module_of_cut_calls_has_no_rate(tmp_path: Path) -> None:
    row = named(in_range(convolved(), tmp_path, 104, 114), "Conv2d_0")
    assert (row.total_ns, row.cut_ns, row.forward_flop) == (5000, 5000, None)
    assert row.tflops is row.gb_per_s is row.bytes is None


def test_a_range_on_a_cpu_cuts_operators(tmp_path: Path) -> None:
    made = Made()
    for at in (0, 40):
        called(made, f"Conv2d_{at}", at, 30)
        made.op("aten::convolution", at + 1, 20, **conv())
    found = in_range(made, tmp_path, 11, 60)
    first, second = named(found, "Conv2d_0"), named(found, "Conv2d_40")
    assert (first.total_ns, first.tflops) == (first.cut_ns, None)
    assert second.tflops
    assert second.cut_ns == 0
