"""The watch over the GPUs, against a driver made by hand."""

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.nvml_list import visible
from resnext_bench.machine.gpu.track import Track
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.reports.figures.validity import GpuUse

IDLE, POWER_CAP, SLOWDOWN, THERMAL, POWER_BRAKE = 0x01, 0x04, 0x08, 0x20, 0x80


LOST = 15


class NVMLError(Exception):
    """As pynvml's: what the driver could not answer, with its number."""

    def __init__(self, text: str, value: int = 999) -> None:
        super().__init__(text)
        self.value = value


class Driver:
    """Answers as pynvml does, for `count` GPUs whose handles are "gpu 0", "gpu 1" …"""

    NVMLError = NVMLError

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.bits: dict[str, int] = {}
        self.pids: dict[str, list[int]] = {}
        self.use: dict[str, list[tuple[int, float]]] = {}
        self.lost: set[str] = set()
        self.asked_since: list[int] = []

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return f"gpu {index}"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid not in ("GPU-aa", "MIG-bb"):
            raise NVMLError("not found")
        return f"uuid {uuid}"

    def nvmlDeviceGetUUID(self, handle: str) -> str:  # noqa: N802
        return f"GPU-{handle.removeprefix('gpu ')}0000000"

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:  # noqa: N802
        self._reach(handle)
        return self.bits.get(handle, IDLE)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802
        self._reach(handle)
        return [SimpleNamespace(pid=pid) for pid in self.pids.get(handle, [])]

    def nvmlDeviceGetProcessUtilization(self, handle: str, since: int) -> list[Any]:  # noqa: N802
        self._reach(handle)
        self.asked_since.append(since)
        if handle not in self.use:
            raise NVMLError("not found")  # its word for "nobody"
        return [SimpleNamespace(pid=pid, smUtil=use) for pid, use in self.use[handle]]

    def _reach(self, handle: str) -> None:
        if handle in self.lost:
            raise NVMLError("GPU is lost", LOST)


@pytest.fixture(autouse=True)
def _all_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def started(driver: Driver) -> GpuWatch:
    """A watch on all GPUs, at the beginning of the window."""
    watch = open_watch(nvml.Nvml(driver), list(range(driver.count)))
    watch.note_residents()
    watch.start()
    return watch


def sampled(watch: GpuWatch, driver: Driver, *moments: dict[str, int]) -> GpuUse:
    for bits in moments:
        driver.bits = bits
        watch.sample()
    return watch.report()


def guards(found: GpuUse) -> GpuUse:
    """Without what was seen GPU by GPU."""
    return replace(found, seen=None, moments={})


def test_a_quiet_window() -> None:
    driver = Driver()
    assert guards(sampled(started(driver), driver, {}, {})) == GpuUse(samples=2)


@pytest.mark.parametrize(
    ("bits", "reason"),
    [
        (SLOWDOWN, "hardware slowdown"),
        (THERMAL, "software thermal slowdown"),
        (0x40, "hardware thermal slowdown"),
        (POWER_BRAKE, "power brake"),
    ],
)
def test_throttling_is_a_share_of_the_window(bits: int, reason: str) -> None:
    driver = Driver()
    found = sampled(started(driver), driver, {"gpu 0": bits}, {}, {}, {})
    assert (found.throttled_percent, found.reasons) == (25, (reason,))
    assert found.power_capped_percent == 0


def test_reasons_are_all_named_and_a_moment_counts_once() -> None:
    driver = Driver()
    found = sampled(started(driver), driver, {"gpu 0": SLOWDOWN | POWER_BRAKE}, {"gpu 0": THERMAL})
    assert found.throttled_percent == 100
    assert found.reasons == ("hardware slowdown", "software thermal slowdown", "power brake")


def test_the_power_cap_is_another_matter() -> None:
    driver = Driver()
    found = sampled(started(driver), driver, {"gpu 0": POWER_CAP}, {})
    assert (found.power_capped_percent, found.throttled_percent, found.reasons) == (50, 0, ())


def test_harmless_reasons() -> None:
    driver = Driver()
    harmless = IDLE | 0x02 | 0x10 | 0x100  # idle, application clocks, sync boost, display
    assert guards(sampled(started(driver), driver, {"gpu 0": harmless})) == GpuUse(samples=1)


def test_one_slow_gpu_slows_them_all() -> None:
    """Ranks wait for one another: one GPU of eight is not an eighth of the trouble."""
    driver = Driver(count=8)
    found = sampled(started(driver), driver, {"gpu 5": SLOWDOWN, "gpu 6": SLOWDOWN}, {})
    assert found.throttled_percent == 50


def test_a_process_of_before_is_foreign_and_the_ranks_are_not() -> None:
    driver = Driver()
    driver.pids = {"gpu 0": [7]}
    watch = open_watch(nvml.Nvml(driver), [0])
    watch.note_residents()
    driver.pids = {"gpu 0": [7, 8]}  # a rank came later
    watch.start()
    driver.use = {"gpu 0": [(7, 30.0), (8, 65.0)]}
    watch.sample()
    driver.use = {"gpu 0": [(7, 10.0), (8, 85.0)]}
    watch.sample()
    assert watch.report().foreign_percent == 20


