"""NVML of a scripted machine, with nvidia-ml-py's names, types and errors."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pynvml

from tests.machine.recorded_nvml import TYPES

if TYPE_CHECKING:
    from tests.machine.gpu.scripted import Board, ScriptedMachine, Slice

_UNINITIALIZED, _NO_SUCH = 1, 6
_NOT_SUPPORTED, _NO_PERMISSION, _INVALID = 3, 4, 2
_LOST: Final = 15
_GIB: Final = 2**30

QUIET: Final[dict[str, Any]] = {
    "nvmlDeviceGetMaxClockInfo(1)": 1980,
    "nvmlDeviceGetMaxClockInfo(2)": 2619,
    "nvmlDeviceGetClockInfo(1)": 345,
    "nvmlDeviceGetClockInfo(2)": 2619,
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetPowerManagementDefaultLimit": 700_000,
    "nvmlDeviceGetPowerUsage": 72_000,
    "nvmlDeviceGetTotalEnergyConsumption": 10**12,
    "nvmlDeviceGetTemperature": 31,
    "nvmlDeviceGetEccMode": [1, 1],
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetComputeMode": 0,
    "nvmlDeviceGetCurrentClocksEventReasons": 1,
    "nvmlDeviceGetUtilizationRates": [0, 0],
    "nvmlDeviceGetComputeRunningProcesses": [],
    "nvmlDeviceGetMPSComputeRunningProcesses": [],
    "nvmlDeviceGetProcessUtilization": [],
    "nvmlDeviceGetTotalEccErrors": 0,
    "nvmlDeviceGetRemappedRows": [0, 0, 0, 0],
    "nvmlDeviceGetNvLinkErrorCounter": 0,
}
"""Answers of a board on which nothing runs."""
OF_A_SLICE: Final = frozenset(
    {
        "nvmlDeviceGetComputeRunningProcesses",
        "nvmlDeviceGetMPSComputeRunningProcesses",
    }
)
"""Questions to a board that a MIG device answers for itself (NVML reference, multi-instance)."""
PRIVILEGED: Final = frozenset(
    {
        "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetComputeRunningProcesses",
        "nvmlDeviceGetMPSComputeRunningProcesses",
    }
)
"""Questions to a board in MIG mode that only administrators get an answer to."""
NEVER_IN_MIG: Final = frozenset(
    {"nvmlDeviceGetUtilizationRates", "nvmlDeviceGetProcessUtilization"}
)
"""Questions that a board in MIG mode does not support."""


@dataclass(frozen=True)
class Handle:
    """What NVML hands out for a board or for one of its MIG devices."""

    board: int
    part: int | None = None


def _fail(code: int) -> Any:
    raise pynvml.NVMLError(code)


def uuid_of(machine: "ScriptedMachine", index: int) -> str:
    """Return the UUID of a board."""
    return machine.boards[index].uuid or f"GPU-{index:08x}-0000-0000-0000-000000000000"


def bus_of(machine: "ScriptedMachine", index: int) -> str:
    """Return the address of a board as the kernel writes it."""
    return machine.boards[index].bus or f"0000:{0x18 + 8 * index:02x}:00.0"


class ScriptedNvml:
    """Stands for the module pynvml; `machine` may be replaced while it is in use."""

    NVMLError = pynvml.NVMLError

    def __init__(self, machine: "ScriptedMachine") -> None:
        self.machine = machine
        self.asked: list[str] = []
        self._users, self._is_over = 0, False
        self._whole: dict[int, tuple[ScriptedMachine, dict[str, Any]]] = {}
        self.xids: list[tuple[int, int]] = []
        """Xid errors that wait to be fetched: index of the board, number."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(pynvml, name)  # a name that was never nvidia-ml-py's is an AttributeError
        if not name.startswith("nvml") or not callable(value) or isinstance(value, type):
            return value
        if name.startswith("nvmlDevice"):
            return lambda handle, *arguments: self._answer(name, handle, *arguments)
        return lambda *arguments: _fail(_NOT_SUPPORTED)

    # The library and the host

    def nvmlInit(self) -> None:  # noqa: N802
        if self.machine.start:
            _fail(self.machine.start)
        self._users, self._is_over = self._users + 1, False

    def nvmlInitWithFlags(self, flags: int) -> None:  # noqa: N802
        self.nvmlInit()

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.asked.append("nvmlShutdown")
        self._users -= 1
        self._is_over = self._users == 0

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return self.machine.driver

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        return self.machine.cuda

    def nvmlSystemGetNVMLVersion(self) -> str:  # noqa: N802
        return f"13.{self.machine.driver}"

    # Handles

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.machine.boards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Handle:  # noqa: N802
        if not 0 <= index < len(self.machine.boards):
            _fail(_INVALID)
        board = self.machine.boards[index]
        if board.denied:
            _fail(_NO_PERMISSION)
        if board.lost:
            _fail(board.lost)
        return Handle(index)

    def nvmlDeviceGetHandleByUUID(self, uuid: str | bytes) -> Handle:  # noqa: N802
        text = uuid.decode() if isinstance(uuid, bytes) else uuid
        for index, board in enumerate(self.machine.boards):
            if uuid_of(self.machine, index) == text:
                return self.nvmlDeviceGetHandleByIndex(index)
            for part, one in enumerate(board.slices):
                if one.uuid == text and not board.lost:
                    return Handle(index, part)
        return _fail(_NO_SUCH)

    def nvmlDeviceGetHandleByPciBusId(self, bus: str | bytes) -> Handle:  # noqa: N802
        text = (bus.decode() if isinstance(bus, bytes) else bus).lower()
        for index in range(len(self.machine.boards)):
            if text.endswith(bus_of(self.machine, index)):
                return self.nvmlDeviceGetHandleByIndex(index)
        return _fail(_NO_SUCH)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Handle) -> int:  # noqa: N802
        board, name = self._board(handle), "nvmlDeviceGetMaxMigDeviceCount"
        return int(_typed(name, board.answers.get(name, 7 if board.mig else 0)))

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Handle, index: int) -> Handle:  # noqa: N802
        if index >= len(self._board(handle).slices):
            _fail(_NO_SUCH)
        return Handle(handle.board, index)

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: Handle) -> Handle:  # noqa: N802
        return Handle(handle.board) if self._slice(handle) else _fail(_INVALID)

    # Events: only Xid errors are told

    def nvmlEventSetCreate(self) -> object:  # noqa: N802
        return set()

    def nvmlDeviceRegisterEvents(self, handle: Handle, types: int, events: Any) -> None:  # noqa: N802
        self._board(handle)
        if types & ~pynvml.nvmlEventTypeXidCriticalError:
            _fail(_NOT_SUPPORTED)
        events.add(handle.board)

    def nvmlEventSetWait_v2(self, events: Any, timeout_ms: int) -> Any:  # noqa: N802
        for position, (board, number) in enumerate(self.xids):
            if board in events:
                del self.xids[position]
                fields = {"device": Handle(board), "eventData": number, "eventType": 8}
                return pynvml.nvmlFriendlyObject(fields)
        return _fail(pynvml.NVML_ERROR_TIMEOUT)

    def nvmlEventSetFree(self, events: Any) -> None:  # noqa: N802
        events.clear()

    # Questions about a device

    def nvmlDeviceGetCpuAffinity(self, handle: Handle, words: int) -> list[int]:  # noqa: N802
        return _words(self._cpus(handle), words)

    def nvmlDeviceGetCpuAffinityWithinScope(  # noqa: N802
        self, handle: Handle, words: int, scope: int
    ) -> list[int]:
        return _words(self._cpus(handle), words)

    def nvmlDeviceGetMemoryAffinity(self, handle: Handle, words: int, scope: int) -> list[int]:  # noqa: N802
        node = self._board(handle).node
        return _fail(_NOT_SUPPORTED) if node is None else _words([node], words)

    def nvmlDeviceGetTopologyCommonAncestor(self, one: Handle, other: Handle) -> int:  # noqa: N802
        if one.board == other.board:
            return int(pynvml.NVML_TOPOLOGY_INTERNAL)
        same = self._board(one).node == self._board(other).node
        return int(pynvml.NVML_TOPOLOGY_NODE if same else pynvml.NVML_TOPOLOGY_SYSTEM)

    def _board(self, handle: Handle) -> "Board":
        board = self.machine.boards[handle.board]
        return _fail(board.lost) if board.lost else board

    def _slice(self, handle: Handle) -> "Slice | None":
        board = self._board(handle)
        return None if handle.part is None else board.slices[handle.part]

    def _cpus(self, handle: Handle) -> list[int]:
        node = self._board(handle).node
        if node is None:
            _fail(_NOT_SUPPORTED)
        return [cpu for cpu in range(self.machine.cores) if node_of(self.machine, cpu) == node]

    def _answer(self, name: str, handle: Handle, *arguments: Any) -> Any:
        self.asked.append(name)
        if self._is_over:
            _fail(_UNINITIALIZED)
        board, part = self._board(handle), self._slice(handle)
        with_arguments = f"{name}({', '.join(map(str, arguments))})"
        told = part.answers if part else board.answers
        quiet = self._of_slice(board, part, handle) if part else self._of_whole(board, handle)
        for answers in (told, quiet):
            for asked in (with_arguments, name):
                if asked in answers:
                    return _typed(name, answers[asked])
        return _fail(_NOT_SUPPORTED)

    def _of_whole(self, board: "Board", handle: Handle) -> dict[str, Any]:
        """Return the answers of a board, made once for each machine: hundreds are asked."""
        machine, answers = self._whole.get(handle.board, (None, {}))
        if machine is not self.machine:
            answers = self._of_board(board, handle)
            self._whole[handle.board] = self.machine, answers
        return answers

    def _of_board(self, board: "Board", handle: Handle) -> dict[str, Any]:
        answers = dict(QUIET)
        if board.mig:
            answers = {name: value for name, value in answers.items() if name not in NEVER_IN_MIG}
        answers |= self._identity(board, handle) | self._links(board)
        if board.mig is not None:
            answers["nvmlDeviceGetMigMode"] = [int(board.mig)] * 2
        if board.memory_gib is not None:
            answers["nvmlDeviceGetMemoryInfo"] = _memory(board.memory_gib)
        if not board.nvlinks:
            del answers["nvmlDeviceGetNvLinkErrorCounter"]
        return answers | {"nvmlDeviceIsMigDeviceHandle": 0}

    def _identity(self, board: "Board", handle: Handle) -> dict[str, Any]:
        bus = bus_of(self.machine, handle.board)
        return {
            "nvmlDeviceGetName": board.name,
            "nvmlDeviceGetUUID": uuid_of(self.machine, handle.board),
            "nvmlDeviceGetIndex": handle.board,
            "nvmlDeviceGetMinorNumber": handle.board,
            "nvmlDeviceGetCudaComputeCapability": board.capability,
            "nvmlDeviceGetPciInfo": _pci(bus),
            "nvmlDeviceGetPciInfo_v3": _pci(bus),
        } | ({} if board.node is None else {"nvmlDeviceGetNumaNodeId": board.node})

    def _links(self, board: "Board") -> dict[str, Any]:
        answers: dict[str, Any] = {
            "nvmlDeviceGetCurrPcieLinkGeneration": board.pcie[0],
            "nvmlDeviceGetCurrPcieLinkWidth": board.pcie[1],
            "nvmlDeviceGetMaxPcieLinkGeneration": board.pcie_most[0],
            "nvmlDeviceGetMaxPcieLinkWidth": board.pcie_most[1],
        }
        far = _SWITCH_BUS if board.peer is None else bus_of(self.machine, board.peer)
        kind = 2 if board.peer is None else 0
        for link in range(board.nvlinks):
            answers[f"nvmlDeviceGetNvLinkState({link})"] = 1
            answers[f"nvmlDeviceGetNvLinkVersion({link})"] = 6
            answers[f"nvmlDeviceGetNvLinkRemoteDeviceType({link})"] = kind
            answers[f"nvmlDeviceGetNvLinkRemotePciInfo({link})"] = _pci(far)
        return answers

    def _of_slice(self, board: "Board", part: "Slice", handle: Handle) -> dict[str, Any]:
        return {name: QUIET[name] for name in OF_A_SLICE} | {
            "nvmlDeviceGetName": f"{board.name} MIG {part.profile}",
            "nvmlDeviceGetUUID": part.uuid,
            "nvmlDeviceGetIndex": handle.part,  # within its board
            "nvmlDeviceGetMemoryInfo": _memory(part.memory_gib),
            "nvmlDeviceGetGpuInstanceId": part.gpu_instance,
            "nvmlDeviceGetComputeInstanceId": 0,
            "nvmlDeviceIsMigDeviceHandle": 1,
        }


