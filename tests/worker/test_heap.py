"""How much room is made on the heap."""

import pytest

from resnext_bench.launch.commands import KEEP_MEMORY
from resnext_bench.worker import heap
from resnext_bench.worker.heap import make_room


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEEP_MEMORY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(heap, "free_memory_gib", lambda: 16 * 1e6 / 2**30)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("parameters", "size"), [(1000, 10_000), (10**9, 10**6)])
def test_twice_the_parameters_a_step_within_an_eighth_of_what_is_free(
    parameters: int, size: int
) -> None:
    assert make_room(parameters, 5) == size


@pytest.mark.parametrize("name", list(KEEP_MEMORY))
@pytest.mark.usefixtures("kept")
def test_none_where_the_heap_keeps_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    assert make_room(1000, 5) == 0
