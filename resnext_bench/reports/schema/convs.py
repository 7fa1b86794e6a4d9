"""The record of convolutions one by one: which algorithms there are for each, and what they need.

A *problem* is one operation (forward or a gradient) of one convolution; layers of a network that
are the same convolution share it. A *plan* is an algorithm with its settings, in the library's
order. What is planned and what is measured fill the same table.
"""

from collections.abc import Iterable
from typing import Final, Literal, get_args

import msgspec

from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.layouts import (
    Layouts,
)
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.plan_times import DeviceMemory, Fault, TorchChoice
from resnext_bench.reports.schema.record import Environment, File, Status
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.cost import FLOP_PER_MULTIPLY_ADD
from resnext_bench.resnext.traffic import WIDTH, Dtype, Layout

VERSION = 2

Excluded = Literal["", "unbuilt", "down_convert", "tf32", "deterministic", "errata"]
"""Why PyTorch does not take a plan.

- unbuilt: the library lists it and cannot build it.
- down_convert: it rounds its inputs to a narrower type, which PyTorch never accepts.
- tf32: it computes fp32 on tensor cores, and TF32 is off.
- deterministic: it is not deterministic, and cuDNN is to be.
- errata: a rule of PyTorch's, or of the user's file, blocks it.
"""
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
BY_HAND: Final = "given"
"""Stands for the layer of a convolution that was given by hand."""
WRONG: Final = "wrong"
"""Note of a plan whose result is farther from the exact one than its type allows."""
UNCAPTURED: Final = "uncaptured"
"""Note of what PyTorch chose on a GPU where no CUDA graph of its calls could be made."""
Source = Literal["A", "fallback"]
"""The list of a plan: heuristic mode A, or the fallback."""


