"""A cell: one network in training with one setting, ours or another's, ready to be timed."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Final, Literal

import msgspec
import torch
from torch import nn

from resnext_bench.config.resolve import resolve
from resnext_bench.convs.measuring.checks import TYPES, poison
from resnext_bench.convs.measuring.choices import settle
from resnext_bench.lab.bench import bare
from resnext_bench.lab.networks import residual
from resnext_bench.lab.visit.first_steps import Step, calm, first_step
from resnext_bench.lab.visit.sizes import Kind
from resnext_bench.lab.visit.turns import Side, times_in
from resnext_bench.machine.inventory import Machine
from resnext_bench.pipelines.batches import Batch
from resnext_bench.rankfile import RankFile
from resnext_bench.reports.schema.config import Request, RunConfig
from resnext_bench.resnext.traffic import Dtype
from resnext_bench.worker import precision
from resnext_bench.worker.clock import clock_for
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.training import Training, assemble, build_model
from resnext_bench.worker.witness import Witness

Compiler = Literal["eager", "compile", "max-autotune"]
Source = Literal["ours", "torchvision", "timm"]
Train = Callable[[int], None]
"""Trains for a number of steps."""
TYPED: Final[dict[str, tuple[Dtype, bool]]] = {
    "bf16 NHWC": ("bf16", True),
    "bf16 NCHW": ("bf16", False),
    "fp16 NHWC": ("fp16", True),
    "TF32 NHWC": ("tf32", True),
    "fp32 NHWC": ("fp32", True),
}
"""Type of products and convolutions, and whether memory is channels-last, by name."""
EXACT: Final = "fp32 NHWC"
MODES: Final = {"eager": "none", "compile": "default", "max-autotune": "max-autotune"}
MOST_STEPS: Final = 4096
"""Largest number of steps in a block; there is a mark and a loss for each."""
POISON_SHARE: Final = 0.25
"""Share of the free memory that holds NaN before the checked step."""
_MACHINE: Final = Machine(
    cores=(0,), physical_cores=1, usable_cores=1, memory_gib=16.0, gpus=(), cpu_name=""
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A network and the way in which it is trained."""

    model: str
    batch: int
    typed: str = "bf16 NHWC"
    """Type and layout: a name in `TYPED`."""
    compiler: Compiler = "eager"
    source: Source = "ours"

    @property
    def dtype(self) -> Dtype:
        """The type of products and convolutions."""
        return TYPED[self.typed][0]

    @property
    def channels_last(self) -> bool:
        """Whether memory is NHWC."""
        return TYPED[self.typed][1]


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A cell that has trained its first steps."""

    side: Side
    first_s: float
    """Seconds to the end of the first step: building, compiling, and cuDNN's search.

    The first cell of a type in a contest searches for the others, too.
    """
    step: Step
    """A step before any update, by the same code that is then timed: compiled, chosen and
    recorded."""
    module: nn.Module


def config_of(cell: Cell, kind: Kind, image_size: int) -> RunConfig:
    """Return the configuration that `run` would train with these settings on one device."""
    dtype = cell.dtype
    request: Request = {
        "model": cell.model,
        "image_size": image_size,
        "batch_size": cell.batch,
        "device": "cpu",
        "nodes": 1,
        "nproc_per_node": 1,
        "engine": "none",
        "pipeline": "synthetic",
        "learning_rate": 0.001,
        "amp_dtype": dtype if dtype in ("bf16", "fp16") else "none",
        "tf32": dtype == "tf32",
        "channels_last": cell.channels_last,
        "compile_mode": MODES[cell.compiler],
        "threads": torch.get_num_threads(),
    }
    config = resolve(request, _MACHINE, None).config
    return msgspec.structs.replace(config, device=kind)


def _kind_of(device: torch.device) -> Kind:
    return "cuda" if device.type == "cuda" else "cpu"


def exact_step(cell: Cell, device: torch.device, image_size: int) -> Step:
    """Return the first step of the same network on the same batch in IEEE fp32.

    It is in NCHW and without a search, so that it consists of other kernels than any cell.
    """
    plain = Cell(model=cell.model, batch=cell.batch, typed=EXACT)
    config = config_of(plain, _kind_of(device), image_size)
    config = msgspec.structs.replace(config, channels_last=False, cudnn_benchmark=False)
    precision.apply(config)
    training = harnessed(config, device)
    return first_step(training.module, training.module, config, batch_of(config, device))


def prepare(cell: Cell, device: torch.device, image_size: int, block_s: float) -> Ready:
    """Build a cell, check its first step, and find how many steps fill a block."""
    config = config_of(cell, _kind_of(device), image_size)
    precision.apply(config)
    start = time.perf_counter()
    if cell.source == "ours":
        model, module, train = _ours(config, device)
    else:
        model, module, train = _theirs(cell, config, device)
    batch = batch_of(config, device)
    first_step(model, module, config, batch)
    settle(device)
    first_s = time.perf_counter() - start
    first_step(model, module, config, batch)  # where CUDA graphs are recorded
    _poisoned(device)
    step = first_step(model, module, config, batch)  # as all that follow
    train(3)
    side = Side(
        name="",
        train=train,
        count=min(times_in(train, block_s, device), MOST_STEPS),
        units=cell.batch,
        before=lambda: precision.apply(config),
    )
    return Ready(side=side, first_s=first_s, step=step, module=module)


def _poisoned(device: torch.device) -> None:
    if device.type == "cuda":
        poison(device, int(POISON_SHARE * torch.cuda.mem_get_info(device)[0]))


def _ours(config: RunConfig, device: torch.device) -> tuple[nn.Module, nn.Module, Train]:
    """Return the network in the harness's own training: its engine, and its loop with all marks."""
    training = harnessed(config, device)
    return training.engine.model, training.module, looped(training, device)


