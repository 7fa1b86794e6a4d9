"""Ranks that another program has started: what they show one another before they train."""

import threading
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import torch

from resnext_bench.job import Job, Meeting, SessionFolder
from resnext_bench.launch.ports import choose_port
from resnext_bench.launch.topology import place_member
from resnext_bench.rankfile import RankFile
from resnext_bench.symptoms import Symptom
from resnext_bench.worker import joining
from resnext_bench.worker.entry import Rank
from resnext_bench.worker.joining import Card, Disagreement, backend_for, require_same
from tests.machine.made_machines import made_machine
from tests.machine.made_members import made_member
from tests.reports.made_results import made_config

CONFIG = made_config(nodes=1, nproc_per_node=2, launcher="joined")


def card(rank: int, **changes: object) -> Card:
    plain = Card(
        rank=rank,
        host="a",
        node=0,
        local_rank=rank,
        gpu="",
        board="",
        config=CONFIG,
        images="",
        torch="2.15.0",
    )
    return msgspec.structs.replace(plain, **changes)


def made_rank(folder: Path, number: int, port: int, **changes: object) -> Rank:
    config = msgspec.structs.replace(CONFIG, **changes)
    topology = place_member(config, made_machine(cores=2), made_member(number))
    meeting = Meeting(address="127.0.0.1", port=port, hosted=False, prefix="s", images="")
    job = Job(
        run_id="ID",
        session=1,
        config=config,
        topology=topology,
        images=None,
        timeout_s=20,
        meeting=meeting,
    )
    return Rank(
        folder=SessionFolder(folder),
        job=job,
        place=topology.place(0, number),
        rank=number,
        file=RankFile.create(folder / f"{number}.bin", rank=number, pid=1, warm_up=1, steps=1),
    )


def met(ranks: list[Rank]) -> list[list[Card]]:
    """What each rank sees, all of them in this process."""
    seen: dict[int, list[Card]] = {}

    def meet(rank: Rank) -> None:
        assert rank.job.meeting
        store = joining._store(rank.job.meeting, rank, len(ranks))
        shown = joining._card(rank, torch.device("cpu"), rank.job.meeting)
        seen[rank.rank] = joining._exchanged(store, shown, len(ranks))
        stores.append(store)  # the one of rank 0 must outlive the others' reading

    stores: list[object] = []
    threads = [threading.Thread(target=meet, args=(rank,)) for rank in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return [seen[rank.rank] for rank in ranks]


def test_all_see_the_same_cards(tmp_path: Path) -> None:
    port = choose_port(0)
    first, second = met([made_rank(tmp_path, number, port) for number in range(2)])
    assert first == second
    assert [one.rank for one in first] == [0, 1]
    require_same(first)


def test_a_rank_with_other_options_is_named(tmp_path: Path) -> None:
    port = choose_port(0)
    ranks = [made_rank(tmp_path, 0, port), made_rank(tmp_path, 1, port, batch_size=7)]
    for cards in met(ranks):
        with pytest.raises(Disagreement, match=r"rank 1 on .* has --batch-size 7, but rank 0"):
            require_same(cards)


def test_images_may_lie_elsewhere_but_must_be_the_same() -> None:
    elsewhere = msgspec.structs.replace(CONFIG, data="/scratch/b")
    require_same([card(0, images="d1"), card(1, images="d1", config=elsewhere)])
    with pytest.raises(Disagreement, match="has images d2, but rank 0 on a has d1"):
        require_same([card(0, images="d1"), card(1, images="d2")])


def test_two_ranks_in_one_place() -> None:
    with pytest.raises(Disagreement, match="--map-by slot"):
        require_same([card(0), card(1, local_rank=0, host="b")])


def test_a_rank_that_does_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "TIMEOUT_S", 0.5)
    rank = made_rank(tmp_path, 0, choose_port(0))
    assert rank.job.meeting
    store = joining._store(rank.job.meeting, rank, 2)
    with pytest.raises(Disagreement, match="rank 1 has not connected"):
        joining._exchanged(store, card(0), 2)


def test_nobody_keeps_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "TIMEOUT_S", 0.5)
    rank = made_rank(tmp_path, 1, choose_port(0))
    assert rank.job.meeting
    with pytest.raises(Disagreement, match=r"cannot reach rank 0 at 127.0.0.1:\d+: ") as found:
        joining._store(rank.job.meeting, rank, 2)
    assert found.value.symptom == Symptom(kind="timeout", follows=True)


@pytest.mark.parametrize(
    ("places", "backend"),
    [
        ((("a", "u1"), ("a", "u2")), "nccl"),
        ((("a", "u1"), ("b", "u1")), "nccl"),
        ((("a", "u1"), ("a", "u1")), "gloo"),
    ],
)
def test_nccl_where_each_rank_has_a_gpu(
    tmp_path: Path, places: tuple[tuple[str, str], ...], backend: str
) -> None:
    job = made_rank(tmp_path, 0, 1).job
    nccl = msgspec.structs.replace(job.topology, backend="nccl")
    cards = [card(rank, host=host, gpu=gpu) for rank, (host, gpu) in enumerate(places)]
    assert backend_for(msgspec.structs.replace(job, topology=nccl), cards) == backend


def test_slices_are_told_apart_where_cuda_gives_their_boards_uuid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two ranks on two slices would seem to share one GPU."""
    board = SimpleNamespace(uuid="4f1b")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: board)
    gpu, place = torch.device("cuda", 0), made_rank(tmp_path, 0, 1).place
    names = [
        joining.gpu_uuid(gpu, msgspec.structs.replace(place, alone=alone))
        for alone in ("MIG-a", "MIG-b", "")
    ]
    assert names == ["MIG-a", "MIG-b", "4f1b"]
    assert joining.gpu_uuid(torch.device("cpu"), place) == ""
