"""One choice of cuDNN's for one convolution: made anew, checked, and made ready to be timed.

PyTorch keeps the plans that cuDNN chose for each thread, by the problem alone and not by how it was
asked to choose (`thread_local BenchmarkCache` in ATen's Conv_v8.cpp). So every choice is made in a
thread of its own, which has chosen nothing yet.
"""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import torch

from resnext_bench.convs.measuring.checks import off
from resnext_bench.convs.measuring.exact import Tensors
from resnext_bench.resnext.convolutions import Operation

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

MODES: Final[dict[str, tuple[bool, int]]] = {
    "off": (False, 10),
    "limit 10": (True, 10),
    "no limit": (True, 0),
}
"""torch.backends.cudnn.benchmark and benchmark_limit by the name of the mode; "off" is the first
plan of cuDNN's heuristics."""
CACHES: Final = 4
"""How many times the sets of tensors fill the L2 cache, so that a set is no longer in it when its
turn comes."""
MOST_CALLS: Final = 200
TRIES: Final = 3

Call = Callable[[int], torch.Tensor]
"""Computes the result from the set of tensors with this number."""


@dataclass(kw_only=True)
class Choice:
    """A problem in one layout, with the plan that was chosen for it."""

    call: Call
    thread: ThreadPoolExecutor
    """Thread in which the choice was made and is remembered."""
    search_s: float
    """Seconds of the first call, in which cuDNN plans, builds and, with benchmark on, tries."""
    off: float
    """Relative distance of the result from that in float64."""
    has_nan: bool
    """Whether the result has NaN, which filled its memory before."""
    into_nan: bool
    """Whether its memory was full of NaN; the allocator may have taken another piece."""
    graph: torch.cuda.CUDAGraph | None = None
    """CUDA graph of calls in a row; None where that failed, and on a CPU."""
    calls: int = 1
    """Number of calls in a block."""
    why: str = ""
    """Reason why there is no graph on a GPU."""
    kernels: list[tuple[str, float]] = field(default_factory=list)
    """Names of the kernels of one call, and their times in ns."""

    def run(self, times: int) -> None:
        """Run blocks of calls, without the host's time between the calls where there is a graph."""
        if self.graph is not None:
            for _ in range(times):
                self.graph.replay()
            return
        self.thread.submit(_calls, self.call, times * self.calls).result()

    def told(self) -> dict[str, Any]:
        """Return what results keep of the choice."""
        return {
            "search_s": round(self.search_s, 4),
            "off": self.off,
            "poisoned": self.has_nan,
            "into_nan": self.into_nan,
            "graph": self.graph is not None,
            "why": self.why,
            "kernels": [[name, round(ns)] for name, ns in self.kernels],
        }


def calls_of(asked: Tensors, operation: Operation, layout: torch.memory_format) -> Call:
    """Return calls that take their tensors from several sets in turn."""
    conv, device = asked.convolution, asked.images.device
    tensors = [
        one.contiguous(memory_format=layout) for one in (asked.images, asked.weight, asked.gradient)
    ]
    sets = [tensors] + [[one.clone() for one in tensors] for _ in range(_sets(tensors, device) - 1)]
    window = [list(given) for given in (conv.stride, conv.padding, conv.dilation)]
    more = (None, *window, False, [0, 0], conv.groups)

    def forward(number: int) -> torch.Tensor:
        images, weight, _ = sets[number % len(sets)]
        result: torch.Tensor = torch.ops.aten.convolution(images, weight, *more)
        return result

    def backward(number: int) -> torch.Tensor:
        images, weight, gradient = sets[number % len(sets)]
        wanted = [operation == "input gradient", operation == "weight gradient", False]
        results: Sequence[torch.Tensor] = torch.ops.aten.convolution_backward(
            gradient, images, weight, *more, wanted
        )
        return results[0] if wanted[0] else results[1]

    return forward if operation == "forward" else backward


