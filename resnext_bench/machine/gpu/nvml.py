"""NVIDIA's management library as a monitor of GPUs: what it is asked of the host.

This file, `nvml_gpu` and `nvml_list` are the only places that name its functions.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from resnext_bench.machine.gpu.facts import LeftOut, Silence, SilenceCause
from resnext_bench.machine.gpu.naming import Misnamed
from resnext_bench.machine.gpu.nvml_gpu import Gpu
from resnext_bench.machine.gpu.nvml_list import Listing, visible
from resnext_bench.machine.gpu.vendors import NVIDIA

_CAUSES: Final[dict[int, SilenceCause]] = {
    4: "no permission",
    9: "no driver",
    12: "no library",
    18: "mismatch",
}
"""Why nvmlInit fails, by its error: NO_PERMISSION, DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND and
LIB_RM_VERSION_MISMATCH."""


@contextmanager
def session() -> Iterator[Any]:
    """Yield NVML, initialised, or a Silence where the library or the driver is missing."""
    try:
        import pynvml  # noqa: PLC0415  (an extra, and loading it costs time at start-up)
    except ImportError as error:
        yield Silence(vendor=NVIDIA, cause="not installed", said=str(error), package="nvidia-ml-py")
        return
    try:
        pynvml.nvmlInit()
    except Exception as error:  # the library raises types of its own
        cause = _CAUSES.get(getattr(error, "value", 0), "failed")
        yield Silence(vendor=NVIDIA, cause=cause, said=str(error))
        return
    try:
        yield pynvml
    finally:
        with suppress(Exception):  # of a GPU that was lost, whose end is told elsewhere
            pynvml.nvmlShutdown()


@contextmanager
def opened() -> Iterator["Nvml | Silence"]:
    """Open NVML as a monitor, or say why it cannot be asked."""
    with session() as library:
        if isinstance(library, Silence):
            yield library
            return
        if said := _uncounted(library):
            yield said
            return
        found = Nvml(library)
        try:
            yield found
        finally:
            found.close()


def _uncounted(library: Any) -> Silence | None:
    """Return why the GPUs cannot even be counted."""
    try:
        library.nvmlDeviceGetCount()
    except Exception as error:  # the library raises types of its own, which have a number
        code = getattr(error, "value", None)
        if code is not None:
            return Silence(vendor=NVIDIA, cause=_CAUSES.get(code, "failed"), said=str(error))
    return None


class Nvml:
    """The library and its visible GPUs."""

    vendor = NVIDIA

    def __init__(self, library: Any) -> None:
        """Wrap the initialised module pynvml."""
        self._library = library
        self._listing: Listing | None = None
        self._events: Any = None

    def gpus(self) -> list[Gpu]:
        """List the devices that CUDA_VISIBLE_DEVICES leaves visible, in that order."""
        return self._listed().gpus

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return the boards that are no devices here."""
        return tuple(self._listed().left_out)

    def misnamed(self) -> Misnamed | None:
        """Return the name in CUDA_VISIBLE_DEVICES that ended the list, if one did."""
        return self._listed().misnamed

    def _listed(self) -> Listing:
        if self._listing is None:
            self._listing = visible(self._library)
        return self._listing

    def versions(self) -> dict[str, str]:
        """Return the versions of the driver and of the newest CUDA that it supports."""
        driver = self._ask("nvmlSystemGetDriverVersion")
        cuda = self._ask("nvmlSystemGetCudaDriverVersion_v2")
        found = {
            "driver": "" if driver is None else str(driver),
            # 13020 is 13.2
            "driver's CUDA": "" if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        }
        return {name: text for name, text in found.items() if text}

    def _ask(self, function: str) -> Any:
        """Return the answer of a function about the host, or None."""
        try:
            return getattr(self._library, function)()
        except Exception:  # NVML's own error types, and functions that an old library lacks
            return None

    def listen(self) -> None:
        """Let the driver keep critical errors (Xid) of the visible GPUs from now on."""
        library = self._library
        with suppress(Exception):  # vGPUs, MIG devices and old boards have no events
            self._events = library.nvmlEventSetCreate()
            for gpu in self.gpus():
                with suppress(Exception):
                    library.nvmlDeviceRegisterEvents(
                        gpu.of_board, library.nvmlEventTypeXidCriticalError, self._events
                    )

    def heard(self) -> list[tuple[int | None, int]]:
        """Return the critical errors since the last call: index in nvidia-smi, and number."""
        found: list[tuple[int | None, int]] = []
        while self._events is not None and len(found) < _MOST_EVENTS:
            try:
                event = self._library.nvmlEventSetWait_v2(self._events, 0)
                found.append((self._index(event.device), int(event.eventData)))
            except Exception:  # a time-out is NVML's word for "no more"
                break
        return found

    def _index(self, handle: Any) -> int | None:
        """Return the index of the board that an event is about, where the driver still knows it."""
        try:
            return int(self._library.nvmlDeviceGetIndex(handle))
        except Exception:  # it may be lost by now
            return None

    def close(self) -> None:
        """Give up the events."""
        if self._events is not None:
            with suppress(Exception):
                self._library.nvmlEventSetFree(self._events)
        self._events = None


_MOST_EVENTS: Final = 64
"""Largest number of events that are fetched at once: a board that fails may report them forever."""
