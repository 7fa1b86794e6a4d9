"""Counters read twice, from a machine made by hand whose sample is what the test writes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from resnext_bench.machine.doctor.activity import sample
from resnext_bench.machine.doctor.findings import Activity
from resnext_bench.machine.host.sources import here
from tests.machine.made_kernel import PAGES_PER_MIB, PID, TICKS_PER_S, MadeKernel

SECOND = TICKS_PER_S


@pytest.fixture
def kernel(tmp_path: Path) -> MadeKernel:
    return MadeKernel(tmp_path)


@pytest.fixture
def watch(kernel: MadeKernel, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Activity]:
    """Samples one second, in which `meanwhile` happens and this process uses `own_s`."""
    clock = [0.0, 0.0]
    monkeypatch.setattr("resnext_bench.machine.doctor.activity.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("resnext_bench.machine.host.cores.time.process_time", lambda: clock[1])

    def run(
        meanwhile: Callable[[], object] = lambda: None,
        *,
        cores: tuple[int, ...] | None = None,
        own_s: float = 0.0,
    ) -> Activity:
        def sleep(seconds: float) -> None:
            meanwhile()
            clock[0] += seconds
            clock[1] += own_s

        return sample(kernel.sources(cores), 1.0, sleep)

    return run


def test_nothing_happens(watch: Callable[..., Activity]) -> None:
    found = watch()
    assert (found.seconds, found.foreign_percent, found.steal_percent) == (1.0, 0.0, 0.0)
    assert (found.swap_in_mib_s, found.swap_out_mib_s) == (0.0, 0.0)
    assert (found.throttled_periods, found.thermal_events) == (0, 0)
    assert found.pressure_percent == {"cpu": 0.0, "memory": 0.0, "io": 0.0}
    assert found.processes == ()


def test_load_and_steal_are_shares_of_our_cores(
    kernel: MadeKernel, watch: Callable[..., Activity]
) -> None:
    kernel.stat(busy=1000, steal=0)
    found = watch(lambda: kernel.stat(busy=1000 + SECOND // 2, steal=SECOND // 4))
    assert found.foreign_percent == pytest.approx(50)
    assert found.steal_percent == pytest.approx(25)


def test_our_own_use_is_nobodys_fault(kernel: MadeKernel, watch: Callable[..., Activity]) -> None:
    found = watch(lambda: kernel.stat(busy=1000 + SECOND // 2), own_s=1.5)
    assert found.foreign_percent == pytest.approx(100 * (4 * 0.5 - 1.5) / 4)
    assert watch(own_s=0.2).foreign_percent == 0


def test_steal_since_boot_is_of_the_busy_time(
    kernel: MadeKernel, watch: Callable[..., Activity]
) -> None:
    kernel.stat(busy=900, steal=100)
    assert watch().boot_steal_percent == pytest.approx(10)


def test_processes_by_use(kernel: MadeKernel, watch: Callable[..., Activity]) -> None:
    kernel.process(11, "idle", 500)
    kernel.process(12, "busy (all) day", 500)
    kernel.process(13, "ended", 5)
    kernel.process(PID, "ourselves", 0)
    kernel.process(15, "elsewhere", 0, core=3)
    kernel.process(16, "reused", 900, start=1)

    def meanwhile() -> None:
        kernel.process(12, "busy (all) day", 500 + SECOND)
        kernel.remove("proc/13/stat")
        kernel.process(14, "new\x1b[31m", SECOND // 2)
        kernel.process(PID, "ourselves", SECOND)
        kernel.process(15, "elsewhere", SECOND, core=3)
        kernel.process(16, "reused", SECOND // 4, start=2)  # another process by the same id

    found = watch(meanwhile, cores=(0, 1)).processes
    assert [(one.pid, round(one.core_percent)) for one in found] == [(12, 100), (14, 50), (16, 25)]
    assert [one.name for one in found] == ["busy (all) day", "new?[31m", "reused"]


def test_swap_traffic(kernel: MadeKernel, watch: Callable[..., Activity]) -> None:
    pages = f"pswpin {10 + 3 * PAGES_PER_MIB}\npswpout {20 + PAGES_PER_MIB}\n"
    found = watch(lambda: kernel.write("proc/vmstat", pages))
    assert (found.swap_in_mib_s, found.swap_out_mib_s) == (3, 1)


def test_quota_heat_and_pressure(kernel: MadeKernel, watch: Callable[..., Activity]) -> None:
    def meanwhile() -> None:
        kernel.write("sys/fs/cgroup/job/cpu.stat", "nr_throttled 8\n")
        kernel.write("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "2\n")
        kernel.per_core("thermal_throttle/package_throttle_count", "3\n")
        kernel.write("proc/pressure/io", "some avg10=0.00 total=200500\nfull total=9\n")

    found = watch(meanwhile)
    assert found.throttled_periods == 5
    assert (found.thermal_events, found.boot_thermal_events) == (5, 5)
    assert found.pressure_percent == {"cpu": 0.0, "memory": 0.0, "io": pytest.approx(20)}


def test_a_sandbox_that_counts_nothing(kernel: MadeKernel, watch: Callable[..., Activity]) -> None:
    kernel.stat(busy=0)
    assert watch().foreign_percent is None
    kernel.remove("proc/stat")
    assert watch().steal_percent is None


def test_a_kernel_without_counters(kernel: MadeKernel, watch: Callable[..., Activity]) -> None:
    for pattern in ("proc/vmstat", "proc/pressure/*", "sys/fs/cgroup/*/*", "sys/**/*_count"):
        kernel.remove(pattern)
    found = watch()
    assert (found.swap_in_mib_s, found.throttled_periods, found.thermal_events) == (None,) * 3
    assert found.pressure_percent == {}


def test_ids_are_those_of_the_kernel(kernel: MadeKernel, watch: Callable[..., Activity]) -> None:
    kernel.write("proc/99/stat", "")  # ended between listing and reading
    kernel.write("proc/98/stat", "98 (short) R 1 2")
    assert watch().processes == ()


def test_this_machine_can_be_sampled() -> None:
    found = sample(here(), 0.05)
    assert found.seconds >= 0.05
    assert os.getpid() not in [process.pid for process in found.processes]
