"""Steps of the timed loop on a fake GPU: configuration, pipeline, model and loss as in a rank."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from resnext_bench.config.resolve import DataFacts, resolve
from resnext_bench.job import ImageList
from resnext_bench.machine.inventory import Machine
from resnext_bench.pipelines.batches import Batch, Batches
from resnext_bench.pipelines.torchvision import Pictures
from resnext_bench.reports.schema.config import Option, RunConfig
from resnext_bench.worker import data, precision
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.training import Criterion, assemble, build_model
from resnext_bench.worker.witness import FirstImages, FormatProbe, Witness
from tests.machine.made_machines import made_machine
from tests.rehearsal.fake_cuda import GPU, Fake, Fault, ForwardAlone, NoMarks, fake_gpu

STEPS = 1
BOARD: Machine = made_machine(cores=8, gpus=1)
FLOATS = {"fp32": torch.float32, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What steps came to."""

    faults: list[Fault]
    batch: Batch | None
    """What the loop got of the pipeline."""
    convolved: list[torch.Tensor]
    """What the first convolution got."""
    outputs: list[torch.Tensor]
    weights: str
    """The format of the convolutions' weights."""


def made_config(**options: Option) -> RunConfig:
    """A configuration of one H100 and small images."""
    small: dict[str, Option] = {"model": "resnext14_4x4d", "image_size": 64, "batch_size": 4}
    reads = options.get("pipeline") in ("dali", "torchvision")
    facts = DataFacts(root="data", classes=10, made=False, images=8) if reads else None
    wanted = {**small, "pipeline": "synthetic", **({"data": "data"} if reads else {}), **options}
    return resolve(wanted, BOARD, facts).config


def stepped(
    config: RunConfig, root: Path | None = None, criterion: Criterion | None = None
) -> Seen:
    """Run a step, watched from the first batch to the last loss."""
    with settings_kept():
        precision.apply(config)
        module = build_model(config, torch.device("cpu"))
        with fake_gpu() as fake, opened(fake, config, root) as batches:
            layout = torch.channels_last if config.channels_last else torch.contiguous_format
            module.to(device=GPU, memory_format=layout)
            return _run(fake, config, module, batches, criterion)


def _run(
    fake: Fake, config: RunConfig, module: nn.Module, batches: Batches, loss: Criterion | None
) -> Seen:
    taken, outputs, convolved = list[Batch](), list[torch.Tensor](), list[torch.Tensor]()
    for layer in (one for one in module.modules() if isinstance(one, nn.Conv2d)):
        layer.register_forward_pre_hook(lambda _, given: convolved.append(given[0]))
        break
    training = assemble(config, module, _noted(batches, taken), GPU)
    probe = FormatProbe(training.module)
    training = replace(
        training,
        engine=ForwardAlone(training.engine.model),
        criterion=_heard(loss or training.criterion, outputs),
    )
    # Of a foreign model's first step, images are kept.
    witness = FirstImages(Witness(STEPS, GPU), keep=True)
    with fake.watched():
        run_steps(training, NoMarks(), witness, 0, STEPS)
    return Seen(
        faults=fake.faults,
        batch=taken[-1] if taken else None,
        convolved=convolved,
        outputs=outputs,
        weights=probe.weight_format,
    )


def _noted(batches: Batches, taken: list[Batch]) -> Iterator[Batch]:
    for batch in batches:
        taken.append(batch)
        yield batch


def _heard(criterion: Criterion, outputs: list[torch.Tensor]) -> Criterion:
    def heard(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        outputs.append(output)
        return criterion(output, labels)

    return heard


@contextmanager
def settings_kept() -> Iterator[None]:
    """Put back what `precision.apply` sets for a whole process."""
    backends: Any = torch.backends
    places = (
        *(backends, backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn),
        *(backends.mkldnn.matmul, backends.mkldnn.conv, backends.mkldnn.rnn),
    )
    before = [place.fp32_precision for place in places]
    cudnn = backends.cudnn
    flags = (cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic)
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value
        cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic = flags
        torch.set_num_threads(threads)


@contextmanager
def opened(fake: Fake, config: RunConfig, root: Path | None) -> Iterator[Batches]:
    """Open the pipeline as a rank does; DataLoader's processes and DALI's graph have stand-ins."""
    folder: Any = SimpleNamespace(read_images=lambda: _images(root))
    job: Any = SimpleNamespace(config=config, images=str(root))
    with (
        mock.patch("resnext_bench.worker.data.beginner"),
        mock.patch("resnext_bench.pipelines.torchvision.Pictures", _real_pictures),
        mock.patch("resnext_bench.pipelines.torchvision.DataLoader", _loader(fake)),
        _dali_pretended(config),
    ):
        # What lies in host memory is real.
        with _disable_current_modes() if config.pipeline == "host" else nullcontext():
            batches = data.open_batches(job, folder, GPU, 0)
        yield batches
        data.close_batches(batches)


def _images(root: Path | None) -> ImageList:
    assert root is not None
    files = sorted(path.name for path in root.iterdir())
    return ImageList(files=files, labels=list(range(len(files))))


def _real_pictures(*given: Any) -> Pictures:
    """Make a data set as its loaders' processes have it."""
    with _disable_current_modes():
        return Pictures(*given)


def _loader(fake: Fake) -> Callable[..., Iterator[Any]]:
    """Return a stand-in for DataLoader without processes, which pins what it was told to."""

    def load(dataset: Any, *, sampler: Any, pin_memory: bool, **_: object) -> Iterator[Any]:
        orders = iter(sampler)
        while True:
            with _disable_current_modes():  # they have real tensors
                images, labels, bad = dataset[next(orders)]
            if pin_memory:
                images, labels = fake.pinned.pin(images), fake.pinned.pin(labels)
            yield images, labels, bad

    return load


@contextmanager
def _dali_pretended(config: RunConfig) -> Iterator[None]:
    """Let DALI's iterator give what its graph of a GPU would: tensors on it, as it lays them."""
    if config.pipeline != "dali":
        yield
        return
    from resnext_bench.pipelines.dali import graphs, pipeline

    def graph(spec: Any, decode: str, pull: Any, **_: object) -> Any:
        return SimpleNamespace(spec=spec, pull=pull)

    def iterate(running: list[Any], *_: object, **__: object) -> Iterator[list[dict[str, Any]]]:
        spec = running[0].spec
        size, count = spec.image_size, spec.batch_size
        rows = graphs.is_rows(spec)
        shape = (count, size, size, 3) if rows else (count, 3, size, size)
        kind = torch.uint8 if spec.pixels == "uint8" else FLOATS[spec.pixels]
        while True:
            with _disable_current_modes():
                running[0].pull()
            labels = torch.zeros((count, 1), dtype=torch.int64, device=GPU)
            yield [{"images": torch.zeros(shape, dtype=kind, device=GPU), "labels": labels}]

    with (
        mock.patch.object(pipeline, "whole_graph", graph),
        mock.patch.object(pipeline, "DALIGenericIterator", iterate),
    ):
        yield
