"""Findings about GPUs, from states written by hand and from a driver made by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resnext_bench.machine.doctor.findings import Finding, Severity
from resnext_bench.machine.doctor.gpus import GpuState, gpu_findings, read_gpus
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.attachment import Attachment, Pcie
from resnext_bench.machine.gpu.driver import Driver as DriverVersions
from resnext_bench.machine.gpu.facts import Silence
from resnext_bench.machine.gpu.vendors import NVIDIA
from tests.machine.recorded_nvml import RecordedNvml, lost_at

SPOILS, DISTURBS, NOTE, FINE, HIDDEN = Severity
GPU = GpuState(
    index=0,
    persistence=True,
    reasons=0x02,
    max_mhz=1980,
    use_percent=0,
    processes=(),
    power_limit_w=700.0,
    default_limit_w=700.0,
    ecc=True,
    mig=False,
    driver="610.43.02, CUDA 13.2",
    sm_mhz=345,
    power_w=72.4,
    temperature_c=31,
    compute_mode="default",
    name="NVIDIA H100 80GB HBM3",
    capability=(9, 0),
    attachment=Attachment(
        node=0, pcie=Pcie(generation=1, width=16, most_generation=5, most_width=16)
    ),
    errors={"ECC, corrected": 0},
)


def findings(*gpus: GpuState, proc: Path = Path("/none")) -> list[Finding]:
    return list(gpu_findings(gpus, proc))


def loud(gpu: GpuState, proc: Path = Path("/none")) -> Finding:
    (finding,) = (one for one in findings(gpu, proc=proc) if one.severity is not FINE)
    return finding


def test_a_quiet_gpu() -> None:
    assert {one.severity for one in findings(GPU)} == {FINE}


@pytest.mark.parametrize(
    ("changed", "check", "severity"),
    [
        ({"persistence": False}, "GPU persistence", DISTURBS),
        ({"reasons": 0x01}, "GPU clocks", NOTE),
        ({"reasons": 0x02 | 0x08}, "GPU throttling", SPOILS),
        ({"reasons": 0x02 | 0x20}, "GPU throttling", SPOILS),
        ({"reasons": 0x02 | 0x40}, "GPU throttling", SPOILS),
        ({"reasons": 0x02 | 0x80}, "GPU throttling", SPOILS),
        ({"reasons": 0x02 | 0x04}, "GPU throttling", NOTE),
        ({"use_percent": 6}, "GPU use", SPOILS),
        ({"processes": (7,), "use_percent": 30}, "GPU use", SPOILS),
        ({"processes": (7,), "use_percent": None}, "GPU use", SPOILS),
        ({"processes": (7,), "use_percent": 5}, "GPU use", DISTURBS),
        ({"power_limit_w": 500.0}, "GPU power limit", DISTURBS),
        ({"ecc": False}, "GPU ECC", NOTE),
        ({"mig": True}, "GPU MIG", DISTURBS),
        ({"processes": None, "use_percent": None}, "GPU use", HIDDEN),
        ({"persistence": None}, "GPU persistence", HIDDEN),
        ({"power_limit_w": None}, "GPU power limit", HIDDEN),
        ({"ecc": None}, "GPU ECC", HIDDEN),
        ({"temperature_c": None}, "GPU temperature", HIDDEN),
        ({"driver": ""}, "GPU driver", HIDDEN),
        ({"compute_mode": ""}, "GPU compute mode", HIDDEN),
        ({"compute_mode": "exclusive process"}, "GPU compute mode", DISTURBS),
        ({"compute_mode": "prohibited"}, "GPU compute mode", SPOILS),
        ({"lost": "GPU is lost"}, "GPU driver", SPOILS),
        ({"max_mhz": None}, "GPU clocks", HIDDEN),
    ],
)
def test_one_loud_thing(changed: dict[str, Any], check: str, severity: Severity) -> None:
    found = loud(replace(GPU, **changed))
    assert (found.check, found.severity) == (check, severity)
    assert severity is HIDDEN or (found.why and found.advice)


def test_what_it_does_now() -> None:
    told = {one.check: one.value for one in findings(GPU)}
    assert told["GPU driver"] == "610.43.02, CUDA 13.2"
    assert told["GPU clocks"] == "held by a setting, 345 MHz now"
    assert told["GPU power limit"] == "700 W, 72 W now"
    assert told["GPU temperature"] == "31 °C now"
    assert loud(replace(GPU, reasons=0x01)).value.startswith("free up to 1,980 MHz, 345 MHz now")


def test_a_gpu_for_one_process_plays_no_duet() -> None:
    assert "no duet" in loud(replace(GPU, compute_mode="exclusive process")).why


def test_throttling_names_all_reasons() -> None:
    assert loud(replace(GPU, reasons=0x02 | 0x40 | 0x80)).value == (
        "hardware thermal slowdown, power brake"
    )


def test_processes_are_named_where_they_are_visible(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "comm").write_text("python\n")
    gpu = replace(GPU, processes=(7, 8), use_percent=40)
    assert loud(gpu, tmp_path).value == "40 % in use, by python (pid 7), pid 8"
    assert loud(replace(GPU, use_percent=40)).value.endswith("processes that are not visible here")


def test_an_old_driver_hides_what_it_does_not_know() -> None:
    found = findings(GpuState(index=0))
    assert {one.severity for one in found if one.check != "GPU MIG"} == {HIDDEN}


def test_gpus_with_one_answer_share_a_line() -> None:
    off = replace(GPU, persistence=False)
    gpus = [replace(off if index != 2 else GPU, index=index) for index in range(8)]
    found = [one for one in findings(*gpus) if one.check == "GPU persistence"]
    assert [one.value for one in found] == ["GPU 0-1,3-7: off", "GPU 2: on"]


def test_no_gpu_and_no_driver() -> None:
    assert [(one.check, one.severity) for one in gpu_findings(None, Path("/none"))] == [
        ("gpus", HIDDEN)
    ]
    assert "shows none" in findings()[0].value


class Driver:
    """Answers of one board as pynvml gives them; `lacks` names what it cannot tell."""

    def __init__(self, *lacks: str) -> None:
        self._lacks = lacks
        self._answers: dict[str, Any] = {
            "Index": 5,
            "PersistenceMode": 0,
            "CurrentClocksEventReasons": 0x01,
            "MaxClockInfo": 1980,
            "ClockInfo": 345,
            "PowerUsage": 72_400,
            "Temperature": 31,
            "ComputeMode": 3,
            "UtilizationRates": SimpleNamespace(gpu=12, memory=3),
            "ComputeRunningProcesses": [SimpleNamespace(pid=7)],
            "EnforcedPowerLimit": 500_000,
            "PowerManagementDefaultLimit": 700_000,
            "EccMode": [1, 1],
            "MigMode": [0, 0],
        }

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "610.43.02"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        return 13020

    def __getattr__(self, name: str) -> Any:
        question = name.removeprefix("nvmlDeviceGet")
        if question in self._lacks or question not in self._answers:
            raise AttributeError(name)
        return lambda *arguments: self._answers[question]


def driver(monkeypatch: pytest.MonkeyPatch, library: Driver | None) -> None:
    @contextmanager
    def session() -> Iterator[Driver | Silence]:
        yield library or Silence(vendor=NVIDIA, cause="no driver", said="Driver Not Loaded")

    monkeypatch.setattr(nvml, "session", session)
    only = nvml.Listing(gpus=[nvml.Gpu(library=library, handle="handle")])
    monkeypatch.setattr(nvml, "visible", lambda library: only)


def test_a_lost_gpu_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no handle any more; its neighbours answer all the same."""
    monkeypatch.setattr(nvml, "session", RecordedNvml(lost_at(0.0, gpu=1)).session)
    there, lost = read_gpus() or ()
    assert (there.lost, there.max_mhz) == ("", 1980)
    assert (lost.index, lost.lost) == (1, "GPU is lost")
    assert Severity.SPOILS in {one.severity for one in gpu_findings([lost], Path("/none"))}


def test_what_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch, Driver())
    assert read_gpus() == (
        GpuState(
            index=5,
            persistence=False,
            reasons=0x01,
            max_mhz=1980,
            use_percent=12,
            processes=(7,),
            power_limit_w=500.0,
            default_limit_w=700.0,
            ecc=True,
            mig=False,
            driver="610.43.02, CUDA 13.2",
            sm_mhz=345,
            power_w=72.4,
            temperature_c=31,
            compute_mode="exclusive process",
            versions=DriverVersions(version="610.43.02", cuda=(13, 2)),
            unanswered={
                "ECC errors": "the library does not know the question",
                "remapped rows": "the library does not know the question",
                "memory": "the library does not know the question",
                "compute capability": "the library does not know the question",
            },
        ),
    )


def test_what_the_driver_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch, Driver("Index", "EccMode", "UtilizationRates", "MigMode"))
    assert read_gpus() is not None
    (found,) = read_gpus() or ()
    assert (found.index, found.ecc, found.use_percent, found.mig) == (0, None, None, None)


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch, None)
    assert read_gpus() is None
