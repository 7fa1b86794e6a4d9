"""cuDNN's frontend without a GPU: it writes down every call, and computes with torch on the CPU.

Results land at the addresses that it is given, so that whoever checks them checks really. Its plans
have the faults that their names tell.
"""

import ctypes
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import torch

heur_mode = Enum("heur_mode", "A FALLBACK")
data_type = Enum("data_type", "FLOAT BFLOAT16 HALF")
TYPES: Final[dict[Any, torch.dtype]] = {
    data_type.FLOAT: torch.float32,
    data_type.BFLOAT16: torch.bfloat16,
    data_type.HALF: torch.float16,
}
RIGHT: Final = ("eng22_k2=5", "eng62_k2=1", "eng0")
FAULTY: Final = {
    "eng1_unbuilt": "unbuilt",
    "eng2_hungry": "no_memory",
    "eng3_raises": "raised",
    "eng4_half": "unwritten",
    "eng5_reads_workspace": "unwritten",
    "eng6_wrong": "wrong",
    "eng7_waits": "uncaptured",
    "eng8_slow": "slow",
}
"""Plans by the fault that is planted in them."""
BREAKS: Final = "eng9_breaks"
HUNGRY: Final = 2**60
ROOM: Final = 4096
SLOW_S: Final = 0.02
DEFAULT, SIDE = 0, 77
"""Numbers of streams."""


class NotSupportedError(Exception):
    """As the library's own, which is no RuntimeError."""


