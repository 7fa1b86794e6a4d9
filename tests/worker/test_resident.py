"""A rank of a resident side, in this process: what it does with its token, and what it counts."""

import gzip
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn

from resnext_bench import tokens
from resnext_bench.config.resolve import DataFacts
from resnext_bench.job import Job, SessionFolder
from resnext_bench.launch.topology import place_ranks
from resnext_bench.pipelines.batches import PREFETCHED, Batch
from resnext_bench.pipelines.dali.finishing import CROPS_AHEAD
from resnext_bench.rankfile import RankFile
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.worker import resident
from resnext_bench.worker.data import most_ready
from resnext_bench.worker.entry import Rank
from tests.worker.made_training import LAPTOP, made_config, made_training

LOAD_S = 0.03
FACTS = DataFacts(root="/images", classes=8, made=True)
ROOM = 100


class SlowLoader:
    """A thread that makes a batch in LOAD_S and stops when as many as DALI keeps are ready."""

    def __init__(self) -> None:
        self._ready: queue.Queue[Batch] = queue.Queue(PREFETCHED)
        self.taken = 0
        threading.Thread(target=self._load, daemon=True).start()

    def _load(self) -> None:
        while True:
            time.sleep(LOAD_S)
            self._ready.put((torch.randn(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64)))

    def __iter__(self) -> "SlowLoader":
        return self

    def __next__(self) -> Batch:
        self.taken += 1
        return self._ready.get()


def in_bursts() -> Iterator[Batch]:
    """Four batches at once, in four times LOAD_S."""
    while True:
        time.sleep(4 * LOAD_S)
        yield from [(torch.randn(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64))] * 4


