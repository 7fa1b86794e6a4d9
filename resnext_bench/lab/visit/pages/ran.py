"""The kernels that the fastest choices ran, by name."""

from collections.abc import Iterator, Sequence

from resnext_bench.lab.visit.pages.layers import DIRECTIONS, LAYOUTS, Layer
from resnext_bench.lab.visit.pages.tables import introduced, table
from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.render.model import Code, Section, inline
from resnext_bench.reports.trace.names.kernels import kernel

_MOST = 110
"""Most characters of a name that are shown; names of cuDNN's say most in their first words."""


def ran(found: Sequence[Layer]) -> Iterator[Section]:
    """Yield a line for each kernel, with what it is the fastest for; nothing if none is known."""
    users: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for layout in LAYOUTS:
            for direction in DIRECTIONS:
                best = one.best(direction, layout)
                if best and best.kernels:
                    what = f"{one.name} {direction}"
                    users.setdefault((best.kernels[0], layout), []).append(what)
    rows = (
        (inline(Code(_name(name))), kernel(name).tensor_core.value, layout, ", ".join(what))
        for (name, layout), what in users.items()
    )
    words = "Kernels of these choices, of several the one that took longest:"
    yield from introduced(words, table(("kernel", "tensor cores", "layout", "fastest for"), rows))


def _name(name: str) -> str:
    told = short(name)
    return told if len(told) <= _MOST else f"{told[:_MOST]}…"
