"""The words of what makes two traces unlike (`reports/schema/trace_diff.py`)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from resnext_bench.reports.render.trace.layers import WITH_MODULES
from resnext_bench.reports.render.trace.warnings import sentences
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_diff import DiffKind
from resnext_bench.wording import count_of

_NAMES: Final = 4
"""Modules that a sentence names."""
_STEPS: Final = {
    "profiler": "ProfilerStep",
    "annotation": "annotations",
    "pattern": "launches that repeat",
    "range": "the range",
    "whole": "nothing: the whole trace is one step",
}
"""What tells steps."""


def fact_sentences(facts: Iterable[Note]) -> list[str]:
    """Return a sentence for each fact, of both traces together or of one of them."""
    return [_sentence(one) for one in facts]


def _sentence(one: Note) -> str:
    words = WORDS.get(one.kind)  # type: ignore[call-overload]  # else a warning of one trace
    if words is None:
        return f"{one.side}: {_HOST_ALONE if one.kind == 'host_alone' else sentences([one])[0]}"
    return words.format_map(one.values) if isinstance(words, str) else words(one)


def _sides(one: Note, told: str) -> str:
    """Return "a has ..." or "neither trace has ..."."""
    return f"{one.side} has {told}" if one.side else f"neither trace has {told}"


def _modules_missing(one: Note) -> str:
    names = _sides(one, "names of modules" if not one.side else "no names of modules")
    return f"{names}, so that work is not matched by them; profile with {WITH_MODULES}"


def _shapes_missing(one: Note) -> str:
    shapes = _sides(one, "shapes" if not one.side else "no shapes")
    module = "module, " if one.values.get("by") == "modules" else ""
    return (
        f"{shapes} (torch.profiler.profile(record_shapes=True)), so that work is matched by "
        f"{module}operator, class and kernel"
    )


def _modules_unpaired(one: Note) -> str:
    names, count = one.values["names"], one.values["count"]
    assert isinstance(names, tuple)
    assert isinstance(count, int)
    few = ", ".join(map(str, names[:_NAMES])) + (", ..." if len(names) > _NAMES else "")
    return f"{count_of(count, 'module')} only in {one.side}: {few}"


def _shares(words: str) -> Callable[[Note], str]:
    """Make a sentence with a share of each side's time."""

    def told(one: Note) -> str:
        return words.format(a=_share(one.values, "a"), b=_share(one.values, "b"))

    return told


def _share(values: Mapping[str, Any], side: str) -> str:
    return f"{100 * values[side]:.0f} %"


def _other(one: Note) -> str:
    """Return the side that a fact is not about."""
    return "b" if one.side == "a" else "a"


def _steps_differ(one: Note) -> str:
    a, b = (_STEPS[str(one.values[side])] for side in ("a", "b"))
    return f"steps are not told by the same: in a by {a}, in b by {b}"


def _no_interval(one: Note) -> str:
    a, b = one.values["a"], one.values["b"]
    if a == b:
        return f"each trace has {count_of(int(str(a)), 'step')}, so that noise cannot be told"
    many = count_of(int(str(a)), "step")
    return f"a has {many} and b {b}: with one step noise cannot be told"


_HOST_ALONE: Final = (
    "a device worked whose work is not in this trace: what is compared is the host alone (see "
    "trace report)"
)
WORDS: Final[dict[DiffKind, str | Callable[[Note], str]]] = {
    "devices_differ": "the devices are not the same: {a} and {b}",
    "host_against_device": (
        "one trace is of kernels and one of operators on a CPU (a: {a}, b: {b}): only classes can "
        "be compared"
    ),
    "worlds_differ": "not as many ranks trained: {a} and {b}",
    "world_unknown": lambda one: (
        f"{one.side} does not record how many ranks trained: in {_other(one)} "
        f"{one.values['of']} did"
    ),
    "ranks_differ": "the traces are of different ranks: {a} and {b}",
    "modules_missing": _modules_missing,
    "modules_differ": _shares(
        "the modules are for the most part other ones: of the time in modules {a} of a and {b} of "
        "b have a partner; work is matched without them"
    ),
    "modules_renamed": lambda one: (
        f"{count_of(int(str(one.values['count'])), 'module')} of b with another name in a: matched "
        "by type, shapes and order"
    ),
    "modules_unpaired": _modules_unpaired,
    "shapes_missing": _shapes_missing,
    "shapes_differ": lambda one: (
        f"{count_of(int(str(one.values['count'])), 'row')} of other shapes, as with another batch "
        "size: b does not compute the same there"
    ),
    "steps_differ": _steps_differ,
    "steps_unpaired": (
        "steps without a partner of the same number do not count: {a} of a and {b} of b"
    ),
    "no_interval": _no_interval,
    "unpaired_time": _shares(
        "most of the work has no partner: {a} of a's, {b} of b's; these may be other programs"
    ),
}
