"""Hypervisors and containers, on a machine made by hand."""

from pathlib import Path

import pytest

from resnext_bench.machine.host.virtual import container, hypervisor
from tests.machine.made_kernel import MadeKernel


@pytest.fixture
def kernel(tmp_path: Path) -> MadeKernel:
    return MadeKernel(tmp_path)


def test_bare_metal(kernel: MadeKernel) -> None:
    assert (hypervisor(kernel.sources()), container(kernel.sources())) == ("", "")


def test_a_hypervisor_by_name_or_by_the_processors_word(kernel: MadeKernel) -> None:
    kernel.write("proc/cpuinfo", "flags\t\t: fpu hypervisor\n")
    assert hypervisor(kernel.sources()) == "yes"
    kernel.write("sys/class/dmi/id/product_name", "KVM Virtual Machine\n")
    assert hypervisor(kernel.sources()) == "KVM Virtual Machine"


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("proc/self/cgroup", "0::/system.slice/docker-0f3a.scope\n", "docker"),
        ("proc/self/cgroup", "0::/kubepods/burstable/pod7/cri-o-1\n", "kubernetes"),
        ("proc/self/cgroup", "0::/user.slice/libpod-77.scope\n", "podman"),
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
    ],
)
def test_a_container(kernel: MadeKernel, path: str, text: str, kind: str) -> None:
    kernel.write(path, text)
    assert container(kernel.sources()) == kind
