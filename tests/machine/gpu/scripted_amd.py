"""AMD SMI of a scripted machine, with amdsmi's names, fields and units (amdsmi 7.0).

Without ROCm the real module cannot even be imported, so that its names are written down here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

NOT_SUPPORTED, NO_PERMISSION, RETRY = 2, 10, 8
"""Numbers of amdsmi's states."""
_INFO: Final = {
    NOT_SUPPORTED: "AMDSMI_STATUS_NOT_SUPPORTED - Feature not supported",
    NO_PERMISSION: "AMDSMI_STATUS_NO_PERM - Permission Denied",
    RETRY: "AMDSMI_STATUS_RETRY - Retry operation",
}


class AmdSmiLibraryException(Exception):
    """As amdsmi's: number, and words on a line of their own."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.err_code = code
        self.err_info = _INFO[code]

    def __str__(self) -> str:
        return f"Error code:\n\t{self.err_code} | {self.err_info}"


@dataclass(frozen=True)
class Failed:
    """An answer that is an error."""

    code: int = NOT_SUPPORTED


@dataclass(frozen=True, kw_only=True)
class AmdBoard:
    """A GPU of AMD's as it stands in the machine; `answers` replace a quiet board's."""

    name: str = "AMD Instinct MI300X OAM"
    chip: str = "gfx942"
    memory_gib: int = 192
    hip_id: int = 0
    bus: str = "0000:0c:00.0"
    node: int = 0
    answers: Mapping[str, Any] = field(default_factory=dict)


class ScriptedAmd:
    """Stands for the module amdsmi; handles are indices in its list."""

    AmdSmiLibraryException = AmdSmiLibraryException

    class AmdSmiClkType(IntEnum):
        SYS = 0
        GFX = 0
        MEM = 4

    class AmdSmiTemperatureType(IntEnum):
        EDGE = 0
        HOTSPOT = 1

    class AmdSmiTemperatureMetric(IntEnum):
        CURRENT = 0

    def __init__(self, boards: tuple[AmdBoard, ...]) -> None:
        self.boards = boards

    def amdsmi_init(self) -> None:
        """There is nothing to start."""

    def amdsmi_shut_down(self) -> None:
        """There is nothing to end."""

    def amdsmi_get_processor_handles(self) -> list[int]:
        return list(range(len(self.boards)))

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES:
            raise AttributeError(name)
        return lambda handle, *arguments: self._answer(name, handle, *arguments)

    def _answer(self, name: str, handle: int, *arguments: Any) -> Any:
        board = self.boards[handle]
        answers = _quiet(board, handle) | dict(board.answers)
        asked = f"{name}({', '.join(str(int(one)) for one in arguments)})"
        found = answers.get(asked, answers.get(name, Failed()))
        if isinstance(found, Failed):
            raise AmdSmiLibraryException(found.code)
        return found


def _quiet(board: AmdBoard, handle: int) -> dict[str, Any]:
    """Return the answers of a board on which nothing runs."""
    return {
        "amdsmi_get_gpu_asic_info": {
            "market_name": board.name,
            "vendor_id": "0x1002",
            "target_graphics_version": board.chip,
            "num_compute_units": 304,
        },
        "amdsmi_get_gpu_enumeration_info": {"hip_id": board.hip_id, "hip_uuid": "GPU-abc"},
        "amdsmi_get_gpu_device_uuid": f"{handle:02x}ff74a1-0000-1000-80ff-ffffffffffff",
        "amdsmi_get_gpu_device_bdf": board.bus,
        "amdsmi_topo_get_numa_node_number": board.node,
        "amdsmi_get_gpu_driver_info": {"driver_name": "amdgpu", "driver_version": "6.14.14"},
        "amdsmi_get_gpu_vram_usage": {"vram_total": 1024 * board.memory_gib, "vram_used": 283},
        "amdsmi_get_power_cap_info": {
            "power_cap": 750_000_000,
            "default_power_cap": 750_000_000,
            "dpm_cap": 2100,
        },
        "amdsmi_get_power_info": {
            "current_socket_power": 141,
            "average_socket_power": "N/A",
            "power_limit": 750,
        },
        "amdsmi_get_clock_info(0)": {"clk": 132, "min_clk": 132, "max_clk": 2100},
        "amdsmi_get_clock_info(4)": {"clk": 900, "min_clk": 900, "max_clk": 1300},
        "amdsmi_get_temp_metric(1, 0)": 42,
        "amdsmi_get_energy_count": {"energy_accumulator": 2 * 10**9, "counter_resolution": 15.3},
        "amdsmi_get_gpu_activity": {"gfx_activity": 0, "umc_activity": 0, "mm_activity": "N/A"},
        "amdsmi_get_gpu_process_list": [],
        "amdsmi_get_gpu_total_ecc_count": {
            "correctable_count": 0,
            "uncorrectable_count": 0,
            "deferred_count": 0,
        },
        "amdsmi_get_pcie_info": {"pcie_metric": {"pcie_replay_count": 0}},
        "amdsmi_get_violation_status": {
            f"active_{name}": False
            for name in ("prochot_thrm", "ppt_pwr", "socket_thrm", "vr_thrm", "hbm_thrm")
        },
    }


OF_FIELDS: Final = frozenset(
    name.partition("(")[0]
    for name, answer in _quiet(AmdBoard(), 0).items()
    if isinstance(answer, dict)
)
"""Functions whose answers have fields, each of which may be "N/A"."""
NAMES: Final = frozenset(name.partition("(")[0] for name in _quiet(AmdBoard(), 0))
"""Functions of amdsmi about one GPU that are asked."""