class Convolution(msgspec.Struct, frozen=True, kw_only=True):
    """A convolution, and the layers of the network that are the same one."""

    layers: tuple[str, ...]
    images: tuple[int, int, int, int]
    """Batch, channels, height and width of its input."""
    filters: int
    groups: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    dtype: Dtype
    layout: Layout

    @property
    def outputs(self) -> tuple[int, int, int, int]:
        """Batch, channels, height and width of its output."""
        edges = zip(
            self.images[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True
        )
        height, width = (
            (size + 2 * around - apart * (window - 1) - 1) // step + 1
            for size, window, step, around, apart in edges
        )
        return self.images[0], self.filters, height, width

    @property
    def weights(self) -> tuple[int, int, int, int]:
        """Filters, channels of a group, height and width of the window."""
        return self.filters, self.images[1] // self.groups, *self.kernel

    @property
    def flop(self) -> int:
        """FLOP of each of its operations, 2 for a multiply-add."""
        _, _, height, width = self.outputs
        places = self.images[0] * height * width
        return FLOP_PER_MULTIPLY_ADD * places * _product(self.weights)

    @property
    def least_bytes(self) -> int:
        """Bytes of input, weights and output, each once: what any algorithm has to move."""
        shapes = (self.images, self.weights, self.outputs)
        return WIDTH[self.dtype] * sum(map(_product, shapes))

    @property
    def smaller_map_bytes(self) -> int:
        """Bytes of its input or its output, whichever is smaller."""
        return WIDTH[self.dtype] * min(_product(self.images), _product(self.outputs))


def _product(dims: tuple[int, int, int, int]) -> int:
    a, b, c, d = dims
    return a * b * c * d


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An algorithm with its settings, and what was measured of it."""

    tag: str
    """The library's name for it: engine and knobs, as in eng45_k2=4_k5=3_k14=3."""
    source: Source = "A"
    workspace: int | None = None
    """Bytes that it needs beside its tensors; None where it cannot be built."""
    notes: tuple[str, ...] = ()
    """The library's notes on its numbers and behaviour, in small letters: tensor_core."""
    transposes: int = 0
    """Bytes of its workspace that it does not need in the other layout, where they hold at least
    half a feature map: copies in another layout, most likely."""
    excluded: Excluded = ""
    why: str = ""
    """The library's words where it cannot be built."""
    samples_us: tuple[float, ...] = ()
    """Times of a call, µs; empty where nothing was timed."""
    error: float | None = None
    """Largest error against float64, relative to the largest value; None where not checked."""
    kernel: str = ""
    """The kernel that does the work; empty where nothing ran."""
    beside: float | None = None
    """Share of its time in copies to another layout or type; None where that is not known."""
    warm_us: tuple[float, ...] = ()
    """Times of a call whose tensors are in the GPU's L2 cache, µs; `samples_us` are then of calls
    whose tensors are not."""
    kernels: tuple[str, ...] = ()
    """All kernels of a call on a GPU, in their order."""
    faults: tuple[Fault, ...] = ()
    """What spoke against it when it ran on a GPU."""

    @property
    def engine(self) -> int | None:
        """The engine's number; None where the tag has none."""
        number = self.tag.partition("_")[0].removeprefix("eng")
        return int(number) if number.isdigit() else None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one convolution, with its plans in the library's order."""

    convolution: int
    """Index of the convolution."""
    operation: Operation
    plans: tuple[Plan, ...]
    """In a stored record they stand in the file `plans.msgpack` beside it."""
    setting: str = ""
    """What the library was told beside the problem: "oneDNN off"; empty where nothing."""
    why: str = ""
    """The library's words where it has no plans, or why they could not run."""
    choices: tuple[TorchChoice, ...] = ()
    """What PyTorch chose on a GPU, asked anew several times."""
    sets: int = 0
    """Number of sets of tensors through which cold calls went on a GPU; 1: one set exceeds the L2
    cache, and is never warm."""
    doubts: tuple[Note, ...] = ()
    """What makes its times doubtful: clocks that were held down, another tenant."""
    remarks: tuple[Note, ...] = ()
    """What else was seen of the GPU meanwhile."""

    @property
    def candidates(self) -> tuple[Plan, ...]:
        """The plans that PyTorch takes, in the order in which it tries or times them."""
        return tuple(plan for plan in self.plans if not plan.excluded)


class PlannedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device for which plans were asked."""

    name: str
    source: str
    """What described it: a key such as h200, a file, or the device itself."""
    fields: dict[str, int | str | list[int]]
    """The description, as the library takes it."""
    assumed: tuple[str, ...] = ()
    """Fields that no document states."""
    decisive: tuple[str, ...] = ()
    """Those of them that are known to change plans or their workspaces."""


class TorchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of PyTorch that decide among plans."""

    torch: str
    """Version of torch whose rules were used; empty where there is none."""
    benchmark_limit: int
    """How many plans cuDNN benchmark times; 0: all."""
    deterministic: bool
    rules: int
    """Number of rules, of torch or of the user's file, that block engines of this library and
    device."""
    rules_from: str
    """Where they stand: torch, a file, or nowhere."""


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """The instructions that oneDNN used in one process."""

    isa: str
    """The cap it was given, as AVX2; empty for none."""
    uses: str
    """What it used, in its own words; empty where its log does not tell."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How the sides of each problem took turns; samples of one round belong together."""

    rounds: int
    block_s: float
    """Length of a block of calls, s."""
    threads: int
    """Threads that computed; 0 on a GPU."""
    load_1min: float | None = None
    """Load average of the minute before it began; None where it is not counted."""
    caps: tuple[Cap, ...] = ()
    """What oneDNN used, for each cap."""


class Convs(msgspec.Struct, frozen=True, kw_only=True):
    """Convolutions one by one. Written last, as every record."""

    version: int = VERSION
    id: str
    kind: Literal["convs"] = "convs"
    status: Status
    why: str = ""
    """Reason for the status, in one sentence; where it stood when interrupted; empty when ok."""
    tool_version: str
    created: str
    """Moment of the start: UTC, ISO 8601."""
    duration_s: float
    command: tuple[str, ...]
    task: Literal["plan", "time", "layouts"] = "plan"
    """What was asked of each problem."""
    timing: Timing | None = None
    """How it was timed; None where nothing was."""
    layouts: Layouts | None = None
    """What layouts cost; only for the task of this name."""
    model: str
    """Name of the network; empty for a convolution that was given by hand."""
    image_size: int = 0
    """Side of its images in pixels; 0 where that is not known, as of networks that are not ours."""
    device: PlannedDevice
    libraries: dict[str, str]
    """Versions of what computes or plans, as they answered: cudnn and its frontend, onednn."""
    settings: TorchSettings
    convolutions: tuple[Convolution, ...]
    problems: tuple[Problem, ...]
    wrong: int = 0
    """Number of results that are farther from float64 than rounding explains."""
    memory: DeviceMemory | None = None
    """The GPU's memory, where plans were timed on one."""
    environment: Environment
    notes: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    children: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Tags that the user has given, as the note is."""
    note: str = ""


def wrong_results(problems: Iterable[Problem]) -> int:
    """Return how many results are farther from float64 than rounding explains.

    They are those of plans, and of what PyTorch itself chose.
    """
    return sum(
        sum(WRONG in plan.notes for plan in one.plans)
        + sum(choice.times.is_false for choice in one.choices)
        for one in problems
    )


class SeenConvolution(msgspec.Struct, frozen=True, kw_only=True):
    """A convolution as it was called in a forward pass of a model that is not ours."""

    layer: str
    """The module that called it; empty for none."""
    images: tuple[int, ...]
    weights: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    is_transposed: bool
    reads_images: bool
    """Whether it reads the network's own input, whose gradient nobody needs."""


class ProblemChange(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two records in the plans of one problem."""

    layer: str
    operation: Operation
    first: tuple[str, str]
    """PyTorch's first choice, a and b; empty where it has none."""
    workspace: tuple[int | None, int | None]
    """The workspace of these, bytes."""
    gone: tuple[int, ...]
    """Engines that only a has."""
    new: tuple[int, ...]
    """Engines that only b has."""
    reordered: bool
    """Whether plans that both have stand in another order."""


class TimeChange(msgspec.Struct, frozen=True, kw_only=True):
    """How long one side of a problem took in two records."""

    layer: str
    operation: Operation
    dtype: Dtype
    layout: Layout
    setting: str
    ratio: Estimate
    """Time in b relative to that in a, which did not take turns."""
    kernel: tuple[str, str]
    """What did the work, a and b."""


class ConvsDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two records of convolutions."""

    a: str
    b: str
    settings: tuple[tuple[str, str, str], ...]
    """Device, libraries and settings that differ: name, a, b."""
    problems: int
    """Number of problems that both have."""
    only: tuple[int, int]
    """Number of problems that only a has, and only b."""
    changes: tuple[ProblemChange, ...]
    """Changes of plans; none of what was timed."""
    times: tuple[TimeChange, ...] = ()
    """All sides that both records have timed."""
