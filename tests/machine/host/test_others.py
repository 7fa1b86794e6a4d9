"""What others had of the cores: a made kernel, and the real one."""

import subprocess
import sys

import pytest

from resnext_bench.machine.host import others
from resnext_bench.machine.host.cores import CpuReading
from resnext_bench.machine.host.others import watch_others
from resnext_bench.machine.host.sources import here

BUSY = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"


def reading(busy_s: float, steal_s: float = 0.0) -> CpuReading:
    return CpuReading(process_s=0.0, busy_s=busy_s, steal_s=steal_s)


@pytest.mark.parametrize(
    ("busy_s", "steal_s", "ours_s", "percent"),
    [
        (8.0, 0.0, 8.0, 0),  # all of it was ours
        (10.0, 0.0, 8.0, 10),  # two of twenty core-seconds
        (8.0, 1.0, 8.0, 5),  # the hypervisor's
        (7.9, 0.0, 8.0, 0),  # ticks of 10 ms are coarse
    ],
)
def test_shares(
    busy_s: float, steal_s: float, ours_s: float, percent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cores for 10 s."""
    ours, clock = iter((1.0, 1.0 + ours_s)), iter((0.0, 10.0))
    readings = iter((reading(100.0, 5.0), reading(100.0 + busy_s, 5.0 + steal_s)))
    monkeypatch.setattr(others, "_ours_s", lambda: next(ours))
    found = watch_others((0, 1), lambda cores: next(readings), lambda: next(clock))
    assert found() == pytest.approx(percent)


def test_a_program_with_children_of_its_own_is_no_other() -> None:
    """Half a second of a grandchild's work is ours once it was waited for: the rest is real."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY.format(0.5)!r}])"
    percent = watch_others(here().cores)
    before = others._ours_s()
    subprocess.run([sys.executable, "-c", child], check=True)
    assert others._ours_s() - before > 0.5
    assert 0 <= percent() <= 100
