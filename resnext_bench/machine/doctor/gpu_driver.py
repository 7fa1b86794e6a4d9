"""Checks of what the driver keeps count of, and of drivers that do not answer at all."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.machine.doctor.findings import Finding, Severity, fine, hidden
from resnext_bench.machine.doctor.gpus import GpuState, together
from resnext_bench.machine.gpu.facts import UNCORRECTED, Silence
from resnext_bench.machine.gpu.monitor import asked
from resnext_bench.machine.gpu.presence import Presence, find_gpus
from resnext_bench.machine.gpu.words import (
    MISNAMED_ADVICE,
    left_out_advice,
    left_out_words,
    misnamed_words,
    silence_advice,
    silence_of,
    silence_words,
)
from resnext_bench.machine.host.sources import Sources

_TORCH_MAY_WORK: Final = ("not installed", "no library")
"""Causes of a silence that say nothing of the driver: CUDA may well be there without NVML."""


def silence_findings(sources: Sources) -> Iterator[Finding]:
    """Say why no driver can be asked; it matters where a GPU is plainly there."""
    with asked() as found:
        if not isinstance(found, tuple):
            return
        presence = find_gpus(sources)
        silence = silence_of(found, presence)
        if silence is None:
            yield hidden("gpus", "no GPU driver can be asked")
        elif presence:
            yield _silent(silence, presence)
        else:
            yield hidden("gpus", f"no GPU is visible ({silence_words(silence)})")


def _silent(silence: Silence, presence: Presence) -> Finding:
    """Report a GPU that is there and whose driver does not answer."""
    severity = Severity.DISTURBS if silence.cause in _TORCH_MAY_WORK else Severity.SPOILS
    return Finding(
        check="GPU driver",
        severity=severity if presence.nodes else Severity.NOTE,
        value=f"{silence_words(silence)}; {presence.told()}",
        why=(
            "nobody watches clocks, power, other tenants and errors, and a run may find no GPU"
            if presence.nodes or presence.window
            else "this program was given none of the GPUs, so that it trains on the CPU"
        ),
        advice=silence_advice(silence),
        command=silence.vendor.commands.tool,
    )


def left_out_findings() -> Iterator[Finding]:
    """Report boards that are no devices to this program, and what names of GPUs are wrong."""
    with asked() as found:
        if isinstance(found, tuple):
            return
        some = bool(found.gpus())
        if wrong := found.misnamed():
            yield Finding(
                check="GPU names",
                severity=Severity.DISTURBS if some else Severity.SPOILS,
                value=misnamed_words(wrong),
                why=f"a run {'uses fewer GPUs than were named' if some else 'is refused'}",
                advice=MISNAMED_ADVICE,
                command=found.vendor.commands.gpus,
            )
        for one in found.left_out():
            cut = one.why == "no slices"
            yield Finding(
                check="GPU MIG" if cut else "GPU access",
                severity=Severity.SPOILS if cut and not some else Severity.NOTE,
                value=left_out_words(one),
                why=(
                    "nothing can run on it: in MIG mode only slices compute"
                    if cut
                    else "it is counted, but nothing of this program runs on it"
                ),
                advice=left_out_advice(one),
                command=found.vendor.commands.gpus,
            )


def count_findings(gpus: Sequence[GpuState]) -> Iterator[Finding]:
    """Report errors that boards have counted, repairs that wait, and the Multi-Process Service."""
    for check in (_errors, _repair, _mps, _experimental):
        yield from together(gpus, [check(gpu) for gpu in gpus])
    yield from _unlike(gpus)


def _unlike(gpus: Sequence[GpuState]) -> Iterator[Finding]:
    """Report GPUs of several kinds, slices of other sizes among them."""
    kinds = Counter(gpu.name for gpu in gpus if gpu.name)
    if len(kinds) > 1:
        yield Finding(
            check="GPU kinds",
            severity=Severity.DISTURBS,
            value=", ".join(f"{count} x {name}" for name, count in kinds.items()),
            number=len(kinds),
            why="ranks on all of them wait for the slowest in every step",
            advice="choose GPUs of one kind with CUDA_VISIBLE_DEVICES",
            command=gpus[0].vendor.commands.gpus,
        )


def _errors(gpu: GpuState) -> Finding:
    counted = {kind: count for kind, count in gpu.errors.items() if count}
    if not gpu.errors:
        said = gpu.lost or gpu.unanswered.get("ECC errors", "")
        return hidden("GPU errors", "the driver counts none" + (f" ({said})" if said else ""))
    if not counted:
        return fine("GPU errors", "none counted", number=0)
    fatal = UNCORRECTED in counted  # a row that was remapped once is sound again
    told = ", ".join(f"{count:,} {kind}" for kind, count in counted.items())
    return Finding(
        check="GPU errors",
        severity=Severity.DISTURBS if fatal else Severity.NOTE,
        value=f"{told} (remapped rows: ever; else since the driver was loaded)",
        number=sum(counted.values()),
        why=(
            "its memory has lost data: what trains on it may be wrong"
            if fatal
            else "corrected errors and repeated transfers take time; a run notes new ones"
        ),
        advice="see whether the counts rise; if they do, have the board checked",
        command=gpu.vendor.commands.errors,
    )


def _repair(gpu: GpuState) -> Finding | None:
    if not gpu.repair:
        return None
    failed = gpu.repair == "failed"
    return Finding(
        check="GPU memory",
        severity=Severity.SPOILS if failed else Severity.DISTURBS,
        value="a row could not be remapped" if failed else "a row waits to be remapped",
        why=(
            "its memory has a fault that it can no longer repair"
            if failed
            else "a part of its memory is faulty until the GPU is reset"
        ),
        advice="have the board replaced" if failed else "reset the GPU, or restart the machine",
        command=gpu.vendor.commands.repair,
    )


def _mps(gpu: GpuState) -> Finding | None:
    if not gpu.mps:
        return None
    return Finding(
        check="GPU MPS",
        severity=Severity.NOTE,
        value="processes share it by way of the Multi-Process Service",
        why="kernels of several processes run side by side, and a fault of one ends all",
        advice="measure without it, unless it is what you measure",
        command="echo quit | nvidia-cuda-mps-control",
    )


def _experimental(gpu: GpuState) -> Finding | None:
    if not gpu.vendor.is_experimental:
        return None
    return Finding(
        check="GPU monitor",
        severity=Severity.NOTE,
        value=f"{gpu.vendor.library}, experimental",
        why="it was written from the library's documentation, and has been tried on no board",
        advice=(
            f"compare clocks, power and memory with {gpu.vendor.name}'s own tool before you rely "
            "on them"
        ),
        command=gpu.vendor.commands.watch,
    )
