"""A GPU of torch's fake tensors: shapes, types, layouts and devices without memory or a driver.

Forward, loss and witness run on it; autograd's engine and events ask the driver. What a GPU would
do in silence is found: waiting for a value, copying what is not pinned, taking a tensor that was
left on the host.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from unittest import mock

import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorDeviceMismatchError,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnext_bench.pipelines.batches import Batch
from resnext_bench.rankfile import Mark

GPU: Final = torch.device("cuda", 0)

Kind = Literal["left on the host", "host read", "copy that waits", "synchronise"]

COPIES: Final = frozenset({"aten::_to_copy", "aten::copy_"})
UNASKED: Final = (DataDependentOutputException, DynamicOutputShapeException)
"""What a fake tensor says where the host would need a value of it."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that a step must not do on a GPU."""

    kind: Kind
    what: str
    """The operation of torch."""


class Pinned(list[torch.Tensor]):
    """Tensors in pinned host memory: only these are copied without waiting."""

    def pin(self, tensor: torch.Tensor) -> torch.Tensor:
        """Stand for `Tensor.pin_memory`, which asks the driver."""
        self.append(tensor)
        return tensor

    def __contains__(self, tensor: object) -> bool:
        return any(one is tensor for one in self)


class Watch(TorchDispatchMode):
    """Looks at each operation for what would be slow or wrong on a GPU."""

    def __init__(self, pinned: Pinned) -> None:
        super().__init__()
        self._pinned = pinned
        self.faults: list[Fault] = []

    def saw(self, kind: Kind, what: str) -> None:
        """Keep a fault."""
        self.faults.append(Fault(kind=kind, what=what))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, given = func._schema.name, _tensors((args, kwargs))
        try:
            made = func(*args, **(kwargs or {}))
        except UNASKED:
            if any(map(_is_on_gpu, given)):
                self.saw("host read", name)
            raise
        except FakeTensorDeviceMismatchError:
            self.saw("left on the host", name)
            raise
        results = _tensors(made)
        if any(map(_is_on_gpu, [*given, *results])):
            self._check(name, given, results, non_blocking=_non_blocking(func, args, kwargs or {}))
        return made

    def _check(
        self, name: str, given: list[torch.Tensor], made: list[torch.Tensor], *, non_blocking: bool
    ) -> None:
        if any(map(_is_on_gpu, given)) and not all(map(_is_on_gpu, made)):
            self.saw("host read", name)
            return
        hosts = list(filter(_is_array_on_host, given))
        if name not in COPIES:
            if hosts:
                self.saw("left on the host", name)
        elif hosts and not (non_blocking and all(tensor in self._pinned for tensor in hosts)):
            self.saw("copy that waits", name)


def _tensors(things: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(things) if isinstance(leaf, torch.Tensor)]


def _is_on_gpu(tensor: torch.Tensor) -> bool:
    return tensor.device.type == "cuda"


def _is_array_on_host(tensor: torch.Tensor) -> bool:
    """A number of no dimension is handed to a kernel with its arguments."""
    return tensor.device.type == "cpu" and tensor.dim() > 0


def _non_blocking(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    places = {one.name: place for place, one in enumerate(func._schema.arguments)}
    place = places.get("non_blocking", len(args))
    return bool(kwargs.get("non_blocking", args[place] if place < len(args) else False))


class NoMarks:
    """Stands for a clock, whose events ask the driver."""

    def mark(self, step: int, mark: Mark) -> None:
        """Keep no time."""

    def hold(self, step: int, batch: Batch) -> None:
        """Keep no batch: fake memory is not written over."""


@dataclass
class ForwardAlone:
    """An engine without backward, as autograd's engine asks the driver, and so without updates."""

    model: nn.Module

    def backward(self, loss: torch.Tensor) -> None:
        """See that there would be gradients."""
        assert loss.requires_grad

    def update(self) -> None:
        """Do nothing."""


@dataclass
class Fake:
    """A fake GPU: what runs in its steps is watched."""

    pinned: Pinned = field(default_factory=Pinned)
    faults: list[Fault] = field(default_factory=list)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch what stands inside; what a fake tensor refuses ends it, and is a fault, too."""
        watch = Watch(self.pinned)
        try:
            with watch, mock.patch("torch.cuda.synchronize", _waiting(watch)):
                yield
        except (*UNASKED, FakeTensorDeviceMismatchError):
            if not watch.faults:
                raise
        finally:
            self.faults += watch.faults


def _waiting(watch: Watch) -> Any:
    return lambda *_: watch.saw("synchronise", "torch.cuda.synchronize")


@contextmanager
def _unfused() -> Iterator[None]:
    """Keep TorchScript from compiling kernels for a GPU, for which it asks the driver."""
    before = torch._C._jit_texpr_fuser_enabled()
    torch._C._jit_set_texpr_fuser_enabled(False)
    try:
        yield
    finally:
        torch._C._jit_set_texpr_fuser_enabled(before)


@contextmanager
def fake_gpu() -> Iterator[Fake]:
    """Let tensors on `GPU` be made inside. Host tensors from outside may be used, too."""
    fake = Fake()
    with (
        mock.patch("torch.cuda.amp.common.amp_definitely_not_available", return_value=False),
        mock.patch("torch.cuda.is_bf16_supported", return_value=True),
        mock.patch("torch.Tensor.pin_memory", lambda tensor, *_: fake.pinned.pin(tensor)),
        _unfused(),
        FakeTensorMode(allow_non_fake_inputs=True),
    ):
        yield fake
