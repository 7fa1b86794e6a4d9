"""What takes turns when convolutions are timed, and what is found of it; without torch."""

from dataclasses import dataclass, field
from typing import Final

from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.resnext.convolutions import Operation

ISAS: Final = (
    *("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"),
    *("AVX512_CORE_BF16", "AVX10_1_512", "AVX512_CORE_FP16", "AVX10_1_512_AMX", "AVX512_CORE_AMX"),
    *("AVX10_1_512_AMX_FP16", "AVX512_CORE_AMX_FP16"),
)
"""Caps that oneDNN knows (ONEDNN_MAX_CPU_ISA), except those that mean none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What the library is told beside the problem."""

    onednn: bool = True
    """Whether PyTorch may use oneDNN; otherwise its own loops compute on a CPU."""
    isa: str = ""
    """The most capable instructions that oneDNN may use, one of `ISAS`; empty for all. It is read
    once a process, so that such sides are processes of their own."""

    @property
    def words(self) -> str:
        """Describe it: "oneDNN off", "ISA AVX2"; empty for the usual one."""
        isa = f"ISA {self.isa}" if self.isa else ""
        return ", ".join(filter(None, ("" if self.onednn else "oneDNN off", isa)))


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedSide:
    """What is timed: type and layout are the convolution's."""

    convolution: Convolution
    operation: Operation
    setting: Setting = field(default_factory=Setting)


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """What a process found of a side before it was timed."""

    calls: int = 1
    """Calls in a block."""
    kernel: str = ""
    """The implementation that did the work, as its library calls it: jit:avx512_core."""
    notes: tuple[str, ...] = ()
    """What is conspicuous: copy (to another layout), convert (to another type), gemm, reference,
    native (not oneDNN), wrong."""
    beside: float | None = None
    """Share of a call's logged time in copies and conversions; None without a log."""
    error: float | None = None
    """||found - exact|| / ||exact|| against float64; None where it could not run."""
    why: str = ""
    """Why it could not run, in one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """A side, and what was found of it."""

    side: TimedSide
    samples_us: tuple[float, ...] = ()
    """µs of a call, one for each round, which are the same for all sides of a group; empty where it
    could not run."""
    kernel: str = ""
    notes: tuple[str, ...] = ()
    beside: float | None = None
    error: float | None = None
    why: str = ""
    kernels: tuple[str, ...] = ()
    """All kernels of a call on a GPU, in their order."""
    sets: int = 0
    """Sets of tensors through which calls went on a GPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a process says of itself."""

    torch: str
    """Version."""
    onednn: str
    """Version; empty where torch has none, or its log does not tell."""
    has_onednn: bool
    isa: str
    """The cap that it was given; empty for none."""
    uses: str
    """The instructions that oneDNN then uses, in its own words; empty where its log has none."""
    threads: int
