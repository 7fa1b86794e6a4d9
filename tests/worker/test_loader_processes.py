"""Loader processes that fail: none in silence, and each with its cause."""

import os
import threading
import time
from pathlib import Path

import msgspec
import pytest
from torch.utils.data import DataLoader, Dataset

from resnext_bench.config.resolve import DataFacts
from resnext_bench.job import Job, RankError, SessionFolder
from resnext_bench.launch.topology import place_ranks
from resnext_bench.machine.host.memory import SharedMemory
from resnext_bench.worker import loader_processes
from tests.worker.made_training import LAPTOP, made_config

FULL = RuntimeError(
    "unable to allocate shared memory(shm) for file </torch_7_1>: No space left on device (28)"
)


class Batches(Dataset[object]):
    """A batch that is lost on its way, or a thread of its loader that fails."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __getitem__(self, index: int) -> object:
        if self.how == "queue":
            return _Unsendable()
        if self.how == "thread":
            _failing_thread()
            time.sleep(60)
        return index


class _Unsendable:
    def __reduce__(self) -> str:
        raise FULL


def _failing_thread() -> None:
    def fail() -> None:
        raise OSError(24, "Too many open files")

    threading.Thread(target=fail).start()


@pytest.fixture
def job() -> Job:
    data = DataFacts(root="/images", classes=2, made=False)
    config = made_config(data, pipeline="torchvision", loader_threads=1)
    return Job(
        run_id="made",
        session=1,
        config=config,
        topology=place_ranks(config, LAPTOP),
        images=None,
        timeout_s=1.0,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionFolder:
    found = SessionFolder(tmp_path)
    found.ranks.mkdir()
    full = SharedMemory(total=2**16, free=0)
    monkeypatch.setattr(loader_processes, "shared_memory", lambda: full)
    return found


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("queue", "shared_memory"),
        ("thread", "error"),
    ],
)
def test_what_ends_a_thread_ends_the_run(
    job: Job, folder: SessionFolder, how: str, cause: str
) -> None:
    loader = DataLoader(
        Batches(how),
        batch_size=None,
        sampler=[0, 1],
        num_workers=1,
        timeout=30,  # or a batch that is lost would be waited for without end
        multiprocessing_context="fork",
        worker_init_fn=lambda _: loader_processes.beginner(job, folder, 0)(),
    )
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="DataLoader worker"):
        next(iter(loader))
    assert time.monotonic() - start < 20
    found = msgspec.json.decode(folder.loader_error_file(0).read_bytes(), type=RankError)
    assert (found.rank, found.kind, found.cause) == (0, "", cause)
    assert found.message


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (FULL, True),
        (OSError(28, os.strerror(28)), True),
        (RuntimeError("unable to open shared memory object </torch_1> in read-write mode"), True),
        (OSError(24, os.strerror(24)), False),
        (ValueError("no such picture"), False),
    ],
)
def test_errors_about_shared_memory(
    job: Job, folder: SessionFolder, error: Exception, is_told: bool
) -> None:
    told = loader_processes.of_shared_memory(job, error)
    assert bool(told) is is_told
    assert not told or "make /dev/shm larger" in told
