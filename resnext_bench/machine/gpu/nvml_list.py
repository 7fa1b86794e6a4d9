"""Which devices NVML shows this program: whole boards, or slices of boards in MIG mode.

A board in MIG mode is no device itself: CUDA computes on its slices alone, and shows a process one
of them at most.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from resnext_bench.machine.gpu.facts import LeftOut
from resnext_bench.machine.gpu.naming import (
    Misnamed,
    is_end,
    is_other_kind,
    misnamed,
    names_in,
)
from resnext_bench.machine.gpu.nvml_gpu import Gpu
from resnext_bench.machine.gpu.vendors import CUDA

_NO_PERMISSION: Final = 4
_OLD_MIG: Final = re.compile(r"MIG-(GPU-[0-9a-f-]+)/(\d+)/(\d+)")
"""A slice as drivers before R470 name it: board, GPU instance, compute instance."""


@dataclass(kw_only=True, slots=True)
class Listing:
    """The visible devices, and the boards that are none."""

    gpus: list[Gpu] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    misnamed: Misnamed | None = None
    """The name that ended the list, where one did although it was meant to name a device."""

    def add(self, found: "Listing") -> None:
        """Add what another listing has."""
        self.gpus += found.gpus
        self.left_out += found.left_out


def visible(library: Any) -> Listing:
    """List the devices in the order of CUDA_VISIBLE_DEVICES (indices or UUIDs)."""
    listing = Listing()
    try:
        count = int(library.nvmlDeviceGetCount())
    except Exception:  # a driver that does not even count has nothing to list
        return listing
    names = names_in(CUDA)
    if names is not None:
        return _all_named(library, names, count)
    for index in range(count):
        listing.add(_board(library, index))
    return listing


def _all_named(library: Any, names: list[str], count: int) -> Listing:
    """Return the devices of all names up to the first that ends the list."""
    listing = Listing()
    for name in names:
        if is_end(name):
            break
        if is_other_kind(name, names[0]):
            listing.misnamed = misnamed(CUDA, name, "another kind")
            break
        found = _named(library, name, count)
        if found is None:
            several = name.startswith("GPU-") and len(_with_prefix(library, name, count)) > 1
            listing.misnamed = misnamed(CUDA, name, "ambiguous" if several else "unknown")
            break
        if _uuids(found) & _uuids(listing):
            return Listing(misnamed=misnamed(CUDA, name, "repeated"))
        listing.add(found)
    return listing


def _uuids(listing: Listing) -> set[str]:
    return {gpu.uuid for gpu in listing.gpus} - {""}


def _named(library: Any, name: str, count: int) -> Listing | None:
    """Return the devices of one entry; None where nothing has this name."""
    if name.isdigit():
        return _board(library, int(name)) if int(name) < count else None
    if old := _OLD_MIG.fullmatch(name):
        return _old_slice(library, old[1], (int(old[2]), int(old[3])))
    try:
        handle = library.nvmlDeviceGetHandleByUUID(name)  # of a GPU, or of a MIG device
    except Exception as error:
        return _by_prefix(library, name, count) or _lost(library, name, error)
    return _of_handle(library, handle)


def _lost(library: Any, name: str, error: Exception) -> Listing | None:
    """Return a GPU that has this UUID and does not respond."""
    if getattr(error, "value", None) not in Gpu.GONE:
        return None
    return Listing(gpus=[Gpu(library=library, handle=None, lost=str(error), known_uuid=name)])


def _by_prefix(library: Any, name: str, count: int) -> Listing | None:
    """Find a GPU by the beginning of its UUID, which CUDA accepts where it is unique."""
    if not name.startswith("GPU-"):
        return None
    found = _with_prefix(library, name, count)
    return _of_handle(library, found[0]) if len(found) == 1 else None


def _with_prefix(library: Any, name: str, count: int) -> list[Any]:
    """Return the handles of all boards whose UUID begins so."""
    return [one for one in _handles(library, count) if _uuid(library, one).startswith(name)]


def _handles(library: Any, count: int) -> Iterable[Any]:
    """Yield the handles of the boards that have one."""
    for index in range(count):
        try:
            yield library.nvmlDeviceGetHandleByIndex(index)
        except Exception:  # lost, or denied
            continue


def _uuid(library: Any, handle: Any) -> str:
    try:
        return str(library.nvmlDeviceGetUUID(handle))
    except Exception:
        return ""


def _board(library: Any, index: int) -> Listing:
    """Return a board, or its slices."""
    try:
        handle = library.nvmlDeviceGetHandleByIndex(index)
    except Exception as error:
        if getattr(error, "value", None) == _NO_PERMISSION:  # NVML counts boards of others, too
            return Listing(left_out=[LeftOut(index=index, why="denied", said=str(error))])
        lost = Gpu(library=library, handle=None, number=index, lost=str(error))
        return Listing(gpus=[lost])
    return _of_handle(library, handle)


def _of_handle(library: Any, handle: Any) -> Listing:
    gpu = Gpu(library=library, handle=handle)
    if _is_slice(gpu):
        parent = gpu.ask("nvmlDeviceGetDeviceHandleFromMigDeviceHandle")
        return Listing(gpus=[Gpu(library=library, handle=handle, parent=parent, is_slice=True)])
    if not gpu.is_cut():
        return Listing(gpus=[gpu])
    slices, said = _slices(gpu)
    if slices:
        return Listing(gpus=slices)
    index = gpu.index
    left = LeftOut(index=-1 if index is None else index, why="no slices", said=said)
    return Listing(left_out=[left])


def _is_slice(gpu: Gpu) -> bool:
    """Return whether a device is a slice, be it that the driver does not say of which board."""
    return bool(gpu.ask("nvmlDeviceIsMigDeviceHandle")) or gpu.uuid.startswith("MIG-")


def _slices(board: Gpu) -> tuple[list[Gpu], str]:
    """Return the slices of a board that this program may see, or why they cannot be listed."""
    found = []
    for number in range(int(board.ask("nvmlDeviceGetMaxMigDeviceCount") or 0)):
        handle = board.ask("nvmlDeviceGetMigDeviceHandleByIndex", number)
        if handle is not None:  # the numbers of slices have gaps
            part = Gpu(library=board.library, handle=handle, parent=board.handle, is_slice=True)
            found.append(part)
    return found, board.unanswered.get("MIG devices", "")


def _old_slice(library: Any, board: str, instance: tuple[int, int]) -> Listing | None:
    try:
        handle = library.nvmlDeviceGetHandleByUUID(board)
    except Exception:
        return None
    slices, _ = _slices(Gpu(library=library, handle=handle))
    found = [one for one in slices if one.instance() == instance]
    return Listing(gpus=found) if found else None
