"""Training throughput that others have published, and how it differs from what is measured here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.lab.visit.pages.contests import Reached, reached
from resnext_bench.lab.visit.pages.tables import table
from resnext_bench.lab.visit.pages.words import NONE, figure
from resnext_bench.lab.visit.results import Results
from resnext_bench.reports.render.model import Code, Heading, Paragraph, Section, Words, inline

PAPER_TAX: Final = 0.95 / 0.70
"""Ratio of the seconds of a mini-batch, ResNeXt-101 over ResNet-101, by Xie et al. 2017."""
_NVIDIA: Final = "NVIDIA DeepLearningExamples, NGC 21.03"
_TIMM: Final = "timm's results, PyTorch 1.12"


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """One published figure."""

    source: str
    hardware: str
    model: str
    """Name of the model in this program."""
    precision: str
    """Precision; `AMP` is fp16 by autocast."""
    layout: str = ""
    batch: int = 0
    """Batch of one GPU; 0 where it is not given."""
    images_per_s: float = 0.0
    on_eight: float = 0.0
    """Images/s of eight GPUs together; 0 where it is not given."""


def _nvidia(hardware: str, model: str, precision: str, *numbers: float) -> Published:
    one, eight, batch = numbers
    words = precision.split()
    return Published(
        source=_NVIDIA,
        hardware=hardware,
        model=model,
        precision=words[0],
        layout=words[1] if len(words) > 1 else "",
        batch=int(batch),
        images_per_s=one,
        on_eight=eight,
    )


def _timm(model: str, layout: str, batch: int, images_per_s: float) -> Published:
    return Published(
        source=_TIMM,
        hardware="RTX 3090",
        model=model,
        precision="AMP",
        layout=layout,
        batch=batch,
        images_per_s=images_per_s,
    )


FIGURES: Final = (
    _nvidia("A100 80 GB", "resnext101_32x4d", "AMP NHWC", 1211, 7925, 128),
    _nvidia("A100 80 GB", "resnext101_32x4d", "TF32 NCHW", 456, 3471, 128),
    _nvidia("V100 16 GB", "resnext101_32x4d", "AMP NHWC", 587, 4065, 128),
    _nvidia("V100 16 GB", "resnext101_32x4d", "fp32", 147, 1133, 64),
    _nvidia("A100 80 GB", "resnet50", "AMP", 2470, 16621, 0),
    _timm("resnext50_32x4d", "NCHW", 384, 663),
    _timm("resnext50_32x4d", "NHWC", 384, 1001),
    _timm("resnext101_32x8d", "NCHW", 128, 276),
    _timm("resnext101_32x8d", "NHWC", 128, 313),
    _timm("resnext101_32x16d", "NCHW", 96, 130),
    _timm("resnext101_32x16d", "NHWC", 96, 66),
    Published(
        source="MLPerf Training v4.0, MXNet",
        hardware="8 x H200",
        model="resnet50",
        precision=NONE,
        on_eight=63_600,
    ),
)
_HEAD: Final = ("model", "hardware", "precision", "batch", "images/s, 1 GPU", "8 GPUs", "source")
_DIFFERS: Final = (
    "They were taken on other GPUs, with software of 2021 to 2024 and other settings: NVIDIA's and "
    "MLPerf's read real images through a loader, timm's and the ones here batches that lie on the "
    "GPU; AMP there is fp16. So no ratio is formed across hardware: a difference between two lines "
    "is one of GPU, software, loader and settings together. No published training figure of "
    "ResNeXt on an H100 or H200 was found. The paper on ResNeXt itself: 0.95 s a batch for "
    "ResNeXt-101 on eight M40, 0.70 s for ResNet-101 of as many FLOP, a cardinality tax of "
    f"{PAPER_TAX:.2f}."
)


def published(found: Sequence[Results]) -> Iterator[Section]:
    """Yield the table; beside each figure, what real GPUs reached with the same model here."""
    real = [results for results in found if not results.facts.is_miniature]
    own = [(results.facts.device, list(reached(results))) for results in real]
    here = any(_own(one, own) for one in FIGURES)
    head = (*_HEAD, "measured here, on another device or with other software") if here else _HEAD
    rows = [(*_row(one), *([_own(one, own) or NONE] if here else [])) for one in FIGURES]
    yield Heading(text="Published figures, for orientation", level=2)
    yield Paragraph(text=_DIFFERS)
    yield from table(head, rows)


def _row(one: Published) -> tuple[Words, ...]:
    return (
        inline(Code(one.model)),
        one.hardware,
        f"{one.precision} {one.layout}".strip(),
        str(one.batch or NONE),
        f"{one.images_per_s:,.0f}" if one.images_per_s else NONE,
        f"{one.on_eight:,.0f}" if one.on_eight else NONE,
        one.source,
    )


def _own(one: Published, own: Sequence[tuple[str, list[Reached]]]) -> str:
    """Return the nearest setting of each device: same model, layout and type, batch if possible."""
    told = []
    for device, cells in own:
        alike = [cell for cell in cells if cell.model == one.model and _is_like(one, cell.typed)]
        if alike and one.images_per_s:
            cell = min(alike, key=lambda cell: (cell.batch != one.batch, _rank(cell.typed)))
            told.append(f"{device}, {cell.typed}, batch {cell.batch}: {figure(cell.rate)}")
    return "; ".join(told)


def _is_like(one: Published, typed: str) -> bool:
    dtype, _, layout = typed.partition(" ")
    types = ("fp16", "bf16") if one.precision == "AMP" else (one.precision,)
    return dtype in types and (not one.layout or layout == one.layout)


def _rank(typed: str) -> int:
    """Return the order of types: fp16 first, which is what AMP meant."""
    return 0 if typed.startswith("fp16") else 1