@dataclass
class Log:
    """What was called, in order."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    capturing: bool = False
    broken: bool = False
    stream: int = DEFAULT
    executed: list[str] = field(default_factory=list)
    """Tags of plans that ran, replays too."""

    def note(self, *what: Any) -> None:
        self.calls.append(what)

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == name]


class MadeDevice:
    """A device that is the CPU, whose graphs run their calls again."""

    def __init__(self, log: Log, cache_bytes: int = 0) -> None:
        self.torch = torch.device("cpu")
        self.cache_bytes = cache_bytes
        self.log = log
        self.torch_kernels = ["kernel of eng62"]
        self.clock: Callable[[], float] = time.perf_counter
        """The clock of its events, s; tests give one that tells what they planted."""

    def stream(self) -> int:
        return self.log.stream

    def settle(self) -> None:
        assert not self.log.capturing
        self.log.note("settle")

    def captured(self, run: Callable[[], object]) -> Callable[[], object]:
        before, self.log.stream = self.log.stream, SIDE
        try:
            run()
            self.log.capturing = True
            self.log.note("capture")
            run()
        finally:
            self.log.capturing, self.log.stream = False, before
        tag = self.log.executed[-1] if self.log.executed else ""

        def replay() -> None:
            calls, self.log.calls = self.log.calls, []
            run()
            self.log.calls = calls
            self.log.note("replay", tag)

        return replay

    @contextmanager
    def beside(self) -> Iterator[None]:
        before, self.log.stream = self.log.stream, SIDE
        try:
            yield
        finally:
            self.log.stream = before

    def length_s(self, run: Callable[[], object]) -> float:
        run()
        begins = self.clock()
        run()
        return self.clock() - begins

    def kernels(self, calls: Sequence[Callable[[], object]]) -> list[list[tuple[str, float]]]:
        found = []
        for call in calls:
            before = len(self.log.executed)
            call()
            ran = self.log.executed[before:]
            names = [f"kernel of {tag.partition('_')[0]}" for tag in ran] or self.torch_kernels
            found.append([(name, 1000.0) for name in names])
        return found

    def answers(self) -> bool:
        return not self.log.broken


class _Tensor:
    def __init__(self, dim: Sequence[int] = (), stride: Sequence[int] = ()) -> None:
        self.dim, self.stride, self.is_output = list(dim), list(stride), False

    def set_dim(self, dim: Sequence[int]) -> None:
        self.dim = list(dim)

    def set_stride(self, stride: Sequence[int]) -> None:
        self.stride = list(stride)

    def set_output(self, is_output: bool) -> None:
        self.is_output = is_output


class MadeCudnn:
    """The module."""

    heur_mode = heur_mode
    data_type = data_type
    __version__ = "0.0.1"

    def __init__(self, log: Log, plans: Sequence[str] = RIGHT) -> None:
        self.log, self.plans = log, list(plans)

    def backend_version(self) -> int:
        return 92600

    def create_handle(self) -> str:
        self.log.note("create_handle")
        return "handle"

    def destroy_handle(self, handle: str) -> None:
        self.log.note("destroy_handle", handle)

    def set_stream(self, handle: str, stream: int) -> None:
        assert handle == "handle"
        self.log.note("set_stream", stream)

    def pygraph(self, **given: Any) -> "MadeGraph":
        self.log.note("pygraph", given["handle"])
        return MadeGraph(self.log, self.plans, given["io_data_type"])


class MadeGraph:
    """A graph of one convolution, or of one of its gradients."""

    def __init__(self, log: Log, plans: list[str], type_: Any) -> None:
        self.log, self.plans, self.type = log, plans, TYPES[type_]
        self.ports: dict[str, _Tensor] = {}
        self.window: dict[str, Any] = {}
        self.built: set[int] = set()
        self.is_planned = False

    def tensor(self, name: str, dim: Sequence[int], stride: Sequence[int]) -> _Tensor:
        return _Tensor(dim, stride)

    def conv_fprop(self, image: _Tensor, weight: _Tensor, **window: Any) -> _Tensor:
        return self._made("output", window, images=image, weights=weight)

    def conv_dgrad(self, *, loss: _Tensor, filter: _Tensor, **window: Any) -> _Tensor:
        return self._made("images", window, output=loss, weights=filter)

    def conv_wgrad(self, *, image: _Tensor, loss: _Tensor, **window: Any) -> _Tensor:
        return self._made("weights", window, images=image, output=loss)

    def _made(self, result: str, window: Any, **given: _Tensor) -> _Tensor:
        self.window, self.result = window, result
        self.ports = {**given, result: _Tensor()}
        return self.ports[result]

    def validate(self) -> None:
        assert all(len(one.dim) == len(one.stride) == 4 for one in self.ports.values())
        assert self.ports[self.result].is_output

    def build_operation_graph(self) -> None:
        self.log.note("build_operation_graph")

    def create_execution_plans(self, modes: Sequence[Any]) -> None:
        assert list(modes) == [heur_mode.A, heur_mode.FALLBACK]
        self.is_planned = True

    def get_execution_plan_count(self) -> int:
        return len(self.plans) if self.is_planned else 0

    def get_plan_name_at_index(self, index: int) -> str:
        return self.plans[index]

    def build_plan_at_index(self, index: int) -> None:
        self.log.note("build", self.plans[index])
        if self.plans[index] == "eng1_unbuilt":
            raise NotSupportedError("no engine\nfor this")
        self.built.add(index)

    def get_workspace_size_plan_at_index(self, index: int) -> int:
        assert index in self.built, "only a plan that was built knows its workspace"
        return HUNGRY if self.plans[index] == "eng2_hungry" else ROOM

    def execute_plan_at_index(
        self, tensors: dict[_Tensor, int], workspace: int, index: int, handle: str
    ) -> None:
        assert handle == "handle"
        assert index in self.built
        assert self.log.calls[-1] == ("set_stream", self.log.stream)
        tag = self.plans[index]
        at = {name: tensors[port] for name, port in self.ports.items()}
        self.log.note("execute", tag, at)
        self._fail(tag)
        self.log.executed.append(tag)
        views = {name: self._view(port, tensors[port]) for name, port in self.ports.items()}
        self._write(tag, views, _bytes(workspace, ROOM).view(torch.float32))

    def _fail(self, tag: str) -> None:
        if tag == "eng3_raises":
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")
        if tag == "eng7_waits" and self.log.capturing:
            raise RuntimeError("operation not permitted when stream is capturing")
        if tag == BREAKS:
            self.log.broken = True
            raise RuntimeError("an illegal memory access was encountered")
        if tag == "eng8_slow":
            time.sleep(SLOW_S)

    def _view(self, port: _Tensor, address: int) -> torch.Tensor:
        data = _bytes(address, math.prod(port.dim) * self.type.itemsize).view(self.type)
        return data.as_strided(port.dim, port.stride)

    def _write(self, tag: str, views: dict[str, torch.Tensor], workspace: torch.Tensor) -> None:
        found, target = self._computed(views), views[self.result]
        if tag == "eng4_half":
            target[: len(target) // 2] = found[: len(target) // 2]
            return
        if tag == "eng5_reads_workspace":
            found = found + workspace[0]
        elif tag == "eng6_wrong":
            found = 1.1 * found
        target.copy_(found)

    def _computed(self, views: dict[str, torch.Tensor]) -> torch.Tensor:
        images, weights, output = (
            views[name].float().contiguous() for name in ("images", "weights", "output")
        )
        groups = images.shape[1] // weights.shape[1]
        window = [list(self.window[name]) for name in ("stride", "padding", "dilation")]
        more = (*window, False, [0, 0], groups)
        if self.result == "output":
            return torch.ops.aten.convolution(images, weights, None, *more)
        wanted = [self.result == "images", self.result == "weights", False]
        results = torch.ops.aten.convolution_backward(output, images, weights, None, *more, wanted)
        return results[0] if wanted[0] else results[1]


def _bytes(address: int, count: int) -> torch.Tensor:
    """Return memory at an address as a tensor of bytes."""
    return torch.frombuffer((ctypes.c_byte * count).from_address(address), dtype=torch.uint8)
