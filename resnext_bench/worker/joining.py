"""Lets ranks that another launcher has started meet through a store, before any of them trains.

Each rank has resolved its own configuration from the common command line. Here they check that all
agree, and whether each has a GPU of its own, while a mismatch is still one clear line rather than a
hang in the first all-reduce.
"""

import platform
from datetime import timedelta

import msgspec
import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store

from resnext_bench.config.options import flag
from resnext_bench.job import Job, Meeting
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.topology import Backend, Place
from resnext_bench.symptoms import Symptom, symptom_of
from resnext_bench.worker.entry import Rank

TIMEOUT_S = 540.0
"""Seconds to wait for the last rank, whose node may have images to check. Parents wait longer."""


class Disagreement(RuntimeError):
    """The ranks of one group would not do the same.

    `symptom` is torch's error, where that is the cause.
    """

    def __init__(self, text: str, symptom: Symptom | None = None) -> None:
        super().__init__(text)
        self.symptom = symptom


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a rank shows the others."""

    rank: int
    host: str
    node: int
    local_rank: int
    gpu: str
    board: str
    """UUID of the board that its GPU is a slice of; empty for a whole board."""
    config: RunConfig
    images: str
    torch: str


def join_others(rank: Rank, device: torch.device) -> None:
    """Meet at the store, compare cards, and form the process group."""
    meeting = rank.job.meeting
    assert meeting
    world = rank.job.config.world_size
    store = PrefixStore(meeting.prefix, _store(meeting, rank, world))
    cards = _exchanged(store, _card(rank, device, meeting), world)
    require_same(cards)
    backend = backend_for(rank.job, cards)
    dist.init_process_group(
        backend,
        store=PrefixStore("group", store),
        rank=rank.rank,
        world_size=world,
        timeout=timedelta(seconds=rank.job.timeout_s),
        device_id=device if backend == "nccl" else None,
    )


def _store(meeting: Meeting, rank: Rank, world: int) -> Store:
    keeps = rank.rank == 0 and not meeting.hosted
    try:
        store: Store = dist.TCPStore(  # type: ignore[attr-defined]  # exported at run time alone
            meeting.address,
            meeting.port,
            world,
            is_master=keeps,
            timeout=timedelta(seconds=TIMEOUT_S),
            wait_for_workers=False,
        )
    except RuntimeError as error:
        where = f"{meeting.address}:{meeting.port}"
        what = "keep the store at" if keeps else "reach rank 0 at"
        first = str(error).partition("\n")[0]
        raise Disagreement(
            (
                f"cannot {what} {where}: {first}; set MASTER_ADDR and MASTER_PORT to the same "
                "values for all ranks"
            ),
            symptom_of(type(error).__name__, str(error)),
        ) from error
    return store


def _card(rank: Rank, device: torch.device, meeting: Meeting) -> Card:
    return Card(
        rank=rank.rank,
        host=platform.node(),
        node=rank.place.node,
        local_rank=rank.place.local_rank,
        gpu=gpu_uuid(device, rank.place),
        board=rank.place.board,
        config=rank.job.config,
        images=meeting.images,
        torch=str(torch.__version__),
    )


def gpu_uuid(device: torch.device, place: Place) -> str:
    """Return what identifies a rank's GPU; empty for the CPU.

    Where a rank sees its GPU alone, that has a name, which slices of one board do not share. CUDA's
    UUID of a slice may be its board's.
    """
    if device.type != "cuda":
        return ""
    return place.alone or str(torch.cuda.get_device_properties(device).uuid)


def _exchanged(store: Store, mine: Card, world: int) -> list[Card]:
    store.set(f"card-{mine.rank}", msgspec.json.encode(mine).decode())
    return [_card_of(store, rank) for rank in range(world)]


def _card_of(store: Store, rank: int) -> Card:
    try:
        return msgspec.json.decode(store.get(f"card-{rank}"), type=Card)
    except RuntimeError as error:
        raise Disagreement(f"rank {rank} has not connected within {TIMEOUT_S:g} s") from error


def require_same(cards: list[Card]) -> None:
    """Raise Disagreement for the first thing in which a rank differs from rank 0."""
    first, *others = cards
    for other in others:
        for what, ours, theirs in _compared(first, other):
            if ours != theirs:
                raise Disagreement(
                    f"rank {other.rank} on {other.host} has {what} {theirs}, but rank 0 on "
                    f"{first.host} has {ours}; if the nodes differ, set the option explicitly"
                )
    places = [(card.node, card.local_rank) for card in cards]
    if len(set(places)) < len(places):
        raise Disagreement(
            "two ranks have the same local rank, as ranks are assigned to the nodes in turn; fill "
            "one node after the other (mpirun --map-by slot)"
        )


def _compared(first: Card, other: Card) -> list[tuple[str, object, object]]:
    """Return what must be equal, by name. Images may be in different places on each node."""
    a, b = (msgspec.structs.asdict(card.config) for card in (first, other))
    options = [(flag(name), a[name], b[name]) for name in a if name != "data"]
    return [*options, ("images", first.images, other.images), ("torch", first.torch, other.torch)]


def backend_for(job: Job, cards: list[Card]) -> Backend:
    """Return the backend: NCCL refuses two ranks on one board; gloo copies through the host."""
    boards = {(card.host, card.board or card.gpu) for card in cards}
    if job.topology.backend == "nccl" and len(boards) < len(cards):
        return "gloo"
    return job.topology.backend
