"""AMD's management library (amdsmi) as a monitor of GPUs. Experimental: it has met no GPU yet.

Written from the library's documentation and types (amdsmi 7.0). Its answers are dictionaries, in
which "N/A" stands for what a board does not report. ROCm's devices are CUDA's to PyTorch.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from resnext_bench.machine.gpu.attachment import Attachment, kernel_address
from resnext_bench.machine.gpu.facts import POWER_CAP, Errors, GpuFacts, LeftOut, Silence
from resnext_bench.machine.gpu.naming import Misnamed, is_end, misnamed, names_in
from resnext_bench.machine.gpu.vendors import AMD, BELOW_HIP, CUDA, HIP
from resnext_bench.reports.schema.machine import Board

_REASONS: Final = {
    "active_prochot_thrm": 0x08,
    "active_socket_thrm": 0x40,
    "active_vr_thrm": 0x40,
    "active_hbm_thrm": 0x40,
    "active_ppt_pwr": POWER_CAP,
}
"""Bits of `facts` for the fields of what holds clocks down: PROCHOT is the hardware's slowdown."""
_BF16: Final = ("gfx90a", "gfx94", "gfx95", "gfx11", "gfx12")
"""Beginnings of architectures with products of bf16 in matrix cores."""
_VISIBLE: Final = (HIP, CUDA)
"""Variables with which HIP hides GPUs; the first one that is set counts."""


@contextmanager
def session() -> Iterator[Any]:
    """Yield amdsmi, initialised, or a Silence where the library or the driver is missing."""
    try:
        import amdsmi  # noqa: PLC0415  (no package of ours needs it)
    except ImportError as error:
        yield Silence(vendor=AMD, cause="not installed", said=str(error), package="amdsmi")
        return
    except Exception as error:  # without ROCm it fails in the middle of its import
        yield Silence(vendor=AMD, cause="no library", said=_said(error))
        return
    try:
        amdsmi.amdsmi_init()
    except Exception as error:  # the library raises types of its own
        yield Silence(vendor=AMD, cause="no driver", said=_said(error))
        return
    try:
        yield amdsmi
    finally:
        with suppress(Exception):
            amdsmi.amdsmi_shut_down()


@contextmanager
def opened() -> Iterator["Amd | Silence"]:
    """Open amdsmi as a monitor, or say why it cannot be asked."""
    with session() as library:
        yield library if isinstance(library, Silence) else Amd(library)


def _said(error: Exception) -> str:
    """Return the library's message on one line, without the number before it."""
    info = getattr(error, "err_info", None)
    return " ".join(str(info or error).split()) or type(error).__name__


class Amd:
    """The library and its visible GPUs."""

    vendor = AMD

    def __init__(self, library: Any) -> None:
        """Wrap the initialised module amdsmi."""
        self._library = library
        self._misnamed: Misnamed | None = None

    def gpus(self) -> list["Gpu"]:
        """List the GPUs that HIP makes visible, in its order."""
        try:
            handles = self._library.amdsmi_get_processor_handles()
        except Exception:  # there is nothing to list
            return []
        found = [
            Gpu(library=self._library, handle=handle, number=number)
            for number, handle in enumerate(handles)
        ]
        return self._visible(sorted(found, key=Gpu.position))

    def _visible(self, gpus: list["Gpu"]) -> list["Gpu"]:
        """Return those that the variables leave, in their order."""
        self._misnamed = None
        of_hip = next((name for name in _VISIBLE if names_in(name) is not None), CUDA)
        for variable in (BELOW_HIP, of_hip):
            gpus, wrong = _named(gpus, variable)
            self._misnamed = self._misnamed or wrong
        return gpus

    def misnamed(self) -> Misnamed | None:
        """Return the name in a variable that ended the list, if one did."""
        self.gpus()
        return self._misnamed

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return nothing: a partition of a board is listed like a board."""
        return ()

    def versions(self) -> dict[str, str]:
        """Return the driver's version."""
        for gpu in self.gpus():
            info = gpu.ask("amdsmi_get_gpu_driver_info") or {}
            if version := _told(info, "driver_version"):
                return {"driver": f"{_told(info, 'driver_name') or 'amdgpu'} {version}"}
        return {}

    def listen(self) -> None:
        """Do nothing: AMD's driver numbers no critical errors."""

    def heard(self) -> list[tuple[int | None, int]]:
        """Return nothing."""
        return []


