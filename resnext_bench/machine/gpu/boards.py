"""The GPU boards and their driver, for the record: what is set, not what goes on."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.nvml import MEMORY_CLOCK, SM_CLOCK, Gpu
from resnext_bench.reports.schema.machine import Board

COMPUTE_MODES: Final = {
    0: "default",
    1: "exclusive process",  # once "exclusive thread"; drivers no longer have it
    2: "prohibited",
    3: "exclusive process",
}
"""nvmlComputeMode_t in nvidia-smi's words."""


def read_boards() -> tuple[dict[str, str], tuple[Board, ...]]:
    """Versions of the driver, by name, and the visible boards; both empty without a driver."""
    with nvml.session() as library:
        if library is None:
            return {}, ()
        return driver_versions(library), together([read_board(*one) for one in _gpus(library)])


def driver_versions(library: Any) -> dict[str, str]:
    """Of the driver, and of the newest CUDA that it takes."""
    driver = nvml.ask_system(library, "nvmlSystemGetDriverVersion")
    cuda = nvml.ask_system(library, "nvmlSystemGetCudaDriverVersion_v2")
    found = {
        "driver": "" if driver is None else str(driver),
        # 13020 is 13.2
        "driver's CUDA": "" if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
    }
    return {name: text for name, text in found.items() if text}


def _gpus(library: Any) -> list[tuple[int, Gpu]]:
    try:
        handles = nvml.visible_handles(library)
    except library.NVMLError:  # one of them was lost
        return []
    return [(number, Gpu(library=library, handle=one)) for number, one in enumerate(handles)]


def read_board(number: int, gpu: Gpu) -> Board:
    """One board; `number` is its place among the visible ones, where it tells no other."""
    ecc, mode = gpu.ask("nvmlDeviceGetEccMode"), gpu.ask("nvmlDeviceGetComputeMode")
    index = gpu.index
    return Board(
        gpus=(number if index is None else index,),
        uuids=(str(gpu.ask("nvmlDeviceGetUUID") or ""),),
        name=str(gpu.ask("nvmlDeviceGetName") or ""),
        sm_max_mhz=gpu.ask("nvmlDeviceGetMaxClockInfo", SM_CLOCK),
        memory_max_mhz=gpu.ask("nvmlDeviceGetMaxClockInfo", MEMORY_CLOCK),
        power_limit_w=watts(gpu.ask("nvmlDeviceGetEnforcedPowerLimit")),
        default_limit_w=watts(gpu.ask("nvmlDeviceGetPowerManagementDefaultLimit")),
        ecc=None if ecc is None else bool(ecc[0]),
        persistence=switch(gpu.ask("nvmlDeviceGetPersistenceMode")),
        mig=is_mig(gpu),
        compute_mode="" if mode is None else COMPUTE_MODES.get(mode, f"mode {mode}"),
    )


def is_mig(gpu: Gpu) -> bool | None:
    """A MIG device has no mode of its own: it is one."""
    if switch(gpu.ask("nvmlDeviceIsMigDeviceHandle")):
        return True
    mode = gpu.ask("nvmlDeviceGetMigMode")
    return None if mode is None else bool(mode[0])


def switch(answer: Any) -> bool | None:
    """On, off or not told."""
    return None if answer is None else bool(answer)


def watts(milliwatts: Any) -> float | None:
    """NVML counts power in milliwatts."""
    return None if milliwatts is None else milliwatts / 1000


def together(boards: Sequence[Board]) -> tuple[Board, ...]:
    """Boards alike as one: a node's eight are, and a record must stay small."""
    groups: dict[Board, list[Board]] = {}
    for board in boards:
        alike = msgspec.structs.replace(board, gpus=(), uuids=())
        groups.setdefault(alike, []).append(board)
    return tuple(
        msgspec.structs.replace(
            alike,
            gpus=tuple(index for one in found for index in one.gpus),
            uuids=tuple(uuid for one in found for uuid in one.uuids),
        )
        for alike, found in groups.items()
    )
