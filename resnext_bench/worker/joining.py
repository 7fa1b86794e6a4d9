"""How ranks meet that somebody else has started: through a store, before any of them trains.

Each rank worked out its own configuration from the command line that all were given. Here they
see that they all came to the same, and whether each has a GPU of its own, while a mismatch is still
one clear line and not a hang in the first all-reduce.
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
from resnext_bench.reports.schema.topology import Backend
from resnext_bench.symptoms import Symptom, symptom_of
from resnext_bench.worker.entry import Rank

TIMEOUT_S = 540.0
"""For the last rank to come: its node may have images to check first. Parents wait longer."""


class Disagreement(RuntimeError):
    """The ranks of one group would not do the same.

    `symptom`: what torch says of it, where that is behind it.
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
            f"cannot {what} {where}: {first}; set MASTER_ADDR and MASTER_PORT alike for all ranks",
            symptom_of(type(error).__name__, str(error)),
        ) from error
    return store


def _card(rank: Rank, device: torch.device, meeting: Meeting) -> Card:
    return Card(
        rank=rank.rank,
        host=platform.node(),
        node=rank.place.node,
        local_rank=rank.place.local_rank,
        gpu=gpu_uuid(device),
        config=rank.job.config,
        images=meeting.images,
        torch=str(torch.__version__),
    )


def gpu_uuid(device: torch.device) -> str:
    """What tells one GPU from all others; empty for the CPU."""
    if device.type != "cuda":
        return ""
    return str(torch.cuda.get_device_properties(device).uuid)


def _exchanged(store: Store, mine: Card, world: int) -> list[Card]:
    store.set(f"card-{mine.rank}", msgspec.json.encode(mine).decode())
    return [_card_of(store, rank) for rank in range(world)]


def _card_of(store: Store, rank: int) -> Card:
    try:
        return msgspec.json.decode(store.get(f"card-{rank}"), type=Card)
    except RuntimeError as error:
        raise Disagreement(f"rank {rank} has not come within {TIMEOUT_S:g} s") from error


def require_same(cards: list[Card]) -> None:
    """Raise Disagreement for the first thing in which a rank is not as rank 0."""
    first, *others = cards
    for other in others:
        for what, ours, theirs in _compared(first, other):
            if ours != theirs:
                raise Disagreement(
                    f"rank {other.rank} on {other.host} has {what} {theirs} where rank 0 on "
                    f"{first.host} has {ours}; where nodes differ, give the option itself"
                )
    places = [(card.node, card.local_rank) for card in cards]
    if len(set(places)) < len(places):
        raise Disagreement(
            "two ranks have the same place on their node, as ranks go round the nodes; fill one "
            "node after the other (mpirun --map-by slot)"
        )


def _compared(first: Card, other: Card) -> list[tuple[str, object, object]]:
    """Things that must be equal, by name. Images may lie elsewhere on each node."""
    a, b = (msgspec.structs.asdict(card.config) for card in (first, other))
    options = [(flag(name), a[name], b[name]) for name in a if name != "data"]
    return [*options, ("images", first.images, other.images), ("torch", first.torch, other.torch)]


def backend_for(job: Job, cards: list[Card]) -> Backend:
    """NCCL refuses two ranks on one GPU; gloo takes CUDA tensors by way of the host."""
    gpus = {(card.host, card.gpu) for card in cards}
    if job.topology.backend == "nccl" and len(gpus) < len(cards):
        return "gloo"
    return job.topology.backend
