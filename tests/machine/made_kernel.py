"""A machine's /proc and /sys, written by hand: quiet, until a test makes one thing loud."""

import os
import py_compile
from collections.abc import Mapping
from importlib.util import cache_from_source
from pathlib import Path

from resnext_bench.machine.doctor.findings import Activity
from resnext_bench.machine.host.sources import Sources

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGES_PER_MIB = 2**20 // os.sysconf("SC_PAGE_SIZE")
PID = 4000
QUIET = Activity(
    seconds=1.0,
    foreign_percent=0.5,
    steal_percent=0.0,
    boot_steal_percent=0.1,
    swap_in_mib_s=0.0,
    swap_out_mib_s=0.0,
    throttled_periods=0,
    thermal_events=0,
    boot_thermal_events=0,
    pressure_percent={"cpu": 0.5, "memory": 0.0, "io": 1.0},
)


class MadeKernel:
    """Files below a folder, and what a process on `cores` would see of them."""

    def __init__(self, root: Path, cores: int = 4) -> None:
        self.root = root
        self.cores = cores
        self._quiet()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def remove(self, pattern: str) -> None:
        for path in self.root.glob(pattern):
            path.unlink()

    def sources(
        self, cores: tuple[int, ...] | None = None, environ: Mapping[str, str] | None = None
    ) -> Sources:
        return Sources(
            proc=self.root / "proc",
            sys=self.root / "sys",
            environ={"HOME": "/home/someone"} if environ is None else environ,
            cores=tuple(range(self.cores)) if cores is None else cores,
            pid=PID,
            torch=self.root / "torch",
            dev=self.root / "dev",
        )

    def per_core(self, name: str, text: str) -> None:
        """The same file for each CPU; {cpu} stands for its number."""
        for cpu in range(self.cores):
            self.write(f"sys/devices/system/cpu/cpu{cpu}/{name}", text.format(cpu=cpu))

    def stat(self, *, busy: int = 1000, steal: int = 0) -> None:
        """Ticks since boot, the same on each CPU."""
        lines = [f"cpu{cpu} {busy} 0 0 5000 0 0 0 {steal} 0 0" for cpu in range(self.cores)]
        self.write("proc/stat", "\n".join(lines) + "\n")

    def process(self, pid: int, name: str, ticks: int, *, core: int = 0, start: int = 77) -> None:
        fields = ["0"] * 50
        fields[0] = "R"
        fields[11], fields[12], fields[19], fields[36] = str(ticks), "0", str(start), str(core)
        self.write(f"proc/{pid}/stat", f"{pid} ({name}) {' '.join(fields)}\n")

    def memory(self, *, available: float = 30, total: float = 32, swap: float = 0, used: float = 0):
        """In GiB."""
        amounts = {
            "MemTotal": total,
            "MemAvailable": available,
            "SwapTotal": swap,
            "SwapFree": swap - used,
        }
        lines = [f"{name}:  {int(gib * 2**20)} kB" for name, gib in amounts.items()]
        self.write("proc/meminfo", "\n".join([*lines, "HugePages_Total:  0"]) + "\n")

    def compiled(self, some: int, *, of: int) -> None:
        """Modules of torch: `some` of them compiled."""
        modules = [self.root / "torch" / f"m{number}.py" for number in range(of)]
        for path in modules:
            self.write(f"torch/{path.name}", "")
            Path(cache_from_source(str(path))).unlink(missing_ok=True)
        for path in modules[:some]:
            py_compile.compile(str(path), doraise=True)

    def _quiet(self) -> None:
        self.stat()
        self.memory()
        self.write("dev/shm/.made", "")
        self.write("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse avx2\n")
        self.write("proc/vmstat", "nr_free 5\npswpin 10\npswpout 20\n")
        self.write("proc/self/cgroup", "0::/job\n")
        self.write("proc/sys/vm/swappiness", "1\n")
        for resource in ("cpu", "memory", "io"):
            text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=500\nfull avg10=0.00 total=7\n"
            self.write(f"proc/pressure/{resource}", text)
        self.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
        self.write("sys/fs/cgroup/job/cpu.max", "max 100000\n")
        self.write("sys/fs/cgroup/job/cpu.stat", "usage_usec 5\nnr_throttled 3\n")
        self.write("sys/devices/system/cpu/online", f"0-{self.cores - 1}\n")
        self.write("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")
        self.write("sys/devices/system/node/node0/cpulist", f"0-{self.cores - 1}\n")
        clock = "sys/devices/system/clocksource/clocksource0"
        self.write(f"{clock}/current_clocksource", "tsc\n")
        self.write(f"{clock}/available_clocksource", "tsc hpet acpi_pm\n")
        self.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
        self.per_core("cpufreq/scaling_governor", "performance\n")
        self.compiled(4, of=4)
        self.per_core("topology/thread_siblings_list", "{cpu}\n")
        self.per_core("thermal_throttle/core_throttle_count", "0\n")
        self.per_core("thermal_throttle/package_throttle_count", "0\n")
