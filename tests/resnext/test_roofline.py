"""Traffic and floors against figures worked out by hand, and what is known of devices."""

import pytest

from resnext_bench.resnext.devices import DEVICES, UnknownDevice, described, recognised
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import IMAGES, Drawing, Layer, Map
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.roofline import LayerWork, Roof, Work, layer_work, optimizer_work
from resnext_bench.resnext.traffic import optimizer_traffic, traffic

MEASURED = Roof(flop_per_s=989.4e12, bytes_per_s=4.3e12)
"""An H200 at the bandwidth that copies reach on it."""
# Channels, size and stride of the grouped 3x3 of ResNeXt-50: microseconds at 256 images, bf16.
FLOORS = {
    (128, 56, 1): 95.6,
    (256, 56, 2): 119.5,
    (256, 28, 1): 47.8,
    (512, 28, 2): 59.8,
    (512, 14, 1): 23.9,
    (1024, 14, 2): 30.0,
    (1024, 7, 1): 12.1,
}


def grouped(batch: int = 256) -> list[LayerWork]:
    layers = draw(parse("resnext50_32x4d"), 224)
    return [one for one in layer_work(layers, batch, "bf16") if one.layer.groups > 1]


def key(layer: Layer) -> tuple[int, int, int]:
    return layer.entering.channels, layer.entering.size, layer.stride


def test_floors_of_grouped_convolutions() -> None:
    for one in grouped():
        floor = FLOORS[key(one.layer)]
        for work in one.directions:
            # The weights, which the figures leave out, are 3 % of the smallest.
            assert floor <= 1e6 * work.seconds(MEASURED) + 0.05 <= 1.05 * floor
            assert work.bound(MEASURED) == "memory"
    assert 1e3 * sum(one.seconds(MEASURED) for one in grouped()) == pytest.approx(2.35, abs=0.01)


def test_share_of_grouped_convolutions() -> None:
    layers = layer_work(draw(parse("resnext50_32x4d"), 224), 256, "bf16")
    share = sum(one.forward.flop for one in grouped()) / sum(one.forward.flop for one in layers)
    assert 100 * share == pytest.approx(5.5, abs=0.05)


def one_layer(kind: str, **more: bool) -> list[Layer]:
    drawing = Drawing(images=Map(channels=4, size=8))
    x = drawing.conv("first", IMAGES, 6, 1, bias=more.get("bias", False))
    if kind == "add":
        drawing.same("it", "add", x, drawing.conv("second", x, 6))
    elif kind == "conv":
        drawing.conv("it", x, 8, 3, stride=2, groups=2, bias=True)
    elif kind == "max_pool":
        drawing.max_pool("it", x, padding=1)
    elif kind == "mean_pool":
        drawing.mean_pool("it", x)
    else:
        drawing.same("it", kind, x)  # type: ignore[arg-type]
    return drawing.layers


def moved(kind: str, dtype: str = "fp32", layout: str = "nhwc") -> tuple[int, int, int]:
    layers = one_layer(kind)
    it = traffic(layers, 3, dtype, layout)[-1]  # type: ignore[arg-type]
    return it.forward, it.input_gradient, it.weight_gradient


