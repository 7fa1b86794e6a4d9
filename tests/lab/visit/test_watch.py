"""Notes on clocks that were not steady, and on who else was there."""

from contextlib import contextmanager

import pytest

from resnext_bench.lab.visit import watch
from resnext_bench.lab.visit.watch import Watched, strangers, told
from resnext_bench.machine.gpu import nvml
from resnext_bench.reports.figures.validity import GpuUse
from resnext_bench.reports.schema.machine import GpusSeen
from tests.machine.recorded_nvml import RecordedNvml


def seen(least: float, most: float, **more: object) -> GpuUse:
    return GpuUse(
        samples=4,
        seen=GpusSeen(index=(0,), samples=(4,), sm_least_mhz=(least,), sm_most_mhz=(most,), **more),
    )


@pytest.mark.parametrize(
    ("use", "notes"),
    [
        (seen(1950, 1980), []),
        (seen(1485, 1980), ["clocks moved between 1,485 and 1,980 MHz"]),
        (
            seen(1950, 1980, reasons_percent={"power cap": (86.0,)}),
            ["power cap in 86 % of the samples"],
        ),
        (seen(1950, 1980, foreign_percent=(12.0,)), ["others used 12 % of the GPU"]),
        (GpuUse(), ["the driver told nothing of the clocks"]),
    ],
)
def test_notes(use: GpuUse, notes: list[str]) -> None:
    assert list(told(use)) == notes


def test_without_a_driver_a_note_says_that_nobody_watched() -> None:
    watched = Watched()
    with watched():
        pass
    assert watched.notes == ["nobody watched the clocks"]
    assert watched.seen is None


def test_a_gpu_is_watched_from_the_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """By answers of a driver: a stranger that was there before, and clocks."""
    library = RecordedNvml(
        {
            "nvmlDeviceGetComputeRunningProcesses": {"0": [[0, [77, 88]]]},
            "nvmlDeviceGetClockInfo(1)": {"0": [[0, 1980]]},
            "nvmlDeviceGetProcessUtilization": {"0": [[0, [[77, 9], [1, 90]]]]},
        },
        gpus=1,
    )

    @contextmanager
    def session():
        yield library

    monkeypatch.setattr(nvml, "session", session)
    monkeypatch.setattr(watch, "_visible", lambda: [0])
    assert strangers() == {77, 88}
    watched = Watched(frozenset({77}))
    with watched():
        pass
    assert watched.notes == ["others used 9 % of the GPU"]
    assert watched.seen is not None
    assert watched.seen.sm_mhz == (1980.0,)
