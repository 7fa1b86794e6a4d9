"""The timed loop: real training, and nothing in it that waits."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from resnext_bench.rankfile import Mark
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker.clock import HostClock, columns
from resnext_bench.worker.engine import Plain
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.training import Training, build_model
from resnext_bench.worker.witness import FormatProbe, Witness, checksums
from tests.worker.made_training import CPU, made_config, made_rank_file, made_training


class Recorder(TorchDispatchMode):
    """Names of all operations that reach the dispatcher."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def stepped(folder: Path, config: RunConfig, training: Training) -> tuple[HostClock, Witness]:
    clock = HostClock(made_rank_file(folder, config))
    witness = Witness(config.warm_up + config.steps, CPU)
    clock.start_window()
    run_steps(training, clock, witness, 0, config.warm_up + config.steps)
    clock.stop_window()
    return clock, witness


def test_no_step_waits_for_a_value(tmp_path: Path) -> None:
    """`.item()` is aten::_local_scalar_dense; on a GPU each one is a synchronise."""
    config = made_config(warm_up=1, steps=2, amp=True)
    training = made_training(config, build_model(config, CPU))
    with Recorder() as recorder:
        stepped(tmp_path, config, training)
    assert "convolution" in recorder.names
    assert not recorder.names & {"_local_scalar_dense", "is_nonzero", "equal"}


def test_labels_travel_with_the_images(tmp_path: Path) -> None:
    """Batches in host memory: all that the model and the loss get is on the device."""
    config = made_config(warm_up=1, steps=1)
    device = torch.device("meta")
    seen: set[torch.device] = set()

    def criterion(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.update((output.device, labels.device))
        return output.sum()

    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 1000))
    training = replace(made_training(config, model.to(device)), criterion=criterion, device=device)
    clock, witness = HostClock(made_rank_file(tmp_path, config)), Witness(2, device)
    # Of a device that every machine has, and that is not the CPU.
    with mock.patch.object(Training, "autocast", return_value=nullcontext()):
        run_steps(training, clock, witness, 0, 2)
    assert seen == {device}