def _named(gpus: list["Gpu"], variable: str) -> tuple[list["Gpu"], Misnamed | None]:
    """Return those that a variable names, and the name that ended its list."""
    names = names_in(variable)
    if names is None:
        return gpus, None
    found: list[Gpu] = []
    for name in names:
        if is_end(name):
            break
        gpu = next((gpu for number, gpu in enumerate(gpus) if gpu.is_named(name, number)), None)
        if gpu is None:
            return found, misnamed(variable, name, "unknown")
        if gpu in found:
            return [], misnamed(variable, name, "repeated")
        found.append(gpu)
    return found, None


@dataclass(kw_only=True, slots=True)
class Gpu:
    """One GPU, which may be asked anything: what it does not know is None, never an error."""

    library: Any
    handle: Any
    number: int
    """Its place in the library's list, which is the index in amd-smi."""
    lost: str = ""
    unanswered: dict[str, str] = field(default_factory=dict)

    def ask(self, function: str, *arguments: Any, what: str = "") -> Any:
        """Return the answer of a function of amdsmi to these arguments after the handle."""
        try:
            return getattr(self.library, function)(self.handle, *arguments)
        except Exception as error:  # the library's own types, and functions that an old one lacks
            if what:
                self.unanswered[what] = _said(error)
            return None

    def _field(self, what: str, name: str, function: str, *arguments: Any) -> Any:
        """Return one field of a dictionary; None where it is not reported."""
        answer = self.ask(function, *arguments, what=what)
        if answer is None:
            return None
        found = _told(answer, name)
        if found is None:
            self.unanswered[what] = "N/A"
        return found

    @property
    def index(self) -> int | None:
        """The index in amd-smi."""
        return self.number

    def position(self) -> int:
        """Return its place in HIP's order."""
        told = _told(self.ask("amdsmi_get_gpu_enumeration_info") or {}, "hip_id")
        return self.number if told is None else int(told)

    def is_named(self, name: str, number: int) -> bool:
        """Return whether this name is its number, or its UUID in HIP."""
        if name.isdigit():
            return int(name) == number
        told = self.ask("amdsmi_get_gpu_enumeration_info") or {}
        return name != "" and _told(told, "hip_uuid") == name

    def facts(self) -> GpuFacts:
        """Return what must be known before anything is planned for it."""
        chip = self.ask("amdsmi_get_gpu_asic_info", what="name") or {}
        version = str(_told(chip, "target_graphics_version") or "")
        total = self._field("memory", "vram_total", "amdsmi_get_gpu_vram_usage")
        return GpuFacts(
            name=str(_told(chip, "market_name") or ""),
            vendor=AMD,
            memory_gib=None if total is None else float(total) / 1024,
            bf16=version.startswith(_BF16) if version else None,
            uuid=self._uuid(),
            attachment=self.attachment(links=False),
        )

    def attachment(self, *, links: bool = True) -> Attachment:
        """Return where it is attached; how its GPUs are linked is not asked."""
        address = self.ask("amdsmi_get_gpu_device_bdf")
        node = self.ask("amdsmi_topo_get_numa_node_number")
        return Attachment(
            address=kernel_address(str(address or "")),
            node=node if isinstance(node, int) and node >= 0 else None,
        )

    def _uuid(self) -> str:
        return str(self.ask("amdsmi_get_gpu_device_uuid") or "")

    def board(self) -> Board:
        """Return the settings of its board."""
        cap = self.ask("amdsmi_get_power_cap_info", what="power limit") or {}
        chip = self.ask("amdsmi_get_gpu_asic_info", what="name") or {}
        return Board(
            gpus=(),
            uuids=(self._uuid(),),
            name=str(_told(chip, "market_name") or ""),
            sm_max_mhz=self._clock("max_clk", "GFX", "highest clocks"),
            memory_max_mhz=self._clock("max_clk", "MEM", "highest clocks"),
            power_limit_w=_scaled(_told(cap, "power_cap"), 1e-6),
            default_limit_w=_scaled(_told(cap, "default_power_cap"), 1e-6),
        )

    def _clock(self, name: str, kind: str, what: str) -> int | None:
        kinds = getattr(self.library, "AmdSmiClkType", None)
        found = self._field(what, name, "amdsmi_get_clock_info", getattr(kinds, kind, None))
        return _whole(found)

    def clocks_down(self) -> int | None:
        """Return bits for what holds the clocks down; only the newest boards report it."""
        told = self.ask("amdsmi_get_violation_status", what="what holds the clocks down")
        known = {name: _told(told or {}, name) for name in _REASONS}
        if all(value is None for value in known.values()):
            return None
        bits = 0
        for name, bit in _REASONS.items():
            bits |= bit if known[name] else 0
        return bits

    def sm_mhz(self) -> int | None:
        """Return the clock of its cores now."""
        return self._clock("clk", "GFX", "clocks")

    def memory_mhz(self) -> int | None:
        """Return the clock of its memory now."""
        return self._clock("clk", "MEM", "clocks")

    def temperature_c(self) -> int | None:
        """Return the temperature of its hottest point; boards of data centres have no other."""
        kinds = getattr(self.library, "AmdSmiTemperatureType", None)
        metrics = getattr(self.library, "AmdSmiTemperatureMetric", None)
        arguments = (getattr(kinds, "HOTSPOT", None), getattr(metrics, "CURRENT", None))
        return _whole(self.ask("amdsmi_get_temp_metric", *arguments, what="temperature"))

    def power_w(self) -> float | None:
        """Return the board's power now, or its mean on boards before MI300."""
        told = self.ask("amdsmi_get_power_info", what="power") or {}
        names = ("current_socket_power", "average_socket_power")
        return next((float(one) for name in names if (one := _told(told, name)) is not None), None)

    def energy_j(self) -> float | None:
        """Return the board's energy since the driver was loaded."""
        told = self.ask("amdsmi_get_energy_count", what="energy") or {}
        count, each_uj = _told(told, "energy_accumulator"), _told(told, "counter_resolution")
        return None if not count or not each_uj else float(count) * float(each_uj) * 1e-6

    def use_percent(self) -> int | None:
        """Return the share of time in which its compute engine was busy."""
        return _whole(self._field("use", "gfx_activity", "amdsmi_get_gpu_activity"))

    def link(self) -> tuple[int | None, int | None]:
        """Return the lanes of its link now; its rate is not reported as a generation."""
        found = (self.ask("amdsmi_get_pcie_info") or {}).get("pcie_metric", {})
        return None, _whole(_told(found, "pcie_width"))

    def free_gib(self) -> float | None:
        """Return the free memory."""
        told = self.ask("amdsmi_get_gpu_vram_usage", what="memory") or {}
        total, used = _told(told, "vram_total"), _told(told, "vram_used")
        return None if total is None or used is None else (float(total) - float(used)) / 1024

    def residents(self) -> set[int] | None:
        """Return the ids of the processes that use it."""
        found = self.ask("amdsmi_get_gpu_process_list", what="processes")
        if found is None:
            return None
        ids = (one.get("pid") for one in found if isinstance(one, dict))
        return {pid for pid in ids if isinstance(pid, int)}

    def use_by_process(self, since_us: int) -> dict[int, float]:
        """Return nothing: the library reports a process's time, not its share."""
        return {}

    def errors(self) -> Errors:
        """Return the counts of errors, where the board counts them."""
        ecc = self.ask("amdsmi_get_gpu_total_ecc_count", what="ECC errors") or {}
        link = (self.ask("amdsmi_get_pcie_info") or {}).get("pcie_metric", {})
        counts = {
            "ECC, corrected": _told(ecc, "correctable_count"),
            "ECC, uncorrected": _told(ecc, "uncorrectable_count"),
            "PCIe replays": _told(link, "pcie_replay_count"),
        }
        return {kind: int(count) for kind, count in counts.items() if count is not None}

    def repair(self) -> str:
        """Return nothing: what is retired is retired at once."""
        return ""


def _told(answer: dict[str, Any], name: str) -> Any:
    """Return a field; None where the board does not report it."""
    found = answer.get(name)
    return None if found == "N/A" else found


def _whole(answer: Any) -> int | None:
    """Return a number; None for "N/A", which some functions give in the place of a dictionary."""
    return int(answer) if isinstance(answer, int | float) else None


def _scaled(answer: Any, by: float) -> float | None:
    return None if answer is None else float(answer) * by
