"""Checks whether the installed torch can compute on the GPUs, under their driver."""

from collections.abc import Iterator, Sequence

from resnext_bench.machine.doctor.findings import Finding, Severity, fine, hidden
from resnext_bench.machine.doctor.gpus import GpuState
from resnext_bench.machine.gpu.fit import Lack, torch_lack, vendor_lack
from resnext_bench.machine.gpu.torch_build import read_build
from resnext_bench.machine.host.sources import Sources


def build_findings(gpus: Sequence[GpuState], sources: Sources) -> Iterator[Finding]:
    """Return one finding for all GPUs."""
    there = {gpu.capability: gpu.name for gpu in gpus if gpu.capability and not gpu.lost}
    build = read_build(sources.torch)
    if build is None:  # the row on bytecode says so
        return
    if there:
        suits = f"{build.version} for {build.made_for} suits them"
        yield _fit(torch_lack(build, there, gpus[0].versions), suits)
    elif others := {
        (gpu.vendor, gpu.name) for gpu in gpus if not gpu.vendor.has_capability and not gpu.lost
    }:
        told = f"{build.version} for {build.made_for}, whose kernels are not looked at"
        yield _fit(vendor_lack(build, others), told)
    elif gpus:
        yield hidden("GPU and torch", "the driver does not report what the GPUs can")


def _fit(lack: Lack | None, suits: str) -> Finding:
    if lack is None:
        return fine("GPU and torch", suits)
    return Finding(
        check="GPU and torch",
        severity=Severity.SPOILS,
        value=lack.why,
        why="every run on a GPU fails",
        advice=lack.advice,
        command=lack.command,
    )
