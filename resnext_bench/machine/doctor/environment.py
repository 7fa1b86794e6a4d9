"""Checks of environment variables that change what is measured."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from pathlib import PurePath
from typing import Final

from resnext_bench.machine.doctor.findings import (
    Activity,
    Check,
    Finding,
    Severity,
    Sources,
    fine,
    plain,
)
from resnext_bench.machine.host import cgroup
from resnext_bench.wording import count_of

_OFF: Final = frozenset({"", "0", "off", "false", "no", "none"})
_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """Variables, the values that make them matter, and what these do."""

    names: str
    values: str = ""
    """Pattern of the values that matter; empty: all except those that mean off."""
    severity: Severity
    why: str


_VARIABLES: Final = (
    Variable(
        names="CUDA_LAUNCH_BLOCKING",
        severity=Severity.SPOILS,
        why="the host waits for each kernel, so nothing overlaps, unlike in real training",
    ),
    Variable(
        names="PYTORCH_NO_(CUDA|HIP)_MEMORY_CACHING",
        severity=Severity.SPOILS,
        why="each tensor asks the driver for memory and waits for it",
    ),
    Variable(
        names="OMP_WAIT_POLICY",
        values="active",
        severity=Severity.DISTURBS,
        why="idle threads spin, so the waiting side of a duet takes cores from the measured one",
    ),
    Variable(
        names="KMP_BLOCKTIME|GOMP_SPINCOUNT",
        values=r"infinite|infinity|\d{4,}",
        severity=Severity.DISTURBS,
        why="idle threads spin, so the waiting side of a duet takes cores from the measured one",
    ),
    Variable(
        names="TORCH_DISTRIBUTED_DEBUG",
        values="info|detail",
        severity=Severity.DISTURBS,
        why="collectives are checked and timed in each step",
    ),
    Variable(
        names="(DNNL|ONEDNN|MKL)_VERBOSE|CUDNN_LOG(LEVEL|INFO|WARN|ERR)_DBG|CUBLAS(LT)?_LOG_LEVEL",
        severity=Severity.DISTURBS,
        why="a line is written for each operation, inside the step",
    ),
    Variable(
        names="NCCL_DEBUG",
        values="trace",
        severity=Severity.DISTURBS,
        why="a line is written for each collective, inside the step",
    ),
    Variable(
        names="NCCL_DEBUG",
        values="info",
        severity=Severity.NOTE,
        why="NCCL writes at start-up; steps are hardly affected",
    ),
    Variable(
        names="PYTHONDEVMODE|PYTHONMALLOC",
        values="1|debug|.*_debug|malloc",
        severity=Severity.DISTURBS,
        why="the interpreter checks each allocation: the host side of a step is slower",
    ),
    Variable(
        names="NVIDIA_TF32_OVERRIDE|TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        values=".+",
        severity=Severity.DISTURBS,
        why="it overrides --tf32, so the run is not what its record says",
    ),
    Variable(
        names="TORCH_CUDNN_[A-Z0-9_]+|CUDNN_[A-Z0-9_]*(HEUR|ALGO)[A-Z0-9_]*|CUBLAS_WORKSPACE_CONFIG",
        severity=Severity.NOTE,
        why="it changes which kernels are chosen",
    ),
    Variable(
        names="(DNNL|ONEDNN)_(MAX_CPU_ISA|DEFAULT_FPMATH_MODE)|ATEN_CPU_CAPABILITY"
        "|MKL_ENABLE_INSTRUCTIONS",
        severity=Severity.NOTE,
        why="it changes which instructions the CPU's kernels use",
    ),
    Variable(
        names="NCCL_(P2P_DISABLE|SHM_DISABLE|IB_DISABLE|ALGO|PROTO|MIN_NCHANNELS|MAX_NCHANNELS"
        "|NTHREADS|BUFFSIZE)|CUDA_DEVICE_MAX_CONNECTIONS",
        severity=Severity.NOTE,
        why="it changes how ranks communicate, or how that overlaps with compute",
    ),
    Variable(
        names="PYTORCH_(CUDA_)?ALLOC_CONF|LD_PRELOAD|MALLOC_[A-Z_]+",
        severity=Severity.NOTE,
        why="it changes how memory is allocated",
    ),
    Variable(
        names="OMP_PROC_BIND|OMP_PLACES|KMP_AFFINITY|GOMP_CPU_AFFINITY",
        severity=Severity.NOTE,
        why="it binds threads; with several ranks all may end up on the first cores",
    ),
)
"""Variables to check; the first that fits decides."""


def threads(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether more threads are requested than can run at once."""
    usable = min(len(sources.cores), floor(cgroup.quota_cores(sources) or 2**20) or 1)
    asked = {name: _first_number(sources.environ.get(name, "")) for name in _THREADS}
    given = {name: count for name, count in asked.items() if count}
    over = {name: count for name, count in given.items() if count > usable}
    if not over:
        text = ", ".join(f"{name}={count}" for name, count in given.items())
        yield fine("threads", text or "as many as the program chooses")
        return
    name, most = max(over.items(), key=lambda item: item[1])
    yield Finding(
        check="threads",
        severity=Severity.DISTURBS,
        value=", ".join(f"{name}={count}" for name, count in over.items())
        + f" on {count_of(usable, 'usable core')}",
        number=most,
        unit="threads",
        why="threads that synchronise after each operation wait for those without a core",
        advice="use no more threads than cores",
        command=f"export {name}={usable}",
    )


def _first_number(text: str) -> int:
    """Return the first number: OpenMP takes one for each level of nesting, as "4,2"."""
    first = text.split(",", maxsplit=1)[0].strip()
    return int(first) if first.isascii() and first.isdigit() else 0


def variables(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check variables that change results, from a list: no other is looked at."""
    clean = True
    for name, value in sorted(sources.environ.items()):
        known = next((one for one in _VARIABLES if _fits(one, name, value)), None)
        if known is not None:
            clean = False
            yield Finding(
                check="variable",
                severity=known.severity,
                value=f"{name}={_shown(name, value)}",
                why=known.why,
                advice="unset it, unless you want to measure its effect",
                command=f"unset {name}",
            )
    if clean:
        yield fine("variables", "none that changes results")


def _fits(known: Variable, name: str, value: str) -> bool:
    if not re.fullmatch(known.names, name):
        return False
    if known.values:
        return re.fullmatch(known.values, value, re.IGNORECASE) is not None
    return value.lower() not in _OFF


def _shown(name: str, value: str) -> str:
    """Return a value short enough for a line; for a library its name, as folders are private."""
    text = PurePath(value).name if name == "LD_PRELOAD" else value
    return plain(text if len(text) <= 40 else f"{text[:39]}…")


CHECKS: Final[tuple[Check, ...]] = (threads, variables)
