"""What the rows of a category are: kineto's own names, old and new, those of its forks, others.

Kineto names activities in libkineto's `ActivityType.cpp`. Makers of accelerators keep forks of it
with names of their own (`mlu_memcpy`, `gcu_runtime`), which follow the same pattern. A category
that is neither is not guessed at: its rows are counted, and told.
"""

import re
from collections.abc import Container
from enum import Enum, auto
from typing import Final

from resnext_bench.reports.trace.reading.trace import Kind


class Doubt(Enum):
    """What is not decided by the category alone."""

    QUIET = auto()
    """Known, and no figure needs it: flow arrows, Python frames, marks, waiting."""
    NOTIFIER = auto()
    """`mtia_ccp_events`: what an MTIA computes; forks use it for events beside their kernels."""
    GAUDI = auto()
    """`hpu_op`: what a Gaudi computes, and its runtime's calls on the host."""
    UNKNOWN = auto()


Meaning = Kind | Doubt

_NAMES: Final[dict[str, Meaning]] = {
    "cpu_op": Kind.OPERATOR,
    "operator": Kind.OPERATOR,
    "user_annotation": Kind.ANNOTATION,
    "kernel": Kind.KERNEL,
    "concurrent_kernel": Kind.KERNEL,
    "memcpy": Kind.COPY,
    "memset": Kind.FILL,
    "runtime": Kind.LAUNCH,
    "driver": Kind.LAUNCH,
    "mtia_ccp_events": Doubt.NOTIFIER,
    "hpu_op": Doubt.GAUDI,
    **dict.fromkeys(
        (
            *("python_function", "python", "ac2g", "async", "fwdbwd", "flow", "overhead", "trace"),
            *("cpu_instant_event", "external_correlation", "cuda_event", "cuda_profiler_range"),
            *("mtia_insight", "mtia_counters", "mtia_workloadd", "gpu_pm_counter"),
            *("xpu_scope_profiler", "mlu_notifier"),
            *("async_npu", "enqueue", "dequeue", "hosttodevice"),
        ),
        Doubt.QUIET,
    ),
}
"""In lower case."""
_PATTERNS: Final[tuple[tuple[re.Pattern[str], Meaning], ...]] = (
    (re.compile(r"[a-z0-9]+_(runtime|driver)"), Kind.LAUNCH),
    (re.compile(r"[a-z0-9]+_memcpy"), Kind.COPY),
    (re.compile(r"[a-z0-9]+_memset"), Kind.FILL),
    (re.compile(r"[a-z0-9]+_kernel"), Kind.KERNEL),
    (re.compile(r"[a-z0-9]+_(user_annotation|sync|profiler_range)|async_\w+"), Doubt.QUIET),
)
"""Vendor and activity: `gpu_memcpy`, `xpu_runtime`, `privateuse1_driver`, `mlu_memset`."""


def meaning(category: str) -> Meaning:
    """Return what rows of a category are, however it is spelled."""
    known = category.lower()
    if known in _NAMES:
        return _NAMES[known]
    return next((one for form, one in _PATTERNS if form.fullmatch(known)), Doubt.UNKNOWN)


class Meanings(dict[str, Meaning]):
    """What each category means, asked once."""

    def __missing__(self, category: str) -> Meaning:
        found = self[category] = meaning(category)
        return found


NO_OPERATOR: Final = re.compile(r"(?!.*::)\w*\W")
"""Names that the dispatcher does not give (`aten::mm`, `detach_`), nor autograd (`MmBackward0`)."""


def has_no_annotations(categories: Container[str]) -> bool:
    """Return whether a trace is of a time (until 2021) when annotations were operators, too."""
    return "Operator" in categories and "user_annotation" not in categories


_ACCELERATORS: Final = (
    (re.compile(r"\bascend\b|\bnpu\b|\bhccl\b"), "Ascend NPU"),
    (re.compile(r"\bhpu(?![a-z])|\bgaudi"), "Gaudi (HPU)"),
    (re.compile(r"\bmtia(?![a-z])"), "MTIA"),
    (re.compile(r"\bxpu(?![a-z])"), "XPU"),
    (re.compile(r"\bmlu(?![a-z])"), "MLU"),
    (re.compile(r"\bgcu(?![a-z])"), "GCU"),
    (re.compile(r"\bmusa(?![a-z])"), "MUSA"),
    (re.compile(r"\btpu\b"), "TPU"),
)


def accelerator(told: str) -> str:
    """Return what a category, or the name of a process, tells of the device; empty: nothing."""
    words = told.lower().replace("_", " ")
    return next((name for form, name in _ACCELERATORS if form.search(words)), "")
