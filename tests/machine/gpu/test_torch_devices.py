"""What torch answers, read from its process's last line."""

import json
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from resnext_bench.machine.gpu import torch_devices
from resnext_bench.machine.gpu.facts import GpuFacts
from resnext_bench.machine.gpu.torch_devices import ask_torch, read_answer
from resnext_bench.machine.gpu.vendors import AMD

H100 = {
    "name": "NVIDIA H100",
    "bytes": 80 * 2**30,
    "uuid": "1234-5678",
    "capability": [9, 0],
}


def answered(runtime: str = "cuda", **answer: Any) -> torch_devices.Answer:
    told = json.dumps({"runtime": runtime, **answer})
    return read_answer(f"a warning\n{told}\n", "")


def test_devices() -> None:
    assert answered(devices=[H100]) == (
        GpuFacts(name="NVIDIA H100", memory_gib=80.0, capability=(9, 0), uuid="GPU-1234-5678"),
    )


def test_a_slice_keeps_its_name() -> None:
    (found,) = answered(devices=[H100 | {"uuid": "MIG-1"}])
    assert isinstance(found, GpuFacts)
    assert found.uuid == "MIG-1"


def test_rocm_has_no_capability_and_bf16() -> None:
    (found,) = answered("hip", devices=[H100 | {"uuid": ""}])
    assert isinstance(found, GpuFacts)
    assert (found.capability, found.bf16, found.uuid) == (None, True, "")
    assert found.vendor == AMD


@pytest.mark.parametrize(
    ("out", "errors", "why"),
    [
        ('{"runtime": "cuda", "devices": []}', "", "torch lists no GPU"),
        ('{"why": "no driver\\nis  here"}', "", "no driver"),
        ('{"why": "PyTorch 2.15.0+cpu is built for CPUs"}', "", "PyTorch 2.15.0+cpu is built for"),
        ("", "a\nSegmentation fault\n", "torch ended without an answer: Segmentation fault"),
        ("", "", "torch ended without an answer: it said nothing"),
        ("no json", "", "torch ended without an answer"),
    ],
)
def test_no_devices(out: str, errors: str, why: str) -> None:
    found = read_answer(out, errors)
    assert isinstance(found, str)
    assert found.startswith(why)


def test_it_is_asked_in_nvmls_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA's own order is that of speed."""

    def run(*_: object, env: dict[str, str], **__: object) -> SimpleNamespace:
        assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
        return SimpleNamespace(stdout=json.dumps({"runtime": "cuda", "devices": [H100]}), stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    assert len(ask_torch()) == 1


def test_a_torch_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 120)

    monkeypatch.setattr(subprocess, "run", run)
    assert str(ask_torch()).startswith("torch did not answer")


def test_of_a_refusal_its_first_sentence_is_kept() -> None:
    why = "The NVIDIA driver on your system is too old (found version 11.4). Please update it."
    assert read_answer(json.dumps({"why": why}), "") == why.partition(". ")[0]
