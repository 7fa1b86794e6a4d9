"""Limits of control groups, of both versions, written by hand."""

from pathlib import Path

import pytest

from resnext_bench.machine.host.cgroup import (
    free_memory_gib,
    groups,
    quota_cores,
    throttled_periods,
)
from tests.machine.made_kernel import MadeKernel

GIB = 2**30


@pytest.fixture
def kernel(tmp_path: Path) -> MadeKernel:
    kernel = MadeKernel(tmp_path)
    kernel.remove("sys/fs/cgroup/**/*.*")
    kernel.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
    kernel.write("proc/self/cgroup", "0::/slice/job\n")
    return kernel


@pytest.fixture
def first(tmp_path: Path) -> MadeKernel:
    """Version 1, its controllers in folders of their own."""
    kernel = MadeKernel(tmp_path)
    kernel.remove("sys/fs/cgroup/**/*.*")
    kernel.write("proc/self/cgroup", "4:memory:/box\n3:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n")
    return kernel


@pytest.mark.parametrize(
    ("own", "above", "cores"),
    [
        ("max 100000", "max 100000", None),
        ("250000 100000", "max 100000", 2.5),
        ("max 100000", "150000 100000", 1.5),
        ("400000 100000", "50000 50000", 1.0),
        ("", "nonsense", None),
    ],
)
def test_the_tightest_quota_on_the_way_up(
    kernel: MadeKernel, own: str, above: str, cores: float | None
) -> None:
    kernel.write("sys/fs/cgroup/slice/job/cpu.max", f"{own}\n")
    kernel.write("sys/fs/cgroup/slice/cpu.max", f"{above}\n")
    assert quota_cores(kernel.sources()) == cores


@pytest.mark.parametrize("path", ["/not/mounted/here", "/../../outside"])
def test_a_container_sees_only_the_top(kernel: MadeKernel, path: str) -> None:
    kernel.write("proc/self/cgroup", f"0::{path}\n")
    kernel.write("sys/fs/cgroup/cpu.max", "300000 100000\n")
    assert quota_cores(kernel.sources()) == 3
    assert groups(kernel.sources(), "cpu") == [kernel.root / "sys/fs/cgroup"]


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("quota", "cores"), [("-1", None), ("150000", 1.5)])
def test_version_one(first: MadeKernel, folder: str, quota: str, cores: float | None) -> None:
    first.write(f"sys/fs/cgroup/{folder}/box/cpu.cfs_quota_us", f"{quota}\n")
    first.write(f"sys/fs/cgroup/{folder}/box/cpu.cfs_period_us", "100000\n")
    first.write(f"sys/fs/cgroup/{folder}/box/cpu.stat", "nr_periods 9\nnr_throttled 4\n")
    assert quota_cores(first.sources()) == cores
    assert throttled_periods(first.sources()) == 4


def test_throttling_of_groups_above_counts(kernel: MadeKernel) -> None:
    assert throttled_periods(kernel.sources()) is None
    kernel.write("sys/fs/cgroup/slice/job/cpu.stat", "nr_throttled 2\n")
    kernel.write("sys/fs/cgroup/slice/cpu.stat", "nr_throttled 5\n")
    kernel.write("sys/fs/cgroup/cpu.stat", "usage_usec 5\n")
    assert throttled_periods(kernel.sources()) == 7


@pytest.mark.parametrize(
    ("limit", "gib"),
    [("max", None), (str(8 * GIB), 6.0), (str(GIB), 0.0), (str(2**63 - 4096), None)],
)
def test_memory_left_below_a_limit(kernel: MadeKernel, limit: str, gib: float | None) -> None:
    kernel.write("sys/fs/cgroup/slice/memory.max", f"{limit}\n")
    kernel.write("sys/fs/cgroup/slice/memory.current", f"{3 * GIB}\n")
    kernel.write("sys/fs/cgroup/slice/memory.stat", f"inactive_file {GIB}\n")
    assert free_memory_gib(kernel.sources()) == gib


def test_memory_of_version_one(first: MadeKernel) -> None:
    first.write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", f"{4 * GIB}\n")
    first.write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", f"{3 * GIB}\n")
    first.write(
        "sys/fs/cgroup/memory/box/memory.stat", f"inactive_file 1\ntotal_inactive_file {GIB}\n"
    )
    first.write("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{2**63 - 4096}\n")
    first.write("sys/fs/cgroup/memory/memory.usage_in_bytes", f"{9 * GIB}\n")
    assert free_memory_gib(first.sources()) == 2


def test_no_control_groups(kernel: MadeKernel) -> None:
    kernel.remove("proc/self/cgroup")
    assert groups(kernel.sources(), "cpu") == []
    assert quota_cores(kernel.sources()) is None
    assert throttled_periods(kernel.sources()) is None
    assert free_memory_gib(kernel.sources()) is None
