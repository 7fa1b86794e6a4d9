"""The GPU boards and their driver for the record: settings, not activity."""

from collections.abc import Iterator, Sequence

import msgspec

from resnext_bench.machine.gpu.attachment import SWITCH, Attachment, completed
from resnext_bench.machine.gpu.monitor import Gpu, monitor
from resnext_bench.machine.host.sources import here
from resnext_bench.reports.schema.machine import Board


def read_boards() -> tuple[dict[str, str], tuple[Board, ...]]:
    """Read the driver's versions, by name, and the visible boards; both empty without a driver."""
    with monitor() as found:
        if found is None:
            return {}, ()
        gpus, sys = found.gpus(), here().sys
        boards = [read_board(number, gpu) for number, gpu in enumerate(gpus)]
        places = [completed(gpu.attachment(), sys) for gpu in gpus]
        return found.versions(), together(list(_attached(boards, places)))


def _attached(boards: Sequence[Board], places: Sequence[Attachment]) -> Iterator[Board]:
    """Yield the boards with what is known of their places in the host."""
    names = {
        place.address: str(board.gpus[0]) for board, place in zip(boards, places, strict=True)
    } | {SWITCH: "switch"}
    for board, place in zip(boards, places, strict=True):
        yield msgspec.structs.replace(
            board,
            numa_node=place.node,
            pcie_generation=place.pcie.most_generation,
            pcie_width=place.pcie.width,
            pcie_most_width=place.pcie.most_width,
            nvlinks=tuple(
                sorted((names.get(end, "other"), count) for end, count in place.peers.items())
            ),
        )


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