def harnessed(config: RunConfig, device: torch.device) -> Training:
    """Return the training as a rank assembles it, around the batch that all cells see."""
    batches = repeat(batch_of(config, device))
    return assemble(config, calm(build_model(config, device)), batches, device)


def looped(training: Training, device: torch.device) -> Train:
    """Return the harness's loop; it keeps its marks in a file as in a run."""
    with tempfile.TemporaryDirectory(prefix="gpu-kit-") as folder:
        path = Path(folder) / "rank-0.bin"
        file = RankFile.create(path, rank=0, pid=0, warm_up=0, steps=MOST_STEPS)
    clock = clock_for(device, file, window=256)
    witness = Witness(MOST_STEPS, device)

    def train(steps: int) -> None:
        run_steps(training, clock, witness, 0, steps)

    return train


def _theirs(
    cell: Cell, config: RunConfig, device: torch.device
) -> tuple[nn.Module, nn.Module, Train]:
    """Return the network in a hand-written loop, with the parameters that ours starts with."""
    model = network(cell.source, cell.model, config.classes)
    model.load_state_dict(calm(build_model(config, torch.device("cpu"))).state_dict())
    layout = torch.channels_last if cell.channels_last else torch.contiguous_format
    batches: Iterator[Batch] = repeat(batch_of(config, device))
    train = bare.training(model, batches, 1, device.type, TYPES[cell.dtype], layout)
    return model, model, train


def network(source: Source, name: str, classes: int) -> nn.Module:
    """Return the same network as torchvision's or timm's own class builds it."""
    spec = residual(name)
    model: nn.Module
    if source == "torchvision":
        model = bare.network(list(spec.blocks), spec.cardinality, classes, spec.width)
        return model
    from timm.models.resnet import Bottleneck, ResNet  # noqa: PLC0415  (where it is installed)

    model = ResNet(
        Bottleneck,
        layers=list(spec.blocks),
        cardinality=spec.cardinality,
        base_width=spec.width,
        num_classes=classes,
    )
    return model


@cache
def _images(batch: int, size: int, classes: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, size, size, generator=generator)
    return images, torch.randint(classes, (batch,), generator=generator)


def batch_of(config: RunConfig, device: torch.device) -> Batch:
    """Return a batch of noise like normalised photos, the same for all cells of one size."""
    images, labels = _images(config.batch_size, config.image_size, config.classes)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return images.to(device).contiguous(memory_format=layout), labels.to(device)
