"""What memory or /dev/shm cannot hold is refused before it is tried, with advice."""

import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.config import memory as module
from resnext_bench.config.memory import (
    Demand,
    NoMemory,
    NoSharedMemory,
    demand_of,
    full_words,
    lack_for,
    require_memory,
    require_room_for_sockets,
)
from resnext_bench.config.resolve import DataFacts, resolve
from resnext_bench.errors import CannotHere
from resnext_bench.launch.topology import place_ranks
from resnext_bench.machine.host.memory import SharedMemory, shared_memory
from resnext_bench.machine.inventory import Gpu, Machine
from resnext_bench.reports.figures.cost import predicted_memory
from resnext_bench.reports.schema.config import Option, RunConfig
from tests.machine.made_machines import made_machine
from tests.machine.made_members import made_member
from tests.reports.made_results import made_config
from tests.worker.made_training import LAPTOP
from tests.worker.made_training import made_config as training_config

MIB = 2**20
LARGE: dict[str, Option] = {"model": "resnext50_32x4d", "image_size": 224}
DATA = DataFacts(root="/images", classes=10, made=False)
CPUS, GPUS = made_machine(cores=8), made_machine(cores=64, gpus=4)


def there(total: int, free: int | None = None) -> SharedMemory:
    return SharedMemory(total=total, free=total if free is None else free)


def config_of(found: Machine = CPUS, **options: Any) -> RunConfig:
    asked = {"pipeline": "torchvision", "image_size": 224, "loader_threads": 2, "prefetch": 3}
    return resolve(asked | {"batch_size": 96} | options, found, DATA).config


def demand(found: Machine = CPUS, **options: Any) -> Demand:
    config = config_of(found, **options)
    asked = demand_of(config, config.world_size)
    assert asked
    return asked


def test_on_a_cpu_all_that_were_ordered_and_the_one_in_use() -> None:
    asked = demand()
    assert (asked.batches, asked.batch_bytes) == (2 * 3 + 1, 96 * 3 * 224**2 + 4096)
    assert demand(pixels="fp32").batches == 2 * 3
    assert demand(nodes=2).loaders == 2


def test_a_small_batch_is_made_before_the_one_before_it_is_let_go() -> None:
    assert demand(batch_size=2).batches == 2 * 3 + 2


def test_on_a_gpu_a_batch_of_each_process() -> None:
    assert demand(GPUS, nproc_per_node=1).batches == 2


@pytest.mark.parametrize("pipeline", ["dali", "synthetic"])
def test_other_pipelines_ask_for_none(pipeline: str) -> None:
    assert demand_of(made_config(pipeline=pipeline), 8) is None
    assert lack_for([], there(0)) == ""


def test_what_fits_is_not_refused() -> None:
    asked = demand()
    assert lack_for([asked], there(asked.total_bytes)) == ""
    assert lack_for([asked], SharedMemory(total=None, free=0)) == ""
    assert lack_for([asked], there(asked.total_bytes - 1))


def test_dockers_default() -> None:
    assert lack_for([demand()], there(64 * MIB)) == (
        "shared memory is too small: /dev/shm has 64 MiB, all of it free, and (2 loader processes x"
        " --prefetch 3 + 1 in use) batches of 13.8 MiB need 96.6 MiB; make /dev/shm larger (a "
        "container: --shm-size=128m; else mount -o remount,size=128m /dev/shm), or "
        "--loader-threads 1, or --prefetch 1"
    )


@pytest.mark.parametrize(
    ("options", "total", "advice"),
    [
        ({"loader_threads": 4, "prefetch": 2}, 96 * MIB, ["--loader-threads 2", "--prefetch 1"]),
        ({"loader_threads": 8}, 64 * MIB, ["--loader-threads 1"]),
        ({"loader_threads": 1, "prefetch": 9}, 64 * MIB, ["--prefetch 3"]),
        ({"loader_threads": 4}, 32 * MIB, ["--loader-threads 1 with --prefetch 1"]),
        (
            {"loader_threads": 4},
            8 * MIB,
            ["--batch-size 27 with --loader-threads 1 and --prefetch 1", "another --pipeline"],
        ),
        ({}, 64 * 1024, ["another --pipeline"]),
    ],
    ids=str,
)
def test_what_is_advised_fits(options: dict[str, Any], total: int, advice: list[str]) -> None:
    told = lack_for([demand(**options)], there(total))
    assert told.partition(" /dev/shm), or ")[2].split(", or ") == advice
    named = {"loader-threads": "loader_threads", "batch-size": "batch_size"}
    for first in advice:
        pairs = first.replace(" with", "").replace(" and", "").split()
        given = dict(zip(pairs[::2], pairs[1::2], strict=True))
        changed = {
            named.get(name[2:], name[2:]): int(value)
            for name, value in given.items()
            if name.startswith("--")
        }
        if changed:
            assert lack_for([demand(**(options | changed))], there(total)) == ""


