"""What layouts of convolutions cost, the best mixed choice, and what it gains in whole steps."""

from collections.abc import Iterator
from math import fsum
from typing import Final, Literal

import msgspec

from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.kind import Columns, Row
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype, Layout

SideName = Literal["nhwc", "nchw", "mixed"]
"""A model all in one layout, or in the best mixed choice."""
FALSE: Final = 0.05
"""Share of false rows among those that are called apart."""
PartName = Literal["convolutions", "others", "conversions"]
"""What is timed of a step: convolutions, norms with pools, conversions of maps between layouts."""


class LayoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one convolution in one type: NHWC against NCHW."""

    convolution: int
    """Index of the convolution in NHWC among those of the record."""
    operation: Operation
    dtype: Dtype
    nhwc_us: float | None
    """Geometric mean of a call over rounds, as of the ratio, µs; None where it could not run."""
    nchw_us: float | None
    ratio: Estimate | None = None
    """Time in NHWC by time in NCHW; None where one of them could not run."""
    p: float | None = None
    """Probability of such a ratio where both take equally long, two-sided."""
    q: float | None = None
    """`p` adjusted over all rows by Benjamini and Hochberg's procedure."""
    kernels: tuple[str, str] = ("", "")
    """Implementations in NHWC and in NCHW."""
    why: str = ""
    """Why one of them could not run."""

    @property
    def is_apart(self) -> bool:
        """Whether the layouts differ beyond noise, with the whole table in view."""
        return self.q is not None and self.q <= FALSE


class OtherRow(msgspec.Struct, frozen=True, kw_only=True):
    """A norm, a pool or a conversion of a map, per layout."""

    kind: str
    shape: tuple[int, int, int, int]
    """Batch, channels, height and width of the map that is read."""
    dtype: Dtype
    sides: tuple[str, ...]
    samples_us: tuple[tuple[float, ...], ...]
    """µs of a call [sides][rounds]."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of a step in what is timed of it."""

    convolutions: float
    others: float
    conversions: float

    @property
    def total(self) -> float:
        """All of them, ms."""
        return self.convolutions + self.others + self.conversions


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator of PyTorch in a profile of whole steps."""

    part: PartName | Literal["rest"]
    name: str
    """Its name without namespace and underscores at its ends: convolution_backward."""
    ms: float
    """Time of a step that it spends itself, on a GPU in its own kernels, ms."""


class InStep(Parts, frozen=True, kw_only=True):
    """The same in a profile of whole steps, with what else the step does."""

    rest: float
    """Sums, activations, loss, optimizer, casts and PyTorch's own work, ms."""
    operators: tuple[Operator, ...] = ()
    """The operators that take longest; empty in records of versions that did not ask."""


class Versus(msgspec.Struct, frozen=True, kw_only=True):
    """What one side gains over another, in ms per step; below 0 it loses."""

    side: SideName
    over: SideName
    predicted_ms: Estimate
    measured_ms: Estimate | None = None
    """From whole steps; None where they were not measured."""

    @property
    def is_promised(self) -> bool:
        """Whether a gain beyond noise is predicted."""
        return self.predicted_ms.low > 0

    @property
    def is_sure(self) -> bool:
        """Whether whole steps differ beyond noise."""
        found = self.measured_ms
        return found is not None and not found.low <= 0 <= found.high

    @property
    def is_missed(self) -> bool:
        """Whether the prediction lies outside the interval of what was measured."""
        found = self.measured_ms
        return found is not None and not found.low <= self.predicted_ms.value <= found.high


class WholeSteps(msgspec.Struct, frozen=True, kw_only=True):
    """Whole steps of all sides, which took turns in one session of resident processes."""

    step_ms: tuple[tuple[float, ...], ...]
    """Mean step of each block, ms [rounds][sides]."""
    block_steps: tuple[int, ...]
    quiet_percent: float
    """CPU time of the waiting sides together, in per cent of the cores of one."""
    runs: tuple[str, ...] = ()
    """Options of `run` that lead to each side."""
    in_step: tuple[InStep, ...] = ()
    """What a profile of whole steps finds of each side; empty where there is none."""
    notes: tuple[str, ...] = ()
    """What makes them doubtful."""
    remarks: tuple[str, ...] = ()
    """What else is to be known of them."""


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """The best choice of layouts for a network in one type."""

    dtype: Dtype
    sides: tuple[SideName, ...]
    """The pure sides, and the mixed one where the best choice is not one of them."""
    base: Layout
    """Layout of the images, and of all modules that are not named in `other_layout`."""
    other_layout: str
    """Value of `--other-layout` for the best choice; "none" where it is pure."""
    nchw: tuple[str, ...]
    """Convolutions that the best choice puts into NCHW."""
    nhwc: tuple[str, ...]
    converted: int
    """Number of maps that it converts in forward."""
    parts: tuple[Parts, ...]
    """What is timed of a step, for each side."""
    versus: tuple[Versus, ...]
    steps: WholeSteps | None = None

    def step_ms(self, side: SideName) -> float | None:
        """Return the mean step of a side, ms; None where no whole steps were measured."""
        if self.steps is None:
            return None
        place = self.sides.index(side)
        return fsum(row[place] for row in self.steps.step_ms) / len(self.steps.step_ms)

    def against(self, side: SideName, over: SideName) -> Versus | None:
        """Return what one side gains over another."""
        return next((one for one in self.versus if (one.side, one.over) == (side, over)), None)


class Layouts(msgspec.Struct, frozen=True, kw_only=True):
    """NHWC against NCHW, layer by layer and in whole steps."""

    everything: bool
    """Whether convolutions without groups are asked about, too."""
    rows: tuple[LayoutRow, ...]
    others: tuple[OtherRow, ...]
    mixes: tuple[Mix, ...]
    """The best choice in each type; empty where only some convolutions were asked about."""
    why: str = ""
    """Why there is no best choice, where there could be one."""


def layout_columns() -> Columns:
    """Return the columns of the table `layouts`."""
    return {
        **dict.fromkeys(("run", "model", "device", "layer", "operation", "dtype"), str),
        **dict.fromkeys(("count", "groups"), int),
        **dict.fromkeys(("nhwc_us", "nchw_us", "ratio", "low", "high", "p", "q"), float),
        "is_apart": bool,
        **dict.fromkeys(("nhwc_kernel", "nchw_kernel"), str),
    }


def layout_rows(found: Layouts | None) -> Iterator[tuple[int, Row]]:
    """Yield a row for each operation in each type, with the index of its convolution."""
    for row in found.rows if found else ():
        yield (
            row.convolution,
            {
                **{name: getattr(row, name) for name in ("operation", "dtype", "p", "q")},
                **{name: getattr(row, name) for name in ("nhwc_us", "nchw_us", "is_apart")},
                "ratio": row.ratio.value if row.ratio else None,
                "low": row.ratio.low if row.ratio else None,
                "high": row.ratio.high if row.ratio else None,
                "nhwc_kernel": row.kernels[0],
                "nchw_kernel": row.kernels[1],
            },
        )