class Pixels(nn.Module):
    """The smallest network with a convolution; a step takes about a millisecond."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means: torch.Tensor = self.conv(images).mean((2, 3))
        return means


def made_rank(folder: Path, config: RunConfig, room: int = ROOM) -> Rank:
    topology = place_ranks(config, LAPTOP)
    job = Job(
        run_id="made",
        session=1,
        config=config,
        topology=topology,
        images=None,
        timeout_s=60.0,
        room=room,
        block_room=ROOM,
    )
    session = SessionFolder(folder)
    session.create(job, None)
    file = RankFile.create(
        session.rank_file(0), rank=0, pid=1, warm_up=config.warm_up, steps=room, is_open=True
    )
    return Rank(folder=session, job=job, place=topology.places[0], rank=0, file=file)


@contextmanager
def resident_side(
    rank: Rank, loader: Iterator[Batch], second: Iterator[Batch] | None = None
) -> Iterator[tokens.Holder]:
    """A rank that has warmed up."""
    with built_side(rank, loader, second) as holder:
        holder.give(tokens.WARM_UP)
        assert holder.answer(20)
        yield holder


@contextmanager
def built_side(
    rank: Rank, loader: Iterator[Batch], second: Iterator[Batch] | None = None
) -> Iterator[tokens.Holder]:
    """The rank follows its token in a thread; the end of the block is its end."""
    config = rank.job.config
    pipes = tokens.Pipes(rank.folder.path)
    pipes.create()
    holder = tokens.Holder(pipes)
    with pytest.MonkeyPatch.context() as patched:
        training = replace(made_training(config, Pixels(), loader), other=second)
        patched.setattr(resident, "set_up", lambda *_: training)
        thread = threading.Thread(target=resident.run_rank, args=(rank,), daemon=True)
        thread.start()
        assert holder.answer(20) == tokens.READY
        try:
            yield holder
        finally:
            if thread.is_alive():
                holder.give(tokens.END)
            thread.join(20)
    holder.close()


def played(rank: Rank, loader: Iterator[Batch], blocks: int, steps: int) -> SessionResult:
    """Blocks with a pause before each, in which the loader fills its queue."""
    with resident_side(rank, loader) as holder:
        for _ in range(blocks):
            time.sleep(5 * LOAD_S)
            holder.give(steps)
            assert holder.answer(20)
    return msgspec.msgpack.decode(rank.folder.result.read_bytes(), type=SessionResult)


def test_a_slow_loader_is_not_hidden_by_what_it_did_in_the_pause(tmp_path: Path) -> None:
    config = made_config(data=FACTS, pixels="fp32", pipeline="dali", warm_up=3)
    found = played(made_rank(tmp_path, config), SlowLoader(), blocks=3, steps=3)
    (samples,) = found.samples
    assert len(samples.step_ns) == 9
    # Each counted step waits for its batch, less the few ms in which it computed. Together, as
    # on a busy machine one step's batch may be made while the step before it is held up.
    assert sum(samples.step_ns) > 9 * 0.5 * LOAD_S * 1e9
    assert sum(samples.data_wait_ns) > 9 * 0.5 * LOAD_S * 1e9


def test_no_batch_is_thrown_away_where_nothing_is_made_in_advance(tmp_path: Path) -> None:
    config = made_config(warm_up=3)
    loader = SlowLoader()
    played(made_rank(tmp_path, config), loader, blocks=2, steps=4)
    assert loader.taken == 3 + 2 * (1 + 4)


@pytest.mark.parametrize(
    ("device", "decode", "ready"),
    [
        ("cpu", "cpu", PREFETCHED + 1 + CROPS_AHEAD),
        ("cuda", "cpu", PREFETCHED),
        ("cuda", "mixed", PREFETCHED),
    ],
)
def test_batches_that_a_loader_keeps_ready(device: str, decode: str, ready: int) -> None:
    config = made_config(data=FACTS, pixels="fp32", pipeline="dali")
    assert most_ready(msgspec.structs.replace(config, device=device, decode=decode)) == ready
    assert most_ready(made_config()) == 0
    processes = made_config(data=FACTS, pipeline="torchvision", loader_threads=3)
    assert most_ready(processes) == 3 * PREFETCHED


def test_cores_are_counted_over_all_steps_of_a_block(tmp_path: Path) -> None:
    """The dropped step takes as long as the others: with two counted ones, a third of all."""
    config = made_config(data=FACTS, pixels="fp32", pipeline="dali", warm_up=3)
    found = played(made_rank(tmp_path, config), SlowLoader(), blocks=2, steps=2)
    (samples,), (facts,) = found.samples, found.facts
    counted = sum(samples.step_ns) / 1e9
    assert 1.25 * counted < facts.counted_s < 2 * counted


def test_processes_that_it_has_started_are_waited_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []

    def busy_s(pids: list[int]) -> float:
        seen.append(pids)
        return time.monotonic()

    monkeypatch.setattr(resident, "running_s", busy_s)
    start = time.monotonic()
    with subprocess.Popen((sys.executable, "-S", "-c", "input()"), stdin=subprocess.PIPE) as loader:
        resident.settle(0.05)
    assert time.monotonic() - start >= 0.05
    assert {os.getpid(), loader.pid} <= set(seen[0])


def test_a_process_that_works_on_is_waited_for_but_not_for_ever() -> None:
    end = threading.Event()
    worker = threading.Thread(target=lambda: all(not end.is_set() for _ in iter(int, 1)))
    worker.start()
    start = time.monotonic()
    resident.settle(0.3)
    waited_s = time.monotonic() - start
    end.set()
    worker.join()
    assert waited_s >= 0.3
    start = time.process_time()
    resident.settle(60)
    assert time.process_time() - start < 1, "idle, so not waited for"


def test_two_batches_a_step_are_taken_and_nothing_is_kept(tmp_path: Path) -> None:
    config = made_config(data=FACTS, pixels="fp32", pipeline="dali", warm_up=3)
    rank, loader = made_rank(tmp_path, config), SlowLoader()
    with resident_side(rank, loader) as holder:
        holder.give(4)
        one = holder.answer(20)
        taken = loader.taken
        holder.give(tokens.DOUBLE + tokens.FULL + 4)
        two = holder.answer(20)
        assert loader.taken - taken == 2 * (1 + 4)
        holder.give(5)
        assert holder.answer(20)
    assert one
    assert two
    assert two > 1.4 * one, "each step waits for two batches"
    found = msgspec.msgpack.decode(rank.folder.result.read_bytes(), type=SessionResult)
    assert len(found.samples[0].step_ns) == 4 + 5


def test_a_last_block_of_another_kind_has_room(tmp_path: Path) -> None:
    config = made_config(data=FACTS, pixels="fp32", pipeline="dali", warm_up=3)
    rank = made_rank(tmp_path, config, room=2 * (1 + 4))
    with resident_side(rank, SlowLoader()) as holder:
        for token in (4, tokens.DOUBLE + 4):
            holder.give(token)
            assert holder.answer(20)


def test_a_block_beside_a_loader_is_as_long_as_its_batches_take(tmp_path: Path) -> None:
    """Its shortest step is one for which a batch was ready."""
    config = made_config(data=FACTS, pixels="fp32", pipeline="torchvision", warm_up=16)
    with built_side(made_rank(tmp_path, config), in_bursts()) as holder:
        holder.give(tokens.WARM_UP)
        assert (holder.answer(20) or 0) > 0.9 * LOAD_S * 1e9
        holder.give(1)
        assert holder.answer(20)


def test_batches_of_a_second_loader(tmp_path: Path) -> None:
    config = made_config(data=FACTS, pixels="fp32", pipeline="torchvision", warm_up=3)
    rank, loader, second = made_rank(tmp_path, config), SlowLoader(), SlowLoader()
    rank = replace(rank, job=msgspec.structs.replace(rank.job, other_threads=3))
    with resident_side(rank, loader, second) as holder:
        holder.give(4)
        assert holder.answer(20)
        taken = loader.taken
        holder.give(tokens.OTHER + 4)
        assert holder.answer(20)
        assert loader.taken == taken
        ready = 3 * PREFETCHED  # of three processes, and thrown away
        assert second.taken == ready + 1 + 4
    found = msgspec.msgpack.decode(rank.folder.result.read_bytes(), type=SessionResult)
    assert len(found.samples[0].step_ns) == 4


def test_a_full_queue_stays_where_the_token_says_so(tmp_path: Path) -> None:
    """As many batches are taken as there are steps."""
    config = made_config(data=FACTS, pixels="fp32", pipeline="dali", warm_up=3)
    loader = SlowLoader()
    with resident_side(made_rank(tmp_path, config), loader) as holder:
        taken = loader.taken
        for token, more in ((tokens.FULL + 3, 0), (3, most_ready(config))):
            holder.give(token)
            assert holder.answer(20)
            assert loader.taken - taken == 1 + 3 + more
            taken = loader.taken


def test_profiled_steps_are_no_block(tmp_path: Path) -> None:
    """The trace has as many steps as asked for, and what was measured goes on without them."""
    made = made_rank(tmp_path / "run" / "session-1", made_config(warm_up=3))
    job = msgspec.structs.replace(made.job, root=str(tmp_path), run_id="run")
    rank = Rank(folder=made.folder, job=job, place=made.place, rank=0, file=made.file)
    with resident_side(rank, SlowLoader()) as holder:
        for token in (2, 3 + tokens.PROFILE, 2):
            holder.give(token)
            took = holder.answer(20)
            assert took
    found = msgspec.msgpack.decode(rank.folder.result.read_bytes(), type=SessionResult)
    (samples,), (facts,) = found.samples, found.facts
    assert len(samples.step_ns) == 4
    assert facts.profiled
    assert facts.profiled.steps == 3
    trace = Path(facts.profiled.trace)
    assert trace.parent == tmp_path / "run" / "profile"
    with gzip.open(trace) as file:
        names = [one.get("name", "") for one in json.load(file)["traceEvents"]]
    assert sum(one.startswith("ProfilerStep#") for one in names) == 3
    assert facts.start_up_s["profiled"] > 0
