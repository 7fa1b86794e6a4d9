"""Checks whether the installed torch can compute on the GPUs, under their driver."""

from collections.abc import Iterator, Sequence

from resnext_bench.machine.doctor.findings import Finding, Severity, fine, hidden
from resnext_bench.machine.doctor.gpus import GpuState
from resnext_bench.machine.gpu.fit import torch_lack
from resnext_bench.machine.gpu.torch_build import TorchBuild, read_build
from resnext_bench.machine.host.sources import Sources


def build_findings(gpus: Sequence[GpuState], sources: Sources) -> Iterator[Finding]:
    """Return one finding for all GPUs."""
    there = {gpu.capability: gpu.name for gpu in gpus if gpu.capability and not gpu.lost}
    build = read_build(sources.torch)
    if build is None:  # the row on bytecode says so
        return
    if there:
        yield _fit(build, there, gpus[0])
    elif gpus:
        yield hidden("GPU and torch", "the driver does not report what the GPUs can")


def _fit(build: TorchBuild, gpus: dict[tuple[int, int], str], first: GpuState) -> Finding:
    lack = torch_lack(build, gpus, first.versions)
    if lack is None:
        made = f"CUDA {build.cuda[0]}.{build.cuda[1]}" if build.cuda else f"ROCm {build.hip}"
        return fine("GPU and torch", f"{build.version} for {made} suits them")
    return Finding(
        check="GPU and torch",
        severity=Severity.SPOILS,
        value=lack.why,
        why="every run on a GPU fails",
        advice=lack.advice,
        command=lack.command,
    )