def test_the_latest_use_of_a_process_counts() -> None:
    driver = Driver()
    driver.pids = {"gpu 0": [7]}
    watch = started(driver)
    driver.use = {"gpu 0": [(7, 90.0), (7, 10.0)]}
    watch.sample()
    assert watch.report().foreign_percent == 10


def test_use_is_asked_for_from_the_windows_start(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    driver.pids = {"gpu 0": [7]}
    monkeypatch.setattr("time.time_ns", lambda: 5_000_000)
    watch = started(driver)
    watch.sample()
    assert driver.asked_since == [5_000]


def test_the_worst_gpu_counts() -> None:
    driver = Driver(count=2)
    driver.pids = {"gpu 0": [7], "gpu 1": [9]}
    driver.use = {"gpu 0": [(7, 2.0)], "gpu 1": [(9, 40.0)]}
    watch = started(driver)
    watch.sample()
    assert watch.report().foreign_percent == 40


def test_resident_but_idle() -> None:
    driver = Driver()
    driver.pids = {"gpu 0": [7]}
    watch = started(driver)
    watch.sample()
    assert guards(watch.report()) == GpuUse(samples=1)


def test_warm_up_is_forgotten() -> None:
    driver = Driver()
    driver.pids = {"gpu 0": [7]}
    driver.use = {"gpu 0": [(7, 50.0)]}
    watch = started(driver)
    sampled(watch, driver, {"gpu 0": SLOWDOWN})
    driver.use = {"gpu 0": [(7, 1.0)]}
    watch.start()
    found = sampled(watch, driver, {})
    assert (found.throttled_percent, found.foreign_percent) == (0, 1)


def test_a_gpu_lost_on_the_way_ends_no_run() -> None:
    driver = Driver(count=2)
    driver.pids = {"gpu 0": [7], "gpu 1": [7]}
    watch = started(driver)
    sampled(watch, driver, {"gpu 1": SLOWDOWN})
    driver.lost = {"gpu 0", "gpu 1"}
    found = sampled(watch, driver, {"gpu 1": SLOWDOWN})
    assert (found.samples, found.throttled_percent, found.foreign_percent) == (1, 100, 0)


def test_an_older_name_of_the_reasons() -> None:
    """Drivers call them ThrottleReasons, or once did."""
    library = SimpleNamespace(nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: SLOWDOWN)
    watch = GpuWatch(tracks=[Track(gpu=nvml.Gpu(library=library, handle="gpu 0"), index=0)])
    watch.start()
    watch.sample()
    assert watch.report().reasons == ("hardware slowdown",)


def test_a_library_that_knows_less() -> None:
    gpu = nvml.Gpu(library=SimpleNamespace(), handle="gpu 0")
    watch = GpuWatch(tracks=[Track(gpu=gpu, index=0)])
    watch.note_residents()
    watch.start()
    watch.sample()
    assert watch.report() == GpuUse()


@pytest.mark.parametrize("library", [None, Driver()])
def test_nothing_to_watch(library: Any) -> None:
    monitor = None if library is None else nvml.Nvml(library)
    watch = open_watch(monitor, [0] if library is None else [])
    watch.note_residents()
    watch.start()
    watch.sample()
    assert watch.report() == GpuUse()


def test_no_sample_is_no_verdict() -> None:
    assert started(Driver()).report() == GpuUse()


@pytest.mark.parametrize(
    ("names", "handles"),
    [
        (None, ["gpu 0", "gpu 1", "gpu 2"]),
        ("2,0", ["gpu 2", "gpu 0"]),
        ("GPU-aa, 1", ["uuid GPU-aa"]),  # as torch counts: no other kind after the first
        ("MIG-bb", ["uuid MIG-bb"]),
        ("GPU-20, GPU-00", ["gpu 2", "gpu 0"]),
        ("GPU-", []),
        ("", []),
        ("1,7,0", ["gpu 1"]),
        ("0,GPU-gone,1", ["gpu 0"]),
        ("0,-1,1", ["gpu 0"]),
    ],
)
def test_handles_in_the_order_that_cuda_counts(
    names: str | None, handles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if names is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", names)
    assert [gpu.handle for gpu in visible(Driver(count=3)).gpus] == handles


def test_the_watch_takes_the_gpus_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1,0")
    watch = open_watch(nvml.Nvml(Driver(count=4)), [0, 2])
    assert [track.gpu.handle for track in watch.tracks] == ["gpu 3", "gpu 0"]


def test_a_library_that_cannot_even_be_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    def shut() -> None:
        raise NVMLError("GPU is lost", LOST)

    library = SimpleNamespace(nvmlInit=lambda: None, nvmlShutdown=shut)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    with nvml.session() as found:
        assert found is library