def _sets(tensors: Sequence[torch.Tensor], device: torch.device) -> int:
    """Return the number of sets with which the caches have forgotten one by its next turn."""
    if device.type == "cpu":
        return 1
    cache = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 64 * 2**20)
    return max(1, math.ceil(CACHES * cache / sum(one.nbytes for one in tensors)))


def settle(device: torch.device) -> None:
    """Wait until the device has nothing left to do, as is always so on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def choose(
    call: Call, mode: str, exact: torch.Tensor, block_s: float, pool: "_POOL_HANDLE | None" = None
) -> Choice:
    """Have cuDNN choose, check the result, and make it ready; raises what torch raises."""
    thread = ThreadPoolExecutor(1)
    return thread.submit(_chosen, call, mode, exact, block_s, pool, thread).result()


@torch.no_grad()
def _chosen(
    call: Call,
    mode: str,
    exact: torch.Tensor,
    block_s: float,
    pool: "_POOL_HANDLE | None",
    thread: ThreadPoolExecutor,
) -> Choice:
    backends = torch.backends.cudnn
    backends.benchmark, backends.benchmark_limit = MODES.get(mode, MODES["off"])
    device = exact.device
    search_s = _seconds(lambda: call(0), device)
    result, into_nan = over_nan(call)
    has_nan, error = bool(result.isnan().any()), off(result, exact)
    del result
    each = _seconds(lambda: _calls(call, 3), device) / 3
    calls = min(MOST_CALLS, max(2, math.ceil(block_s / each)))
    found = Choice(
        call=call,
        thread=thread,
        search_s=search_s,
        off=error,
        has_nan=has_nan,
        into_nan=into_nan,
        calls=calls,
    )
    if device.type == "cuda":
        try:
            found.graph, replayed = _captured(call, calls, pool)
        except RuntimeError as error_:
            found.why = f"no CUDA graph, so the host's time is in it: {error_}"[:200]
        else:  # what is timed is what is checked
            found.has_nan |= bool(replayed.isnan().any())
            found.off = max(error, off(replayed, exact))
            found.into_nan = True
    return found


def _calls(call: Call, times: int) -> None:
    with torch.no_grad():
        for number in range(times):
            call(number)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    settle(device)
    start = time.perf_counter()
    call()
    settle(device)
    return time.perf_counter() - start


def over_nan(call: Call) -> tuple[torch.Tensor, bool]:
    """Return a result whose memory was full of NaN before, and whether that succeeded."""
    result = call(0)
    held = []
    for _ in range(TRIES):
        held.append(result)  # so that its own memory is not what comes next
        filled = torch.full_like(result, float("nan"))
        first = filled.data_ptr()
        del filled
        result = call(0)
        if result.data_ptr() == first:
            return result, True
    return result, False


@cache
def _capturing() -> torch.cuda.Stream:
    """Return one stream for all: a pool reuses memory on the stream on which it was freed."""
    return torch.cuda.Stream()


def _captured(
    call: Call, times: int, pool: "_POOL_HANDLE | None"
) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
    """Return calls as a graph, and the result of the last one when replayed over NaN.

    The graph is captured by hand, as `torch.cuda.graph` empties caches each time, for 0.1 s or
    more.
    """
    graph = torch.cuda.CUDAGraph()
    stream = _capturing()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            _calls(call, times - 1)
            result = call(times - 1)
        finally:
            graph.capture_end()
    torch.cuda.current_stream().wait_stream(stream)
    result.fill_(float("nan"))
    graph.replay()
    return graph, result


def name_kernels(choices: Sequence[Choice]) -> None:
    """Profile one call of each choice, all in one pass, with a spinning kernel between them."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        for choice in choices:
            torch.cuda._sleep(1000)
            choice.thread.submit(_calls, choice.call, 1).result()
            torch.cuda.synchronize()
    events = [
        (one.time_range.start, one.name, 1e3 * one.time_range.elapsed_us())
        for one in profiler.events()
        if one.device_type.name == "CUDA"
    ]
    place = -1
    for _, name, ns in sorted(events):
        if "spin_kernel" in name:
            place += 1
        elif 0 <= place < len(choices):
            choices[place].kernels.append((name, ns))
