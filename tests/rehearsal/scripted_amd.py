"""AMD's library as amdsmi 7.0 documents it, on a machine with boards of AMD's.

None of its answers was measured: they are what the library's types allow, and data sheets.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from tests.machine.gpu.ready import NO_GPU
from tests.machine.gpu.scripted import scripted

MIB: Final = 196_592
"""An MI300X's memory."""
ANSWERS: Final[dict[str, Any]] = {
    "amdsmi_get_gpu_asic_info": {
        "market_name": "AMD Instinct MI300X",
        "target_graphics_version": "gfx942",
        "num_compute_units": 304,
    },
    "amdsmi_get_gpu_vram_usage": {"vram_total": MIB, "vram_used": 285},
    "amdsmi_get_gpu_driver_info": {"driver_name": "amdgpu", "driver_version": "6.14.14"},
    "amdsmi_get_power_cap_info": {"power_cap": 750_000_000, "default_power_cap": 750_000_000},
    "amdsmi_get_power_info": {"current_socket_power": 141, "average_socket_power": "N/A"},
    "amdsmi_get_energy_count": {"energy_accumulator": 10**12, "counter_resolution": 15.259},
    "amdsmi_get_gpu_activity": {"gfx_activity": 0, "umc_activity": 0, "mm_activity": "N/A"},
    "amdsmi_get_gpu_process_list": [],
    "amdsmi_get_temp_metric": 42,
    "amdsmi_get_gpu_total_ecc_count": {"correctable_count": 0, "uncorrectable_count": 0},
    "amdsmi_get_violation_status": {"active_prochot_thrm": False, "active_ppt_pwr": False},
}
CLOCKS: Final = {"GFX": (132, 2100), "MEM": (900, 1300)}
"""MHz now, and at most."""


@dataclass
class ScriptedAmd:
    """Stands for the module amdsmi; a handle is the number of its board."""

    boards: int = 8
    nodes: tuple[int, ...] = (0, 0, 0, 0, 1, 1, 1, 1)
    answers: dict[str, Any] = field(default_factory=lambda: dict(ANSWERS))
    AmdSmiClkType = SimpleNamespace(GFX="GFX", MEM="MEM")
    AmdSmiTemperatureType = SimpleNamespace(HOTSPOT="HOTSPOT")
    AmdSmiTemperatureMetric = SimpleNamespace(CURRENT="CURRENT")

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("amdsmi_"):
            raise AttributeError(name)
        return lambda *arguments: self._answer(name, *arguments)

    def _answer(self, name: str, *arguments: Any) -> Any:
        if name in self.answers:
            return self.answers[name]
        raise RuntimeError(f"AMDSMI_STATUS_NOT_SUPPORTED of {name}{arguments}")

    def amdsmi_init(self) -> None:
        """Start."""

    def amdsmi_shut_down(self) -> None:
        """End."""

    def amdsmi_get_processor_handles(self) -> list[int]:
        return list(range(self.boards))

    def amdsmi_get_gpu_enumeration_info(self, handle: int) -> dict[str, Any]:
        return {"hip_id": handle, "drm_card": handle, "hip_uuid": "N/A"}

    def amdsmi_get_gpu_device_bdf(self, handle: int) -> str:
        return f"0000:{0x05 + 0x20 * handle:02x}:00.0"

    def amdsmi_get_gpu_device_uuid(self, handle: int) -> str:
        return f"{handle:08x}-0000-1000-8000-000000000000"

    def amdsmi_topo_get_numa_node_number(self, handle: int) -> int:
        return self.nodes[handle]

    def amdsmi_get_clock_info(self, handle: int, kind: str) -> dict[str, Any]:
        now, most = CLOCKS[kind]
        return {"clk": now, "min_clk": 132, "max_clk": most, "clk_locked": "N/A"}


def amd_machine(library: ScriptedAmd, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Put a host of two sockets with these boards in the place of this one."""
    host = replace(NO_GPU, cores=192, numa_nodes=2)
    scripted(host, monkeypatch, root)
    monkeypatch.setitem(sys.modules, "amdsmi", library)
    for name in ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