def test_it_is_plain_sgd(tmp_path: Path) -> None:
    """Three steps of the loop against the same three written out."""
    config = made_config(warm_up=1, steps=2, learning_rate=0.1, weight_decay=0.01)
    ours, theirs = (nn.Sequential(nn.Flatten(), nn.Linear(3072, 1000)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    training = made_training(config, ours)
    images, labels = next(training.batches)
    _, witness = stepped(tmp_path, config, training)
    optimizer = torch.optim.SGD(
        theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01
    )
    expected = []
    for _ in range(3):
        loss = nn.functional.cross_entropy(theirs(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        expected.append(loss.item())
    assert witness.losses(range(3)) == pytest.approx(expected)
    torch.testing.assert_close(ours[1].weight, theirs[1].weight)


@pytest.mark.parametrize("dtype", ["none", "bf16"])
def test_backward_runs_outside_autocast(tmp_path: Path, dtype: str) -> None:
    seen: dict[str, set[object]] = {"forward": set(), "backward": set(), "types": set()}

    class Spy(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen["forward"].add(torch.is_autocast_enabled("cpu"))
            y = super().forward(x.flatten(1))
            seen["types"].add(y.dtype)
            y.register_hook(lambda _: seen["backward"].add(torch.is_autocast_enabled("cpu")))
            return y

    config = made_config(warm_up=1, steps=2, amp_dtype=dtype)
    stepped(tmp_path, config, made_training(config, Spy(3072, 1000)))
    mixed = dtype == "bf16"
    assert seen["forward"] == {mixed}
    assert seen["backward"] == {False}
    assert seen["types"] == {torch.bfloat16 if mixed else torch.float32}


def test_fp16_has_a_gradient_scaler_and_others_do_not() -> None:
    linear = nn.Linear(1, 1)
    for dtype, scaled in (("fp16", True), ("bf16", False), ("none", False)):
        training = made_training(made_config(amp_dtype=dtype), linear)
        assert isinstance(training.engine, Plain)
        assert training.engine.scaler.is_enabled() is scaled


def test_the_steps_tile_the_window(tmp_path: Path) -> None:
    config = made_config(warm_up=1, steps=4)
    clock, _ = stepped(tmp_path, config, made_training(config, build_model(config, CPU)))
    found = columns(clock.device_marks(range(5)), clock.host_marks(range(5)))
    for index, step in enumerate(found["step_ns"]):
        parts = ("data_wait_ns", "forward_ns", "backward_ns", "optimizer_ns")
        assert sum(found[part][index] for part in parts) == step
    assert 0 <= clock.window_ns - sum(found["step_ns"]) < 0.05 * clock.window_ns


def test_marks_by_hand(tmp_path: Path) -> None:
    """Two steps at times chosen by hand: the split is what one works out on paper."""
    config = made_config(warm_up=1, steps=2)
    times = (1000, 1100, 1150, 1400, 2000, 2100, 2105, 2110, 2400, 3000, 3500, 3600)
    clock = HostClock(made_rank_file(tmp_path, config), iter(times).__next__)
    clock.start_window()
    for step in (1, 2):
        for mark in Mark:
            clock.mark(step, mark)
    clock.stop_window()
    assert clock.window_ns == 2600
    assert columns(clock.device_marks(range(1, 3)), clock.host_marks(range(1, 3))) == {
        "step_ns": [1100, 1400],
        "data_wait_ns": [150, 10],
        "forward_ns": [250, 290],
        "backward_ns": [600, 600],
        "optimizer_ns": [100, 500],
        "next_ns": [100, 5],
    }
    assert list(Mark) == sorted(Mark)


@pytest.mark.parametrize("channels_last", [True, False])
def test_formats_are_read_from_strides(tmp_path: Path, channels_last: bool) -> None:
    config = made_config(warm_up=1, steps=2, channels_last=channels_last)
    training = made_training(config, build_model(config, CPU))
    probe = FormatProbe(training.module)
    stepped(tmp_path, config, training)
    probe.stop()
    expected = "NHWC" if channels_last else "NCHW"
    assert (probe.weight_format, probe.gradient_format) == (expected, expected)


def test_a_frozen_parameter_is_found(tmp_path: Path) -> None:
    config = made_config(warm_up=1, steps=2)
    module = build_model(config, CPU)
    before = checksums(module)
    training = made_training(config, module)
    bias = module.get_parameter("fc.bias")
    bias.register_hook(torch.zeros_like)
    assert isinstance(training.engine, Plain)
    training.engine.optimizer.param_groups[0]["weight_decay"] = 0
    stepped(tmp_path, config, training)
    assert before.unchanged_in(checksums(module)) == ("fc.bias",)


def test_repeating_batches_are_counted(tmp_path: Path) -> None:
    config = made_config(warm_up=1, steps=5)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 1000))
    _, same = stepped(tmp_path, config, made_training(config, module))
    assert same.distinct_batches(range(1, 6)) == 1
    fresh = iter([(torch.randn(2, 3, 32, 32), torch.zeros(2, dtype=torch.long))] * 3)
    fresh = ((torch.randn(2, 3, 32, 32), labels) for _, labels in [next(fresh)] * 9)
    _, new = stepped(tmp_path, config, made_training(config, module, fresh))
    assert new.distinct_batches(range(1, 6)) == 5


def test_images_of_one_total_are_not_one_image() -> None:
    """Totals of small images collide in a long run."""
    witness, loss = Witness(2, CPU), torch.tensor(0.0)
    for step in range(2):
        image = torch.zeros(1, 3, 4, 4)
        image[0, step] = 1
        witness.see(step, image, loss)
    assert witness.distinct_batches(range(2)) == 2


NORMALISED = {"white": 0.9, "grey": 0.4, "black": 0.0}
"""The darkest pixel of a photo, of 1, that is of a tenth of all brightnesses."""


@pytest.mark.parametrize("brightness", NORMALISED)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.uint8])
@pytest.mark.parametrize("size", [224, 512])
def test_different_pictures_have_different_sums(
    brightness: str, dtype: torch.dtype, size: int
) -> None:
    """The sum of bright pixels of 224 x 224 or more exceeds all that fp16 can say."""
    generator, steps = torch.Generator().manual_seed(0), 20
    witness = Witness(steps, CPU)
    for step in range(steps):
        pixels = torch.rand(1, 3, size, size, generator=generator) * 0.1 + NORMALISED[brightness]
        if dtype is torch.uint8:
            images = (255 * pixels).to(dtype)
        else:
            images = ((pixels - 0.45) / 0.22).to(dtype)
        witness.see(step, images, torch.tensor(0.0))
    assert witness.distinct_batches(range(steps)) == steps


def test_the_same_picture_has_the_same_sum_in_fp16() -> None:
    witness, images = Witness(5, CPU), torch.full((1, 3, 224, 224), 2.0, dtype=torch.float16)
    for step in range(5):
        witness.see(step, images, torch.tensor(0.0))
    assert witness.distinct_batches(range(5)) == 1
