"""Predicted memory against the allocator's, and the life of tensors in networks drawn by hand."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from resnext_bench.lab.campaigns.memory_case import live_bytes
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import IMAGES, Drawing, Map
from resnext_bench.resnext.memory import Memory, Setting, training_memory
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.spec import ResNeXtSpec

MIB = 2**20


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def assert_predicted(
    name: str, size: int, setting: Setting, *, within: float = 0.1, channels_last: bool = True
) -> None:
    spec = parse(name)
    predicted = training_memory(draw(spec, size), setting)
    live = live_bytes(spec, size, setting, channels_last=channels_last)
    assert predicted.parameters + predicted.optimizer + predicted.images == live.at_rest
    # Of what comes and goes, not only of the whole, which what stays would flatter.
    assert predicted.peak - live.at_rest == pytest.approx(live.peak - live.at_rest, rel=within)


@pytest.mark.parametrize("mixed", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", ["resnext14_32x4d", "resnet50_root16", "googlenet"])
@pytest.mark.parametrize("batch", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_peak_in_channels_last(name: str, batch: int, mixed: bool) -> None:
    """Exact for most; on small maps oneDNN spares one copy of a weight's gradient."""
    assert_predicted(name, 96, Setting(batch=batch, mixed=mixed))


@pytest.mark.slow
@pytest.mark.parametrize("mixed", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize(
    "name", [pytest.param("resnext50_32x4d", marks=pytest.mark.slow), "resnet26"]
)
def test_peak_in_nchw(name: str, mixed: bool) -> None:
    """There oneDNN reorders what it needs, for a moment."""
    setting = Setting(batch=8, mixed=mixed)
    assert_predicted(name, 96, setting, channels_last=False)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(batch=2, optimizer="adamw"),
        Setting(batch=2, momentum=False),
        Setting(batch=2, weight_decay=False),
    ],
)
@pytest.mark.parametrize(
    ("name", "size"),
    [("resnext14_32x4d", 32), pytest.param("alexnet", 227, marks=pytest.mark.slow)],
)
def test_peak_in_the_optimizer(name: str, size: int, setting: Setting) -> None:
    assert training_memory(draw(parse(name), size), setting).peak_in == "optimizer"
    assert_predicted(name, size, setting, within=0.02)


@pytest.mark.slow
def test_peak_before_an_optimizer_that_makes_nothing() -> None:
    setting = Setting(batch=2, momentum=False, weight_decay=False)
    assert_predicted("alexnet", 227, setting, within=0.02)


BACKWARD_OF_NORM = Setting(batch=40)
"""Its backward makes maps of its own: 40 images are enough for them to be the peak."""


def test_local_response_norm_can_be_the_peak() -> None:
    predicted = training_memory(draw(parse("alexnet"), 227), BACKWARD_OF_NORM)
    assert predicted.peak_in == "backward norm2"


@pytest.mark.slow
def test_peak_in_local_response_norm() -> None:
    assert_predicted("alexnet", 227, BACKWARD_OF_NORM, within=0.02)


@pytest.mark.parametrize("form", ["a", "b"])
def test_peak_of_the_forms(form: str) -> None:
    spec = parse("resnext14_8x4d")
    assert isinstance(spec, ResNeXtSpec)
    formed = replace(spec, form=form)  # type: ignore[arg-type]
    setting = Setting(batch=8)
    live = live_bytes(formed, 64, setting)
    assert training_memory(draw(formed, 64), setting).peak == pytest.approx(live.peak, rel=0.02)


def chain(*kinds: str) -> Memory:
    """Two images of 2 x 4 x 4 through a convolution and others, each map 256 bytes in fp32."""
    drawing = Drawing(images=Map(channels=2, size=4))
    x = drawing.conv("conv", IMAGES, 2, 3)
    for number, kind in enumerate(kinds):
        if kind == "conv":
            x = drawing.conv(f"conv{number}", x, 2, 3)
        elif kind == "add":
            x = drawing.same("add", "add", x, 0)
        else:
            x = drawing.same(f"{kind}{number}", kind, x)  # type: ignore[arg-type]
    return training_memory(drawing.layers, Setting(batch=2, momentum=False, weight_decay=False))


MAP = 2 * 2 * 4 * 4 * 4


@pytest.mark.parametrize(
    ("kinds", "maps"),
    [
        (("conv",), 1),  # its input
        (("relu", "conv"), 1),  # output of one, input of the other: the same
        (("norm", "relu", "conv"), 2),
        (("norm", "norm", "relu"), 3),
        (("norm", "relu", "conv", "norm", "add", "relu"), 4),
    ],
)
def test_what_is_saved(kinds: tuple[str, ...], maps: int) -> None:
    found = chain(*kinds)
    norms = kinds.count("norm") * 2 * 2 * 4
    assert found.activations == maps * MAP + norms


def test_rest_is_what_stays() -> None:
    found = chain("norm")
    weights = 4 * (2 * 2 * 9 + 2 * 2)
    assert (found.parameters, found.gradients) == (weights + 2 * 2 * 4 + 8, weights)
    assert (found.optimizer, found.images) == (0, 2 * (2 * 16 * 4 + 8))


def test_mixed_precision_keeps_copies_of_weights() -> None:
    layers = draw(parse("resnet50"), 224)
    full, half = (training_memory(layers, Setting(batch=1, mixed=mixed)) for mixed in (False, True))
    products = sum(layer.parameters for layer in layers if layer.kind in ("conv", "linear"))
    indices = 8 * 64 * 56 * 56
    norms = sum(8 * layer.leaving.channels for layer in layers if layer.kind == "norm")
    maps = full.activations - indices - norms
    image = 2 * 3 * 224 * 224
    assert half.activations == maps // 2 + indices + norms + 2 * products + image


def test_buckets_and_states() -> None:
    layers = draw(parse("resnet50"), 64)
    plain = training_memory(layers, Setting(batch=1))
    ddp = training_memory(layers, Setting(batch=1, buckets="beside"))
    views = training_memory(layers, Setting(batch=1, buckets="views"))
    adamw = training_memory(layers, Setting(batch=1, optimizer="adamw"))
    assert ddp.gradients == 2 * plain.gradients
    assert ddp.peak - plain.peak == plain.gradients
    assert views.gradients == plain.gradients
    assert plain.peak <= views.peak < ddp.peak
    assert adamw.optimizer == 2 * plain.optimizer


def test_a_gpu_updates_all_parameters_at_once() -> None:
    layers = draw(parse("resnet50"), 32)
    found = training_memory(layers, Setting(batch=1, on_gpu=True))
    assert found.peak_in == "optimizer"
    rest = found.parameters + found.gradients + found.optimizer + found.images
    assert found.peak == rest + found.gradients, "weight decay's copy; Nesterov's is in place"


def test_images_of_autocasts_own_type_have_no_copy() -> None:
    layers = draw(parse("resnet50"), 64)
    copied, as_they_are = (
        training_memory(layers, Setting(batch=2, mixed=True, pixel_bytes=2, casts_images=casts))
        for casts in (True, False)
    )
    assert copied.activations - as_they_are.activations == 2 * 2 * 3 * 64 * 64


def test_peak_grows_with_the_batch_alone() -> None:
    layers = draw(parse("resnext50_32x4d"), 224)
    peaks = [training_memory(layers, Setting(batch=batch)).peak for batch in (32, 64, 128)]
    assert peaks[2] - peaks[1] == pytest.approx(2 * (peaks[1] - peaks[0]), rel=0.01)
    assert training_memory(layers, Setting(batch=64)).peak_in.startswith("backward layer")
