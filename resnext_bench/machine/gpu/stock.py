"""Which GPUs this program may use: by the driver's word, and by torch's where the driver is silent.

The driver is asked first, as it answers at once and knows more. Torch is asked where the driver
cannot be, but a GPU is plainly there or was asked for, and where the driver keeps to itself what
must be known.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from resnext_bench.machine.gpu import monitor, torch_devices
from resnext_bench.machine.gpu.driver import Driver, driver_of
from resnext_bench.machine.gpu.facts import GpuFacts, LeftOut, Silence
from resnext_bench.machine.gpu.naming import Misnamed, hides_all
from resnext_bench.machine.gpu.presence import Presence, find_gpus
from resnext_bench.machine.gpu.vendors import NVIDIA, Vendor
from resnext_bench.machine.host.sources import here


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """The GPUs of this program, and what was not answered about them."""

    gpus: tuple[GpuFacts, ...] = ()
    """All that are listed, also those that do not respond."""
    vendor: Vendor = NVIDIA
    """The vendor whose library has answered; NVIDIA where none has."""
    left_out: tuple[LeftOut, ...] = ()
    misnamed: Misnamed | None = None
    """The name in CUDA_VISIBLE_DEVICES or its like that ended the list, if one did."""
    silences: tuple[Silence, ...] = ()
    unanswered: tuple[tuple[str, str], ...] = ()
    """What the driver did not say although it must be known, and its reasons."""
    driver: Driver = field(default_factory=Driver)
    told_by: Literal["driver", "torch"] = "driver"
    presence: Presence = field(default_factory=Presence)
    """What of a GPU is plainly there; looked for only where no driver lists one."""
    no_torch: str = ""
    """Why torch can use none, where it was asked."""

    @property
    def is_cut(self) -> bool:
        """Return whether a board of this host is cut in slices, be they ours or not."""
        cut = any(one.why == "no slices" for one in self.left_out)
        return cut or any(gpu.board for gpu in self.gpus)

    @property
    def lost(self) -> tuple[GpuFacts, ...]:
        """Return those that do not respond."""
        return tuple(gpu for gpu in self.gpus if gpu.lost)


def take_stock(device: str = "") -> Stock:
    """Look for GPUs; `device` is what was asked for, where something was.

    It raises nothing: whoever needs a GPU says what is wrong.
    """
    seen = monitor.visible_gpus()
    stock = Stock(
        gpus=seen.gpus,
        vendor=seen.vendor,
        left_out=seen.left_out,
        misnamed=seen.misnamed,
        silences=seen.silences,
        unanswered=seen.unanswered,
        driver=driver_of(seen.versions),
    )
    if device == "cpu" or not (stock.silences or _is_incomplete(stock) or _is_cut(stock)):
        return stock
    if not stock.gpus:
        stock = replace(stock, presence=find_gpus(here()))
        if hides_all() or not (device == "cuda" or stock.presence):
            return stock
    return _with_torch(stock, torch_devices.ask_torch())


def _is_incomplete(stock: Stock) -> bool:
    """Return whether the driver did not say what must be known of a GPU."""
    here = [gpu for gpu in stock.gpus if not gpu.lost]
    silent_on_bf16 = (gpu.bf16 is None and gpu.capability is None for gpu in here)
    return any(silent_on_bf16) or any(gpu.memory_gib is None for gpu in here)


def _is_cut(stock: Stock) -> bool:
    """Return whether there are slices that the driver does not list."""
    return not stock.gpus and any(one.why == "no slices" and one.said for one in stock.left_out)


def _with_torch(stock: Stock, answer: torch_devices.Answer) -> Stock:
    if isinstance(answer, str):
        return replace(stock, no_torch=answer)
    if not stock.gpus:
        return replace(stock, gpus=answer, told_by="torch")
    if len(answer) != len(stock.gpus):  # slices, of which torch sees one
        return stock
    pairs = zip(stock.gpus, answer, strict=True)
    return replace(stock, gpus=tuple(_completed(gpu, told) for gpu, told in pairs))


def _completed(gpu: GpuFacts, told: GpuFacts) -> GpuFacts:
    """Return what the driver said, and torch's word for the rest."""
    return replace(
        gpu,
        name=gpu.name or told.name,
        memory_gib=told.memory_gib if gpu.memory_gib is None else gpu.memory_gib,
        capability=gpu.capability or told.capability,
        bf16=told.bf16 if gpu.bf16 is None else gpu.bf16,
        attachment=gpu.attachment if gpu.attachment.address else told.attachment,
    )
