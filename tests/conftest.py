"""For all tests: one thread each, as several run at once, and a data cache of their own."""

import os
import signal

# A shell starts its background jobs with SIGINT ignored, which programs under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Before torch is imported: two test processes with a thread for each core would fight for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from resnext_bench.config import memory
from resnext_bench.machine import lock
from resnext_bench.machine.doctor import look
from resnext_bench.machine.host.memory import SharedMemory

THOROUGH = (
    *("pipelines", "worker", "gpu", "resnext/modules", "resnext/test_memory.py"),
    *(
        "lab",
        "reports/stats/test_steady.py",
        "reports/trace/repro",
        "cli/data/test_shared.py",
    ),
    *("resnext/test_flop_counter.py", "resnext/test_draw.py", "reports/trace/test_reading.py"),
)
"""Folders and files whose tests train, decode or simulate: `nox -s quick` leaves them out."""

# How long an example takes says nothing about whether it is right, and other tests run beside it.
settings.register_profile("all", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=15)
settings.load_profile("all")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long by where it lies, put it first, and see that no command leaves any out.

    `nox -s tests` looks for tests that start processes in tests/system alone.
    """
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(THOROUGH):
            item.add_marker("thorough")
        if place.startswith("rehearsal/"):
            item.add_marker("rehearsal")
        marks = {mark.name for mark in item.iter_markers()}
        elsewhere = {"slow", "gpu", "rehearsal"}
        if "system" in marks and not marks & elsewhere and not place.startswith("system/"):
            raise pytest.UsageError(f"{item.nodeid} starts processes: move it to tests/system")
    items.sort(key=lambda item: "thorough" not in item.keywords)  # stable


@pytest.fixture(scope="session")
def _made_data(request: pytest.FixtureRequest) -> Path:
    """Return where the made data set is kept from one test run to the next."""
    return Path(request.config.cache.mkdir("made-data"))


@pytest.fixture(autouse=True)
def _own_cache(_made_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The made data set is made once for all test runs, not in the user's own cache."""
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", str(_made_data))
    for name in ("RESNEXT_BENCH_RUNS", "RESNEXT_BENCH_DEBUG"):
        monkeypatch.delenv(name, raising=False)


_NUMBERS = count()


@pytest.fixture(autouse=True)
def _own_lock(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Tests that measure nothing wait for no measurement on this machine, nor for one another."""
    if "system" not in request.keywords:
        file = tmp_path_factory.getbasetemp() / f"{next(_NUMBERS)}.lock"
        monkeypatch.setattr(lock, "LOCK", file)


@pytest.fixture(autouse=True)
def _ample_shared_memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is decided about made machines does not hang on how large /dev/shm is here."""
    if "system" not in request.keywords:
        ample = SharedMemory(total=None, free=0)
        monkeypatch.setattr(memory, "shared_memory", lambda: ample)


@pytest.fixture(autouse=True)
def _short_look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured in tests is worth nothing, so no half second is spent on a look before."""
    if "system" not in request.keywords:
        monkeypatch.setattr(look, "LEAST_S", 0.0)
