"""Which calls to CUDA the timed steps make, and in which order: all others fail these tests."""

from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from resnext_bench.job import MOST_HELD
from resnext_bench.rankfile import Mark, Phase
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker import evidence, resident, session
from resnext_bench.worker.clock import CudaClock, columns
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.profile import WAIT, WARM_UP, Parts
from resnext_bench.worker.witness import Witness
from tests.worker.made_cuda import GPU, MadeCuda
from tests.worker.made_training import CPU, made_config, made_rank_file, made_training
from tests.worker.test_resident import made_rank, resident_side

STEPS = 6
RECORD, QUERY = "event.record", "event.query"
BEFORE_HOLDING = [RECORD] * (Mark.BACKWARD + 1)
AFTER = [RECORD] * (len(Mark) - Mark.BACKWARD - 1)
AHEAD = [*BEFORE_HOLDING, QUERY, *AFTER]
"""A step of a host that is ahead: an event for each mark, and one question, answered with no."""


class HostReads(TorchDispatchMode):
    """Writes down every operation whose result, or its shape, the host has to wait for."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._calls = calls

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        waits = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
        if waits & set(func.tags):
            self._calls.append(str(func))
        return func(*args, **(kwargs or {}))


def steps_of(cuda: MadeCuda, folder: Path, config: RunConfig, steps: int) -> list[str]:
    """The calls of some timed steps, between the start of the window and its end."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 1000))
    training = made_training(config, network)
    clock = CudaClock(made_rank_file(folder, config), GPU)
    clock.start_window()
    cuda.calls.clear()
    with HostReads(cuda.calls):
        run_steps(training, clock, Witness(steps, CPU), 0, steps)
    found = list(cuda.calls)
    cuda.calls.clear()
    clock.stop_window()
    assert cuda.calls == ["synchronize"]
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"amp_dtype": "bf16"},
        {"fused_optimizer": True},
        {"optimizer": "adamw", "fused_optimizer": True},
    ],
    ids=str,
)
def test_a_step_records_events_and_asks_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    cuda = MadeCuda().install(monkeypatch)
    config = made_config(warm_up=1, steps=STEPS, **options)
    assert steps_of(cuda, tmp_path, config, STEPS) == STEPS * AHEAD


def test_a_device_that_keeps_up_answers_with_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = MadeCuda(lag=0).install(monkeypatch)
    config = made_config(warm_up=1, steps=STEPS)
    assert steps_of(cuda, tmp_path, config, STEPS) == STEPS * AHEAD


def test_a_host_that_is_far_ahead_waits_for_the_oldest_step_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sooner than it is MOST_HELD steps ahead, and never until the device has nothing to do."""
    cuda = MadeCuda().install(monkeypatch)
    more = 3
    config = made_config(warm_up=1, steps=MOST_HELD + more)
    found = steps_of(cuda, tmp_path, config, MOST_HELD + more)
    waiting = [*BEFORE_HOLDING, "event.synchronize", QUERY, QUERY, *AFTER]
    assert found == MOST_HELD * AHEAD + more * waiting


def test_a_host_read_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a value, of a shape that depends on values, and calls that nobody expects."""
    cuda = MadeCuda().install(monkeypatch)
    with HostReads(cuda.calls):
        torch.ones(2).sum().item()
        torch.ones(2).nonzero()
        torch.cuda.Event().synchronize()
        torch.accelerator.is_available()
    assert cuda.calls == [
        "aten._local_scalar_dense.default",
        "aten.nonzero.default",
        "event.synchronize",
    ]


def test_the_window_of_a_run_begins_and_ends_with_a_synchronise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the end of the warm-up to the end of the window, with everything that is around."""
    cuda = MadeCuda().install(monkeypatch)
    config = made_config(warm_up=4, steps=STEPS)
    rank = made_rank(tmp_path, config)
    monkeypatch.setattr(session, "clock_for", lambda _, file: CudaClock(file, GPU))
    monkeypatch.setattr(evidence, "matmul_rate", lambda *_: None)  # long after the window
    monkeypatch.setattr(session, "reset_peak", lambda _: cuda.calls.clear())
    whole: list[list[str]] = []
    monkeypatch.setattr(session, "columns", _then(whole, cuda, columns))
    session.run_rank(rank)
    assert rank.file.phase is Phase.DONE
    assert whole == [["synchronize", RECORD, *STEPS * AHEAD, "synchronize"]]


def test_a_block_of_a_turn_begins_and_ends_with_a_synchronise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = MadeCuda().install(monkeypatch)
    monkeypatch.setattr(resident, "clock_for", lambda _, file, window: CudaClock(file, GPU, window))
    blocks: list[list[str]] = []
    config = made_config(warm_up=3)
    rank = made_rank(tmp_path, config)
    monkeypatch.setattr(resident, "columns", _then(blocks, cuda, columns))
    batch = (torch.randn(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64))
    with resident_side(rank, repeat(batch)) as holder:
        for _ in range(2):
            cuda.calls.clear()
            holder.give(4)
            assert holder.answer(20)
    window = ["synchronize", RECORD, *5 * AHEAD, "synchronize"]
    assert blocks[1:] == [window, window]


def _then(kept: list[list[str]], cuda: MadeCuda, read_times: Any) -> Any:
    """Keep the calls when the times are read, which is right after a window."""

    def read(*marks: Any) -> Any:
        kept.append(list(cuda.calls))
        return read_times(*marks)

    return read


@pytest.mark.parametrize("active", [1, 5])
def test_profiled_steps_are_drained_before_the_first_and_after_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, active: int
) -> None:
    cuda = MadeCuda().install(monkeypatch)
    steps = WAIT + WARM_UP + active
    config = made_config(warm_up=1, steps=steps)
    training = made_training(config, nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 1000)))
    profiler: Any = SimpleNamespace(step=lambda: cuda.calls.append("next step"))
    with Parts(profiler, GPU, steps) as parts, HostReads(cuda.calls):
        run_steps(training, parts, Witness(steps, CPU), 0, steps)
    one = [RECORD, QUERY]
    before = [*(WAIT + WARM_UP - 1) * [*one, "next step"], *one, "synchronize", "next step"]
    kept = [*(active - 1) * [*one, "next step"], *one, "synchronize", "next step"]
    assert cuda.calls == before + kept
    assert parts.kept_ms > 0
