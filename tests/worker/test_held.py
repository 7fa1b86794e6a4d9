"""No batch is dropped before the device has read it."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from resnext_bench import tokens
from resnext_bench.job import MOST_HELD
from resnext_bench.rankfile import RankFile
from resnext_bench.worker import resident
from resnext_bench.worker.clock import CudaClock, HostClock, Marker
from resnext_bench.worker.held import Held
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.profile import WAIT, WARM_UP, Parts
from resnext_bench.worker.training import Training
from resnext_bench.worker.witness import Witness
from tests.worker.made_cuda import GPU, LentBatches, MadeCuda, Reader
from tests.worker.made_training import CPU, made_config, made_rank_file, made_training
from tests.worker.test_resident import FACTS, made_rank, resident_side

STEPS = 30
LAGS = (0, 1, 3, MOST_HELD - 1, 3 * MOST_HELD)
"""Steps that the device is behind the host; a loop that holds batches lets it be no more than
MOST_HELD."""


@pytest.fixture(params=LAGS)
def cuda(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MadeCuda:
    return MadeCuda(lag=request.param).install(monkeypatch)


def rank_file(folder: Path) -> RankFile:
    return made_rank_file(folder, made_config(warm_up=1, steps=STEPS - 1))


def trained(batches: LentBatches, clock: Marker, *parts: int) -> None:
    """Train in parts, as a warm-up and a window are."""
    config = made_config(warm_up=1, steps=STEPS - 1)
    training = made_training(config, Reader(batches), batches)
    witness, done = Witness(STEPS, CPU), 0
    for steps in parts:
        run_steps(training, clock, witness, done, steps)
        done += steps


def test_every_batch_is_there_when_the_device_reads_it(tmp_path: Path, cuda: MadeCuda) -> None:
    batches = LentBatches(cuda)
    clock = CudaClock(rank_file(tmp_path), GPU)
    trained(batches, clock, 3, STEPS - 3)
    clock.stop_window()
    assert len(batches.read) == STEPS
    assert batches.read == batches.wanted


def test_batches_that_are_held_are_bounded_and_dropped_at_the_end(
    tmp_path: Path, cuda: MadeCuda
) -> None:
    batches = LentBatches(cuda)
    clock = CudaClock(rank_file(tmp_path), GPU)
    clock.start_window()
    trained(batches, clock, STEPS)
    assert cuda.lag is not None
    # Besides those held there are the one in training, and the next.
    assert batches.most_lent <= min(cuda.lag + 1, MOST_HELD) + 2
    clock.stop_window()
    assert batches.lent == 0


@pytest.mark.parametrize("lag", LAGS[1:])
def test_the_made_pipeline_finds_a_loop_that_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    cuda = MadeCuda(lag).install(monkeypatch)
    batches = LentBatches(cuda)
    trained(batches, HostClock(rank_file(tmp_path)), STEPS)
    cuda.drain()
    assert batches.read != batches.wanted


def test_the_profiled_pass_holds_them_too(cuda: MadeCuda) -> None:
    steps = WAIT + WARM_UP + 20
    batches = LentBatches(cuda)
    profiler: Any = SimpleNamespace(step=lambda: None)
    with Parts(profiler, GPU, steps) as parts:
        trained(batches, parts, steps)
    assert batches.read == batches.wanted == list(range(steps))
    assert batches.lent == 0


@pytest.mark.parametrize("token", [0, tokens.FULL, tokens.DOUBLE, tokens.OTHER])
def test_a_side_that_takes_turns_holds_them_and_keeps_none_in_its_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: int
) -> None:
    """Those of a second loader, too; and batches that are thrown away are nobody's."""
    cuda = MadeCuda(lag=3).install(monkeypatch)
    batches, second = LentBatches(cuda), LentBatches(cuda)
    reader = Reader(batches)
    monkeypatch.setattr("tests.worker.test_resident.Pixels", lambda: reader)
    monkeypatch.setattr(resident, "clock_for", lambda _, file, window: CudaClock(file, GPU, window))
    config = made_config(data=FACTS, pixels="fp32", pipeline="dali", warm_up=4)
    rank = made_rank(tmp_path, config)
    rank = replace(rank, job=msgspec.structs.replace(rank.job, other_threads=1))
    monkeypatch.setattr(resident, "SETTLE_LOADER_S", 0.0)
    with resident_side(rank, batches, second) as holder:
        for one in (4, token + 4, 4):
            reader._batches = second if one & tokens.OTHER else batches
            holder.give(one)
            assert holder.answer(20)
            assert (batches.lent, second.lent) == (0, 0)
    for loader in (batches, second):
        assert loader.read == loader.wanted


def test_what_was_handed_out_is_held_and_not_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy to the device is queued like a kernel, and reads memory on the host later."""
    cuda = MadeCuda(lag=2).install(monkeypatch)
    held: list[torch.device] = []
    monkeypatch.setattr(Held, "keep", lambda self, batch, used: held.append(batch[0].device))
    device = torch.device("meta")
    config = made_config(warm_up=1, steps=STEPS - 1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 1000)).to(device)
    training = replace(
        made_training(config, network, LentBatches(cuda)),
        device=device,
        criterion=lambda output, labels: output.sum(),
    )
    monkeypatch.setattr(Training, "autocast", lambda self: nullcontext())
    run_steps(training, CudaClock(rank_file(tmp_path), GPU), Witness(STEPS, device), 0, 5)
    assert held == 5 * [CPU]
