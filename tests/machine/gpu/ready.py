"""Machines that users have, as their data sheets, manuals and drivers describe them.

What a driver answers there is from NVML's reference and from public reports of users; none of it
was measured.
"""

from dataclasses import replace
from typing import Final

from tests.machine.gpu.scripted import (
    LOST,
    MISMATCH,
    NO_LIBRARY,
    NO_PERMISSION,
    Board,
    Refused,
    ScriptedMachine,
    Slice,
)
from tests.machine.gpu.scripted_amd import AmdBoard, Failed
from tests.machine.gpu.scripted_nvml import QUIET

_OF_THE_BUS: Final = (
    "nvmlDeviceGetPciInfo",
    "nvmlDeviceGetUUID",
    "nvmlDeviceGetCurrPcieLinkGeneration",
    "nvmlDeviceGetCurrPcieLinkWidth",
    "nvmlDeviceGetMaxPcieLinkGeneration",
    "nvmlDeviceGetMaxPcieLinkWidth",
)
_NUMBERS: Final = (
    "nvmlDeviceGetClockInfo(1)",
    "nvmlDeviceGetClockInfo(2)",
    "nvmlDeviceGetMaxClockInfo(1)",
    "nvmlDeviceGetMaxClockInfo(2)",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetEnforcedPowerLimit",
    "nvmlDeviceGetTemperature",
    "nvmlDeviceGetCurrPcieLinkGeneration",
    "nvmlDeviceGetCurrPcieLinkWidth",
)
_LARGE_NUMBERS: Final = (
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetTotalEccErrors",
    "nvmlDeviceGetCurrentClocksEventReasons",
)

_SWITCHED: Final = Board(nvlinks=18)

