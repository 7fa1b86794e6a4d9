"""Sides on a CPU: made ready, checked against float64, and named by oneDNN's log."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import torch

from resnext_bench.convs.measuring.checks import is_right, off, set_precision
from resnext_bench.convs.measuring.choices import Call, calls_of, over_nan
from resnext_bench.convs.measuring.exact import Tensors, exact, tensors
from resnext_bench.convs.measuring.onednn import logged, onednn
from resnext_bench.convs.times.onednn_log import call_of
from resnext_bench.convs.times.sides import Built, TimedSide
from resnext_bench.reports.schema.convs import WRONG
from resnext_bench.resnext.traffic import Dtype, Layout

FORMATS: Final[dict[Layout, torch.memory_format]] = {
    "nchw": torch.contiguous_format,
    "nhwc": torch.channels_last,
}
NAMES: Final[dict[Dtype, str]] = {"fp32": "f32", "tf32": "f32", "bf16": "bf16", "fp16": "f16"}
"""oneDNN's names of types."""
COPIES: Final = 0.05
"""Share of a call from which on copies are conspicuous; weights are always brought to another
layout, in less time than that."""
LOGGED: Final = 3
"""Calls that are logged."""
MOST_CALLS: Final = 10_000
CPU: Final = torch.device("cpu")

CallsOf = Callable[[Tensors, TimedSide], Call]
"""Makes the calls that are timed; tests plant others."""


def calls(given: Tensors, side: TimedSide) -> Call:
    """Return the calls that training makes for a side."""
    return calls_of(given, side.operation, FORMATS[side.convolution.layout])


@dataclass(kw_only=True, slots=True)
class Known:
    """What the sides of a group share: noise and exact results of a type are made once."""

    given: dict[Dtype, Tensors] = field(default_factory=dict)
    results: dict[Dtype, torch.Tensor] = field(default_factory=dict)

    def of(self, side: TimedSide) -> tuple[Tensors, torch.Tensor]:
        """Return the tensors of a side, and its result in float64."""
        dtype = side.convolution.dtype
        if dtype not in self.given:
            self.given[dtype] = tensors(side.convolution, CPU)
            self.results[dtype] = exact(self.given[dtype], side.operation)
        return self.given[dtype], self.results[dtype]


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuSide:
    """A side that is ready."""

    call: Call
    allowed: bool
    """Whether it may use oneDNN."""

    @torch.no_grad()
    def block_ns(self, times: int) -> int:
        """Return the length of so many calls, ns; one call before them finds cold caches."""
        with onednn(allowed=self.allowed):
            self.call(0)
            start = time.perf_counter_ns()
            for number in range(times):
                self.call(number)
            return time.perf_counter_ns() - start


@torch.no_grad()
def build(
    known: Known, side: TimedSide, block_s: float, calls_of_side: CallsOf = calls
) -> tuple[CpuSide | None, Built]:
    """Make a side ready, and return what was found of it; without a side where it cannot run."""
    conv = side.convolution
    set_precision(conv.dtype)
    given, right = known.of(side)
    call = calls_of_side(given, side)
    ready = CpuSide(call=call, allowed=side.setting.onednn)
    with onednn(allowed=ready.allowed):
        try:
            result, _ = over_nan(call)
        except RuntimeError as error:
            return None, Built(why=str(error).partition("\n")[0])
        error_ = off(result, right)
        del result
        kernel, notes, beside = _named(call, given, side)
    each_s = min(ready.block_ns(1) for _ in range(2)) / 1e9
    return ready, Built(
        calls=min(MOST_CALLS, max(1, math.ceil(block_s / each_s))),
        kernel=kernel,
        notes=(*notes, *([] if is_right(error_, conv.dtype) else [WRONG])),
        beside=beside,
        error=error_,
    )


def _named(
    call: Call, given: Tensors, side: TimedSide
) -> tuple[str, tuple[str, ...], float | None]:
    """Return the implementation, what is conspicuous, and the share of copies.

    They come from calls of their own, which are not timed, as the log slows them down; the quickest
    is the least disturbed.
    """
    logs = [call_of(logged(lambda: call(0))) for _ in range(LOGGED * side.setting.onednn)]
    found = min(filter(None, logs), key=lambda one: one.ms, default=None)
    if found is None:
        return native(given, side), ("native",), None
    own = NAMES[side.convolution.dtype]
    notes = {
        "copy": found.beside - found.converted >= COPIES,
        "convert": found.converted >= COPIES or found.computes_in not in ("", own),
        "gemm": "gemm" in found.kernel,
        "reference": found.kernel.startswith("ref"),
    }
    return found.kernel, tuple(one for one, holds in notes.items() if holds), found.beside


def native(given: Tensors, side: TimedSide) -> str:
    """Return the part of PyTorch that computes it, as PyTorch calls it; Slow2d, for instance.

    A newer or older torch may not tell: then it is "native".
    """
    conv, select = side.convolution, getattr(torch._C, "_select_conv_backend", None)
    if select is None:
        return "native"
    images, weight = (
        one.contiguous(memory_format=FORMATS[conv.layout]) for one in (given.images, given.weight)
    )
    window = [list(one) for one in (conv.stride, conv.padding, conv.dilation)]
    try:
        backend = select(images, weight, None, *window, False, [0, 0], conv.groups)
    except (RuntimeError, TypeError):
        return "native"
    return str(getattr(backend, "name", backend))
