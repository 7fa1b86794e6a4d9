"""Each vendor's entry is used for its own GPUs, and no vendor is what another one is not."""

import pytest

from resnext_bench.machine.doctor.gpu_driver import count_findings
from resnext_bench.machine.doctor.gpus import GpuState
from resnext_bench.machine.gpu.facts import Silence
from resnext_bench.machine.gpu.naming import hiding
from resnext_bench.machine.gpu.presence import Presence
from resnext_bench.machine.gpu.vendors import AMD, CUDA, NVIDIA, VENDORS, Commands, Vendor
from resnext_bench.machine.gpu.words import silence_advice, silence_of

OTHER = AMD._replace(
    name="Other", library="Other's library", tool="other-smi", commands=Commands(watch="other-top")
)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda one: str(one.name))
def test_what_is_advised_is_the_vendors_own(vendor: Vendor) -> None:
    foreign = [one.tool for one in VENDORS if one != vendor]
    told = (*vendor.commands, vendor.no_library, vendor.install)
    assert not [text for text in told for tool in foreign if tool in text]
    assert vendor.commands.gpus
    assert vendor.commands.tool
    assert vendor.has_capability or vendor.install


def test_names_of_no_two_vendors_are_one() -> None:
    for field in ("name", "library", "tool", "platform", "runtime", "bus"):
        assert len({getattr(one, field) for one in VENDORS}) == len(VENDORS), field


def test_only_an_experimental_monitor_is_told_and_by_its_own_name() -> None:
    known = GpuState(index=0, vendor=OTHER._replace(is_experimental=False))
    assert "GPU monitor" not in [one.check for one in count_findings([known])]
    (told,) = (
        one
        for one in count_findings([GpuState(index=0, vendor=OTHER)])
        if one.check == "GPU monitor"
    )
    assert (told.value, told.command) == ("Other's library, experimental", "other-top")
    assert "Other's own tool" in told.advice


def test_the_silence_that_matters_is_that_of_the_vendor_whose_gpu_is_there() -> None:
    silences = tuple(
        Silence(vendor=one, cause="no library", said="none") for one in (NVIDIA, AMD, OTHER)
    )
    for silence in silences:
        presence = Presence(nodes=("/dev/x",), vendor=silence.vendor)
        assert silence_of(silences, presence) == silence
    assert silence_of(silences, Presence()) == silences[0]
    assert "NVIDIA" in silence_advice(silences[0])
    assert "NVIDIA" not in silence_advice(silences[1])


def test_variables_of_another_vendor_hide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in AMD.variables:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "")
    assert (hiding(NVIDIA), hiding(AMD)) == ("", "HIP_VISIBLE_DEVICES=")
    monkeypatch.setenv(CUDA, "-1")
    assert hiding(NVIDIA) == hiding(NVIDIA, AMD) == "CUDA_VISIBLE_DEVICES=-1"
