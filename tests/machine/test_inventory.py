"""What a process may use of its machine."""

from pathlib import Path

import pytest

from resnext_bench.machine import inventory
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.facts import GpuFacts
from resnext_bench.machine.gpu.stock import Stock
from resnext_bench.machine.host import sources
from resnext_bench.machine.inventory import Gpu, inspect, parse_cpu_list
from tests.machine.recorded_nvml import RecordedNvml, lost_at


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0\n", [0]),
        ("0-2,8\n", [0, 1, 2, 8]),
        ("0,64", [0, 64]),
        ("3-3,5-6", [3, 5, 6]),
        ("10-12,110-112", [10, 11, 12, 110, 111, 112]),
    ],
)
def test_the_kernels_lists(text: str, cpus: list[int]) -> None:
    assert parse_cpu_list(text) == cpus


class Kernel:
    """Stands for Path: files of /sys and /proc by name, the others absent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self._root = tmp_path
        monkeypatch.setattr(inventory, "Path", self)
        monkeypatch.setattr(sources, "Path", self)
        self.write("/proc/self/cgroup", "0::/\n")
        self.write("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
        monkeypatch.setattr(inventory, "take_stock", lambda device: Stock())

    def __call__(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def write(self, path: str, text: str) -> None:
        target = self(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    """A kernel that lets this process run on CPUs 0 to 7."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    return Kernel(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("content", "cores"),
    [
        (None, 8),
        ("max 100000\n", 8),
        ("800000 100000\n", 8),
        ("400000 100000\n", 4),
        ("399999 100000\n", 3),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
        ("12800000 100000\n", 8),
        ("nonsense", 8),
    ],
)
def test_a_containers_quota(kernel: Kernel, content: str | None, cores: int) -> None:
    if content:
        kernel.write("/sys/fs/cgroup/cpu.max", content)
    machine = inspect()
    assert machine.usable_cores == cores
    assert machine.cores == tuple(range(8))


def siblings(kernel: Kernel, cpu: int, text: str) -> None:
    kernel.write(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", text)


def test_siblings_stand_side_by_side(kernel: Kernel) -> None:
    for cpu in range(8):
        siblings(kernel, cpu, f"{cpu % 4},{cpu % 4 + 4}\n")
    machine = inspect()
    assert machine.cores == (0, 4, 1, 5, 2, 6, 3, 7)
    assert machine.physical_cores == 4


def test_siblings_outside_the_mask_do_not_count(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {2, 3})
    for cpu in (2, 3):
        siblings(kernel, cpu, f"{cpu},{cpu + 4}\n")
    machine = inspect()
    assert (machine.cores, machine.physical_cores, machine.usable_cores) == ((2, 3), 2, 2)


def test_without_topology_each_cpu_is_a_core(kernel: Kernel) -> None:
    assert inspect().physical_cores == 8


def test_the_processors_name(kernel: Kernel) -> None:
    kernel.write("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Example CPU @ 2.5GHz\nx: y\n")
    assert inspect().cpu_name == "Example CPU @ 2.5GHz"


def test_a_processor_without_a_name(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert inspect().cpu_name == "aarch64"
    kernel.write("/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert inspect().cpu_name == "aarch64"


def test_gpus_are_numbered_as_the_program_sees_them(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (
        GpuFacts(name="Example GPU", memory_gib=15.9, capability=(7, 5)),
        GpuFacts(name="Other GPU", memory_gib=80.0, capability=(8, 0)),
    )
    monkeypatch.setattr(inventory, "take_stock", lambda device: Stock(gpus=found))
    first, second = inspect().gpus
    assert first == Gpu(index=0, name="Example GPU", memory_gib=15.9, capability=(7, 5))
    assert (second.index, first.has_bf16, second.has_bf16) == (1, False, True)


def test_this_machine_can_be_inspected() -> None:
    machine = inspect()
    assert 1 <= machine.usable_cores <= len(machine.cores)
    assert 1 <= machine.physical_cores <= len(machine.cores)
    assert machine.memory_gib > 0
    assert machine.cpu_name


def test_a_gpu_that_does_not_respond_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost since an earlier run: whoever trains on a GPU is told, whoever does not is not."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    library = RecordedNvml(lost_at(0.0, gpu=1))
    monkeypatch.setattr(nvml, "session", library.session)
    machine = inspect()
    assert [gpu.index for gpu in machine.gpus] == [0]
    assert [gpu.lost for gpu in machine.stock.lost] == ["GPU is lost"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert [gpu.name for gpu in inspect().gpus] == ["NVIDIA H200"]
    assert not inspect().stock.lost