_SWITCH_BUS: Final = "0000:c0:00.0"


def node_of(machine: "ScriptedMachine", cpu: int) -> int:
    """Return the NUMA node of a logical CPU."""
    physical = machine.cores // 2 if machine.siblings else machine.cores
    return cpu % physical * machine.numa_nodes // physical


def _memory(gib: float, used_gib: float = 0.5) -> Any:
    total, used = int(gib * _GIB), int(used_gib * _GIB)
    return pynvml.c_nvmlMemory_t(total=total, free=max(0, total - used), used=used)


@cache  # every answer of a board is asked hundreds of times
def _pci(bus: str) -> Any:
    domain, number, rest = bus.split(":")
    return pynvml.nvmlPciInfo_t(
        domain=int(domain, 16),
        bus=int(number, 16),
        device=int(rest.split(".")[0], 16),
        busId=f"{int(domain, 16):08X}:{number.upper()}:{rest}".encode(),
        busIdLegacy=bus.upper().encode(),
    )


def _words(bits: list[int], words: int) -> list[int]:
    found = [0] * words
    for bit in bits:
        found[bit // 64] |= 1 << bit % 64
    return found


def _typed(name: str, answer: Any) -> Any:
    code = getattr(answer, "code", None)
    if code is not None:
        return _fail(code)
    if name == "nvmlDeviceGetMemoryInfo" and not isinstance(answer, int):
        return answer
    return TYPES.get(name.removesuffix("_v3"), lambda same: same)(answer)
