"""The GPU boards and their driver for the record: settings, not activity."""

from collections.abc import Sequence

import msgspec

from resnext_bench.machine.gpu.monitor import Gpu, monitor
from resnext_bench.reports.schema.machine import Board


def read_boards() -> tuple[dict[str, str], tuple[Board, ...]]:
    """Read the driver's versions, by name, and the visible boards; both empty without a driver."""
    with monitor() as found:
        if found is None:
            return {}, ()
        boards = [read_board(number, gpu) for number, gpu in enumerate(found.gpus())]
        return found.versions(), together(boards)


def read_board(number: int, gpu: Gpu) -> Board:
    """Read one board; `number` is its index among the visible ones, where it reports no other."""
    board, index = gpu.board(), gpu.index
    return msgspec.structs.replace(
        board,
        gpus=(number if index is None else index,),
        lost=gpu.lost,
        unanswered=() if gpu.lost else tuple(sorted(gpu.unanswered.items())),
    )


def together(boards: Sequence[Board]) -> tuple[Board, ...]:
    """Combine equal boards: a node's eight are, and a record must stay small."""
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