def test_what_others_hold_is_added_to_the_size_that_is_advised() -> None:
    told = lack_for([demand()], there(256 * MIB, free=16 * MIB))
    assert "/dev/shm has 256 MiB, 16 MiB free" in told
    assert "--shm-size=512m" in told


def test_several_sides_are_added_up() -> None:
    told = lack_for([demand()] * 3, there(200 * MIB))
    assert "3 sides at once with 21 batches in flight need 290 MiB" in told
    assert told.endswith("or lower --loader-threads, --prefetch or --batch-size")


@pytest.mark.parametrize(
    ("size", "needed"),
    [
        (64 * MIB, "may need 96.6 MiB: make /dev/shm larger"),
        (128 * MIB, "so other processes have filled it"),
    ],
)
def test_a_loader_that_finds_no_room(size: int, needed: str) -> None:
    told = full_words(demand(), there(size, free=0), "No space left on device")
    assert told.startswith("shared memory is full: /dev/shm has ")
    assert "0 KiB free (No space left on device); " in told
    assert needed in told


def test_a_run_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "shared_memory", lambda: there(64 * MIB))
    with pytest.raises(NoSharedMemory, match=r"^--pipeline torchvision: shared memory is too sm"):
        config_of()
    assert config_of(pipeline="dali").pipeline == "dali"
    assert config_of(prefetch=1).prefetch == 1


def test_ranks_that_others_started_are_those_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of four batches of 13.8 MiB would fit, and four do not."""
    monkeypatch.setattr(module, "shared_memory", lambda: there(64 * MIB))
    request = {"pipeline": "torchvision", "image_size": 224, "batch_size": 96, "prefetch": 1}
    member = made_member(world=8, each=4)
    with pytest.raises(NoSharedMemory, match="4 ranks x "):
        resolve(request | {"loader_threads": 1}, CPUS, DATA, member)


def test_where_nothing_can_be_shared(tmp_path: Path) -> None:
    told = lack_for([demand()], shared_memory(tmp_path / "shm"))
    assert told.startswith(
        f"{tmp_path / 'shm'} is missing, but loader processes hand over their batches"
    )
    assert "mount -t tmpfs" in told


@pytest.mark.parametrize(("long", "allowed"), [(75, True), (76, False)])
def test_a_folder_too_long_for_sockets(
    monkeypatch: pytest.MonkeyPatch, long: int, allowed: bool
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as root, socket.socket(socket.AF_UNIX) as made:
        folder = Path(root) / ("x" * (long - len(root) - 1))
        (folder / "pymp-12345678").mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        path = f"{folder}/pymp-12345678/listener-12345678"
        if allowed:
            made.bind(path)
            require_room_for_sockets()
            return
        with pytest.raises(OSError, match="too long"):
            made.bind(path)
        with pytest.raises(
            CannotHere, match=r"TMPDIR is 76 bytes long .* allow at most 75; set a shorter"
        ):
            require_room_for_sockets()


def require(gib: float, **options: Option) -> None:
    config = training_config(None, **LARGE, **options)
    machine = replace(LAPTOP, memory_gib=gib)
    require_memory(config, place_ranks(config, machine), machine)


def test_tensors_beyond_all_memory_are_refused() -> None:
    memory = predicted_memory(training_config(None, **LARGE, batch_size=64))
    assert memory is not None
    needed = memory.peak / 2**30
    require(needed + 0.1, batch_size=64)
    with pytest.raises(NoMemory) as refused:
        require(needed - 0.1, batch_size=64)
    assert str(refused.value) == (
        f"--batch-size 64 of 224 x 224: the tensors of a rank need {needed:.1f} GiB by "
        f"calculation, but this machine has {needed - 0.1:.1f}; give a smaller batch, or "
        "--batch-size auto"
    )


def test_all_ranks_of_a_host_count() -> None:
    with pytest.raises(NoMemory, match=r"the tensors of 2 ranks need 1\d\.\d GiB"):
        require(9.0, batch_size=64, nodes=2)


def test_of_a_gpu_its_own_memory_counts() -> None:
    config = training_config(None, **LARGE, batch_size=64)
    gpu = Gpu(index=0, name="small", memory_gib=4.0, capability=(8, 0))
    machine = replace(LAPTOP, gpus=(gpu,))
    config = msgspec.structs.replace(config, device="cuda")
    with pytest.raises(NoMemory, match=r"but the GPU has 4\.0"):
        require_memory(config, place_ranks(config, machine), machine)


def test_nothing_is_asked_of_networks_of_others() -> None:
    config = training_config(None, model="torchvision:resnet18", batch_size=100_000)
    require_memory(config, place_ranks(config, LAPTOP), LAPTOP)