X, Y = 3 * 6 * 8 * 8, 3 * 8 * 4 * 4
"""Values of three images that "it" reads, and that its convolution gives."""
W = 9 * 3 * 8 + 8


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("conv", (4 * (X + Y + W),) * 3),
        ("norm", (4 * (2 * X + 12), 4 * (3 * X + 12), 4 * 12)),
        ("relu", (4 * 2 * X, 4 * 3 * X, 0)),
        ("lrn", (4 * 2 * X, 4 * 3 * X, 0)),
        ("add", (4 * 3 * X, 0, 0)),
        ("dropout", (9 * X, 9 * X, 0)),
        ("max_pool", (4 * (X + X // 4) + 8 * X // 4,) * 2 + (0,)),
        ("mean_pool", (4 * (X + X // 64),) * 2 + (0,)),
    ],
)
def test_bytes_of_a_layer(kind: str, expected: tuple[int, ...]) -> None:
    assert moved(kind) == expected


def test_two_bytes_a_value_and_the_casts_of_weights() -> None:
    forward, entering, weights = moved("conv", "bf16")
    assert entering == 2 * (X + Y + W)
    assert forward == weights == entering + 6 * W


def test_what_autocast_leaves_in_fp32() -> None:
    """Local response norm gives fp32, which is read to be cast; so are images."""
    assert moved("lrn", "bf16") == ((2 + 4) * X, (2 * 2 + 4) * X, 0)
    drawing = Drawing(images=Map(channels=4, size=8))
    x = drawing.same("norm", "lrn", drawing.conv("first", IMAGES, 6))
    drawing.conv("it", x, 8, 3, stride=2, groups=2, bias=True)
    first, _, it = traffic(drawing.layers, 3, "bf16")
    plain = moved("conv", "bf16")
    assert (it.forward, it.input_gradient) == (plain[0] + 6 * X, plain[1] + 6 * X)
    images, weights = 3 * 4 * 64, 4 * 6
    assert first.forward == 2 * (images + X + weights) + 6 * weights + 6 * images


def test_nchw_transposes_what_tensor_cores_read() -> None:
    nhwc, nchw = moved("conv", "bf16"), moved("conv", "bf16", "nchw")
    assert [b - a for a, b in zip(nhwc, nchw, strict=True)] == [2 * 2 * (X + Y)] * 3
    assert moved("conv", "fp32", "nchw") == moved("conv", "fp32")
    assert moved("norm", "bf16", "nchw") == moved("norm", "bf16")


def test_nobody_needs_the_gradient_of_images() -> None:
    first = layer_work(one_layer("relu"), 3, "fp32")[0]
    assert (first.input_gradient.flop, first.input_gradient.bytes) == (0, 0)
    assert first.weight_gradient.flop == first.forward.flop == 2 * 3 * 4 * 6 * 64


def test_what_two_read_gets_a_sum_of_gradients() -> None:
    alone, shared = (traffic(one_layer(kind), 3, "fp32")[0] for kind in ("relu", "add"))
    assert shared.input_gradient - alone.input_gradient == 3 * 4 * X


def test_optimizers() -> None:
    layers = draw(parse("resnet50"), 64)
    assert optimizer_traffic(layers, "sgd") == 20 * 25_557_032
    assert optimizer_traffic(layers, "adamw") == 28 * 25_557_032
    assert optimizer_work(layers).seconds(MEASURED) == 20 * 25_557_032 / 4.3e12


def test_the_longer_of_two_is_the_floor() -> None:
    roof = Roof(flop_per_s=100.0, bytes_per_s=10.0)
    assert roof.ridge == 10
    products, bytes_ = Work(flop=1000, bytes=10), Work(flop=10, bytes=1000)
    assert (products.seconds(roof), products.bound(roof)) == (10, "compute")
    assert (bytes_.seconds(roof), bytes_.bound(roof)) == (100, "memory")
    assert Work(flop=0, bytes=0).intensity == 0


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NVIDIA H200", "h200"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A100-SXM4-40GB", "a100-40gb"),
        ("Tesla V100-SXM2-16GB", "v100"),
        ("Tesla T4", "t4"),
        ("NVIDIA A10", "a10"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA B200", "b200"),
        ("NVIDIA A100-PCIE-40GB", "a100-pcie-40gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie"),
        ("NVIDIA A30", "a30"),
        ("NVIDIA A40", "a40"),
        ("NVIDIA H100 NVL", "h100-nvl"),
        ("NVIDIA GH200 480GB", "gh200"),
        ("NVIDIA GH200 144G HBM3e", "gh200-144gb"),
        ("NVIDIA B300 SXM6 AC", "b300"),
        ("NVIDIA GeForce RTX 3090", "rtx3090"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("NVIDIA GeForce RTX 5090", "rtx5090"),
        ("AMD Instinct MI300X", "mi300x"),
    ],
)
def test_devices_by_their_own_names(name: str, key: str) -> None:
    found = recognised(name)
    assert found is not None
    assert found.key == key
    assert described(key.upper()) is found


def test_another_name_of_a_device() -> None:
    assert described("a100-80gb") is described("a100")


@pytest.mark.parametrize(
    "name",
    [
        *("NVIDIA A100-PG509-200", "NVIDIA H200 NVL", "NVIDIA A10G", "AMD EPYC", "NVIDIA GB200"),
        *("NVIDIA H200 MIG 1g.18gb", "NVIDIA A100-SXM4-80GB MIG 3g.40gb"),
        *("NVIDIA GeForce RTX 3090 Ti", "NVIDIA GeForce RTX 4090 D", "NVIDIA GeForce RTX 5090 D"),
        *("NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GB300", "NVIDIA A40-48Q"),
        *("NVIDIA A10-24Q", "NVIDIA L40S-48Q", "GRID T4-16Q"),
    ],
)
def test_no_guess_at_devices(name: str) -> None:
    assert recognised(name) is None


def test_every_device_is_plausible() -> None:
    for device in DEVICES:
        assert device.tflops["fp32"] < device.tflops["fp16"]
        assert 100 < device.gb_per_s < 10_000
        assert device.source


def test_unknown_device() -> None:
    with pytest.raises(UnknownDevice, match="unknown device 'h20'; did you mean h200\\?") as caught:
        described("h20")
    assert "mi300x" in str(caught.value)
