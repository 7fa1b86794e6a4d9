"""The three forms of a block are one function, and one training."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.modules.forms import converted
from resnext_bench.resnext.modules.residual import block_module
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.spec import BlockSpec, Form, ResNeXtSpec

FORMS: tuple[Form, ...] = ("a", "b", "c")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def blocks_of(spec: ResNeXtSpec) -> list[BlockSpec]:
    return [block for stage in spec.stages() for block in stage]


def trained(model: nn.Module, images: Tensor, steps: int) -> Tensor:
    """Take steps of SGD with momentum on a loss that weighs every output; return the last ones."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    for _ in range(steps):
        optimizer.zero_grad()
        outputs: Tensor = model(images)
        weights = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype)
        (outputs.flatten() * weights).mean().backward()
        optimizer.step()
    return outputs.detach()


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


@settings(max_examples=40)
@given(
    cardinality=st.integers(1, 9),
    width=st.integers(1, 6),
    stride=st.sampled_from([1, 2]),
    stride_place=st.sampled_from(["3x3", "1x1"]),
    shortcut=st.booleans(),
    size=st.integers(2, 9),
    source=st.sampled_from(FORMS),
    data=st.integers(0, 2**20),
)
def test_a_block_in_all_forms(
    cardinality: int,
    width: int,
    stride: int,
    stride_place: str,
    shortcut: bool,
    size: int,
    source: Form,
    data: int,
) -> None:
    """Outputs, gradients, and weights and statistics after two steps, in float64."""
    torch.manual_seed(data)
    spec = ResNeXtSpec(name="one", blocks=(1,), cardinality=cardinality, width=width)
    block = BlockSpec(
        in_channels=6,
        group_channels=cardinality * width,
        out_channels=10,
        groups=cardinality,
        stride=stride,
        stride_place=stride_place,  # type: ignore[arg-type]
        form=source,
        shortcut=shortcut,
    )
    first = nn.ModuleDict({"layer1": nn.Sequential(block_module(block))}).double()
    images = torch.randn(3, 6, size, size, dtype=torch.float64)
    start = {name: value.clone() for name, value in first.state_dict().items()}
    outputs = trained(first["layer1"], images, 2)
    for form in FORMS:
        other = nn.ModuleDict({"layer1": nn.Sequential(block_module(replace(block, form=form)))})
        other.double().load_state_dict(converted(start, spec, form))
        close(trained(other["layer1"], images, 2), outputs)
        for found, expected in (
            (gradients(other), converted(gradients(first), spec, form)),
            (other.state_dict(), converted(first.state_dict(), spec, form)),
        ):
            assert found.keys() == expected.keys()
            for name, value in found.items():
                close(value, expected[name])


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["resnext14_4x4d", "resnext29_2x8d", "resnet50_root8"])
@pytest.mark.parametrize("form", ["a", "b"])
def test_a_network_in_all_forms(name: str, form: Form, whole: bool) -> None:
    """Of one block a stage, and as deep as it is."""
    torch.manual_seed(1)
    spec = parse(name)
    assert isinstance(spec, ResNeXtSpec)
    if not whole:
        spec = replace(spec, blocks=(1,) * len(spec.blocks))
    grouped = build(spec).double()
    other = build(replace(spec, form=form)).double()
    start = {name: value.clone() for name, value in grouped.state_dict().items()}
    other.load_state_dict(converted(start, spec, form))
    # Batch norm over two values of a 1x1 map would amplify rounding a thousandfold.
    images = torch.randn(4, 3, 48, 48, dtype=torch.float64)
    close(trained(other, images, 1), trained(grouped, images, 1))
    after = converted(grouped.state_dict(), spec, form)
    for name, value in other.state_dict().items():
        torch.testing.assert_close(value, after[name], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_conversion_loses_nothing(form: Form, target: Form) -> None:
    spec = parse("resnext14_4x2d")
    assert isinstance(spec, ResNeXtSpec)
    state = build(replace(spec, form=form)).state_dict()
    back = converted(converted(state, spec, target), spec, form)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], value) for name, value in state.items())


def test_a_form_has_as_many_convolutions_as_it_says() -> None:
    spec = parse("resnext14_4x2d")
    assert isinstance(spec, ResNeXtSpec)
    counts = {
        form: sum(isinstance(one, nn.Conv2d) for one in build(replace(spec, form=form)).modules())
        for form in FORMS
    }
    assert counts == {"c": 1 + 4 * 4, "b": 1 + 4 * (4 * 2 + 2), "a": 1 + 4 * (4 * 3 + 1)}