H100X8: Final = ScriptedMachine(
    boards=tuple(replace(_SWITCHED, node=index // 4) for index in range(8)),
    cores=224,
    numa_nodes=2,
    torch=(("NVIDIA H100 80GB HBM3", 79.2, (9, 0)),) * 8,
)
"""An HGX H100: two sockets, four boards on each."""

_A100: Final = Board(
    name="NVIDIA A100-SXM4-40GB",
    memory_gib=40.0,
    capability=(8, 0),
    nvlinks=12,
    pcie=(4, 16),
    pcie_most=(4, 16),
    answers={
        "nvmlDeviceGetMaxClockInfo(1)": 1410,
        "nvmlDeviceGetMaxClockInfo(2)": 1215,
        "nvmlDeviceGetEnforcedPowerLimit": 400_000,
        "nvmlDeviceGetPowerManagementDefaultLimit": 400_000,
    },
)
_DGX_NODES: Final = (3, 3, 1, 1, 7, 7, 5, 5)
_DGX_BUSES: Final = ("07", "0f", "47", "4e", "87", "90", "b7", "bd")

DGX_A100: Final = ScriptedMachine(
    boards=tuple(
        replace(_A100, node=node, bus=f"0000:{bus}:00.0")
        for node, bus in zip(_DGX_NODES, _DGX_BUSES, strict=True)
    ),
    driver="550.127.05",
    cuda=12040,
    cores=256,
    numa_nodes=8,
    torch=(("NVIDIA A100-SXM4-40GB", 39.4, (8, 0)),) * 8,
)
"""A DGX A100: eight NUMA nodes, boards on every other one, in an order of their own."""

_A10: Final = Board(
    name="NVIDIA A10",
    memory_gib=22.5,
    capability=(8, 6),
    mig=None,
    pcie=(4, 16),
    pcie_most=(4, 16),
    answers={
        "nvmlDeviceGetMaxClockInfo(1)": 1695,
        "nvmlDeviceGetMaxClockInfo(2)": 6251,
        "nvmlDeviceGetEnforcedPowerLimit": 150_000,
        "nvmlDeviceGetPowerManagementDefaultLimit": 150_000,
    },
)
A10X4: Final = ScriptedMachine(
    boards=(_A10,) * 4, cores=96, torch=(("NVIDIA A10", 22.1, (8, 6)),) * 4
)
"""Four boards on one node, without NVLink or MIG."""

GB10: Final = ScriptedMachine(
    boards=(
        Board(
            name="NVIDIA GB10",
            memory_gib=None,
            capability=(12, 1),
            bus="000f:01:00.0",
            mig=None,
            answers={
                name: Refused()
                for name in (
                    "nvmlDeviceGetEccMode",
                    "nvmlDeviceGetEnforcedPowerLimit",
                    "nvmlDeviceGetPowerManagementDefaultLimit",
                    "nvmlDeviceGetMaxClockInfo(2)",
                    "nvmlDeviceGetClockInfo(2)",
                    "nvmlDeviceGetTotalEccErrors",
                    "nvmlDeviceGetRemappedRows",
                )
            },
        ),
    ),
    cores=20,
    siblings=False,
    torch=(("NVIDIA GB10", 119.6, (12, 1)),),
)
"""A DGX Spark: the GPU's memory is the host's, and NVML does not report it."""


def a100_slice(number: int, profile: str = "1g.5gb", memory_gib: float = 4.75) -> Slice:
    """Return one MIG device of an A100."""
    uuid = f"MIG-{number:08x}-1111-5222-8333-444444444444"
    return Slice(uuid=uuid, profile=profile, memory_gib=memory_gib, gpu_instance=7 + number)


MIG_POD: Final = ScriptedMachine(
    boards=(
        replace(
            _A100,
            mig=True,
            nvlinks=0,
            slices=(a100_slice(0),),
            answers={
                **_A100.answers,
                "nvmlDeviceGetMemoryInfo": Refused(NO_PERMISSION),
                "nvmlDeviceGetComputeRunningProcesses": Refused(NO_PERMISSION),
                "nvmlDeviceGetMPSComputeRunningProcesses": Refused(NO_PERMISSION),
            },
        ),
    ),
    cores=16,
    torch=(("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 4.75, (8, 0)),),
)
"""A pod with one slice: the board is listed too, but what concerns its other tenants is refused."""

MIG_PAIR: Final = MIG_POD.with_boards(
    replace(
        MIG_POD.boards[0],
        slices=(a100_slice(0, "3g.20gb", 19.62), a100_slice(1, "3g.20gb", 19.62)),
    )
)
"""Two slices of one board; CUDA shows a process the first one only."""

MIG_MIXED: Final = replace(
    MIG_PAIR,
    boards=(*MIG_PAIR.boards, replace(_A100, nvlinks=0), replace(_A100, nvlinks=0)),
    cores=64,
)
"""A board cut in two slices beside two whole ones."""

ORIN: Final = ScriptedMachine(
    boards=(
        Board(
            name="Orin (nvgpu)",
            memory_gib=None,
            capability=(8, 7),
            node=None,
            mig=None,
            answers=dict.fromkeys((*QUIET, *_OF_THE_BUS), Refused()),
        ),
    ),
    driver="540.4.0",
    cuda=12060,
    cores=12,
    siblings=False,
    torch=(("Orin", 29.9, (8, 7)),),
)
"""A Jetson, whose GPU is a part of the processor: NVML answers to little but its name."""

NOT_AVAILABLE: Final = ScriptedMachine(
    boards=(
        Board(
            memory_gib=None,
            capability=(0, 0),
            answers=dict.fromkeys(_NUMBERS, 2**32 - 1)
            | dict.fromkeys(_LARGE_NUMBERS, 2**64 - 1)
            | {
                "nvmlDeviceGetUtilizationRates": [2**32 - 1] * 2,
                "nvmlDeviceGetMemoryInfo": 2**64 - 1,
            },
        ),
    ),
    cores=16,
    torch=(("NVIDIA H100 80GB HBM3", 79.2, (9, 0)),),
)
"""A driver that answers with -1, its number for "not available", where it should refuse."""

V100X4: Final = ScriptedMachine(
    boards=(
        Board(
            name="Tesla V100-SXM2-32GB",
            memory_gib=32.0,
            capability=(7, 0),
            mig=None,
            nvlinks=6,
            pcie=(3, 16),
            pcie_most=(3, 16),
            answers={"nvmlDeviceGetRemappedRows": Refused()},
        ),
    )
    * 4,
    driver="550.127.05",
    cuda=12040,
    torch="The NVIDIA driver on your system is too old (found version 12040)",
)
"""Boards and a driver that today's default build of torch no longer serves."""

LOST_OF_EIGHT: Final = replace(
    H100X8,
    boards=(*H100X8.boards[:5], replace(H100X8.boards[5], lost=LOST), *H100X8.boards[6:]),
)
"""GPU 5 fell off its bus."""

UNMATCHED: Final = replace(
    H100X8,
    start=MISMATCH,
    torch="Error 803: system has unsupported display driver / cuda driver combination",
)
"""The driver was updated, and its module in the kernel is still the old one."""

NO_UTILITY: Final = replace(H100X8, start=NO_LIBRARY)
"""A container without the capability "utility": CUDA works, libnvidia-ml.so.1 is not there."""

MI300X8: Final = ScriptedMachine(
    boards=(),
    start=NO_LIBRARY,
    amd=tuple(
        AmdBoard(hip_id=index, bus=f"0000:{0x0C + 16 * index:02x}:00.0", node=index // 4)
        for index in range(8)
    ),
    cores=192,
    numa_nodes=2,
    torch=(("AMD Instinct MI300X OAM", 191.7, None),) * 8,
)
"""Eight boards of AMD's, for which amdsmi answers."""

MI250X4: Final = ScriptedMachine(
    boards=(),
    start=NO_LIBRARY,
    amd=tuple(
        AmdBoard(
            name="AMD Instinct MI250X",
            chip="gfx90a",
            memory_gib=64,
            hip_id=die,
            bus=f"0000:{0xC0 + die:02x}:00.0",
            node=die // 2,
            answers={"amdsmi_get_power_cap_info": Failed()} if die % 2 else {},
        )
        for die in range(8)
    ),
    cores=128,
    numa_nodes=4,
    torch=(("AMD Instinct MI250X", 64.0, None),) * 8,
)
"""Four boards of two dies each, which are devices of their own; the first has the board's power."""

NO_GPU: Final = ScriptedMachine(boards=(), start=NO_LIBRARY, cores=8)
"""A host without a GPU."""

READY: Final = {
    "8xH100": H100X8,
    "DGX A100": DGX_A100,
    "4xA10": A10X4,
    "GB10": GB10,
    "a MIG pod": MIG_POD,
    "two slices": MIG_PAIR,
    "slices and boards": MIG_MIXED,
    "Orin": ORIN,
    "not available": NOT_AVAILABLE,
    "4xV100": V100X4,
    "8xMI300X": MI300X8,
    "4xMI250X": MI250X4,
    "a lost GPU": LOST_OF_EIGHT,
    "an unmatched driver": UNMATCHED,
    "no utility": NO_UTILITY,
    "no GPU": NO_GPU,
}
