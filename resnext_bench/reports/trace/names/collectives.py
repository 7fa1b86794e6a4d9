"""What a collective does: who sends what to whom, by its name; what of its bytes crosses links.

Names are those of PyTorch's process groups (`allreduce`, `_allgather_base`, `nccl:all_to_all`) and
of NCCL's kernels (`ncclDevKernel_AllReduce_Sum_f32_RING_LL`).
"""

import re
from typing import Final

from resnext_bench.reports.schema.trace_ranks import CollectiveKind

_PATTERNS: Final[tuple[tuple[CollectiveKind, re.Pattern[str]], ...]] = (
    ("all-reduce", re.compile(r"all_?reduce|cross_device_reduce|shot_?reduce")),
    ("reduce-scatter", re.compile(r"reduce_?scatter")),
    ("all-gather", re.compile(r"all_?gather")),
    ("all-to-all", re.compile(r"all_?(?:to|2)_?all|sendrecv")),
    ("broadcast", re.compile(r"broadcast")),
    ("barrier", re.compile(r"barrier")),
    ("gather", re.compile(r"gather")),
    ("scatter", re.compile(r"scatter")),
    ("reduce", re.compile(r"reduce")),
    ("send, receive", re.compile(r"(?<![a-z])(?:i?send|i?recv)|send_?recv|(?<![a-z])p2p")),
)
"""In lower case, the first that fits; NCCL's kernels are alike for all-to-all and send."""
_TOGETHER: Final[frozenset[CollectiveKind]] = frozenset(
    {"all-reduce", "reduce-scatter", "all-gather", "all-to-all", "barrier"}
)
_WHOLE: Final[frozenset[CollectiveKind]] = frozenset(
    {"reduce-scatter", "all-gather", "all-to-all", "gather", "scatter"}
)
_SIZES: Final = {
    **dict.fromkeys(("double", "long", "long int", "complexfloat", "c10::complex<float>"), 8),
    **dict.fromkeys(("float", "int", "unsigned int"), 4),
    **dict.fromkeys(("half", "bfloat16", "c10::half", "c10::bfloat16", "short", "short int"), 2),
    **dict.fromkeys(("char", "byte", "bool", "signed char", "unsigned char"), 1),
}
"""Bytes of an element, by the names of PyTorch and of C++, in lower case."""
_FP8: Final = re.compile(r"(?:c10::)?float8_")


def kind_of(name: str) -> CollectiveKind:
    """Return what a collective of this name does."""
    told = name.lower()
    return next((kind for kind, what in _PATTERNS if what.search(told)), "other")


def ends_together(kind: CollectiveKind) -> bool:
    """Return whether no rank can be done before the last one has come.

    A broadcast ends on the rank that sends before others have begun.
    """
    return kind in _TOGETHER


def bytes_of_element(dtype: str) -> int | None:
    """Return the bytes of an element; None for types that are not known."""
    told = dtype.lower()
    return 1 if _FP8.match(told) else _SIZES.get(told)


def message_elements(kind: CollectiveKind, sent: int, received: int) -> int:
    """Return the elements of a message: of what is put together or taken apart, the whole."""
    return max(sent, received) if kind in _WHOLE else sent


def bus_factor(kind: CollectiveKind, size: int) -> float | None:
    """Return how often a message crosses the links of each rank, as nccl-tests count it.

    Algorithms of one message are compared by it: a ring of n ranks sends each byte of an all-reduce
    2 · (n - 1) / n times. None where the kind is not known, or moves nothing.
    """
    if size < 2 or kind in ("barrier", "send, receive", "other"):
        return None
    if kind in ("broadcast", "reduce"):
        return 1.0
    return (2 if kind == "all-reduce" else 1) * (size - 1) / size
