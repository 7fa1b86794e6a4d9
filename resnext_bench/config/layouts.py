"""The option that gives some modules of a model another memory layout than the rest."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from resnext_bench.config.answers import Answers
from resnext_bench.config.lookup import list_nearest
from resnext_bench.config.models import foreign
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Kind
from resnext_bench.resnext.names import formed

NONE: Final = "none"
WITH_LAYOUT: Final[tuple[Kind, ...]] = ("conv", "norm", "max_pool", "mean_pool", "lrn")
"""Kinds of layers that have a layout of their own; the others take that of the map they read."""


_SHOWN: Final = 8
"""Number of outermost modules that a refusal names."""


def choose_other_layout(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Choose which modules are in the other layout, and refuse names that no module bears."""
    asked = str(pick.usual("other_layout"))
    if asked == NONE:
        return {"other_layout": NONE}
    if not patterns_of(asked):
        raise UsageError(
            f"--other-layout {asked!r}: name modules, such as layer4 or layer1.*.conv2, or none"
        )
    if values["compile_mode"] != NONE:
        raise UsageError(
            "--other-layout and --compile exclude each other: torch.compile chooses the layouts "
            "of maps itself"
        )
    if foreign(values["model"]) is None:  # others are looked at by the rank that builds them
        layers = draw(formed(values["model"], values["form"], 2), values["image_size"])
        known = [layer.name for layer in layers if layer.kind in WITH_LAYOUT]
        if found := unknown(patterns_of(asked), known):
            raise UsageError(f"--other-layout {found}")
    return {"other_layout": asked}


def patterns_of(text: str) -> tuple[str, ...]:
    """Return the names and patterns of the option, which commas separate."""
    given = () if text == NONE else (part.strip() for part in text.split(","))
    return tuple(filter(None, given))


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a module is meant: by name or pattern, or because a module around it is."""
    return any(fnmatchcase(one, pattern) for pattern in patterns for one in _around(name))


def unknown(patterns: Sequence[str], known: Iterable[str]) -> str:
    """Return the first pattern that means none of the modules, and what is near; "" if all do."""
    names = list(known)
    for pattern in patterns:
        if not any(matches(name, (pattern,)) for name in names):
            around = dict.fromkeys(one for name in names for one in _around(name))
            near = list_nearest(pattern, around) or _outermost(names)
            return f"{pattern}: no convolution, norm or pool has this name{near}"
    return ""


def _outermost(names: Iterable[str]) -> str:
    """List the outermost modules that hold such layers, as the end of a sentence."""
    outer = list(dict.fromkeys(_around(name)[0] for name in names))
    more = ", …" if len(outer) > _SHOWN else ""
    return f"; the outermost are {', '.join(outer[:_SHOWN])}{more}" if outer else ""


def unchecked(config: RunConfig) -> tuple[str, ...]:
    """Say that a plan has not looked for the modules that are named, where that is so."""
    if config.other_layout == NONE or foreign(config.model) is None:
        return ()
    told = (
        f"--other-layout {config.other_layout}: whether {config.model} has these modules is seen "
        "only when a rank builds it"
    )
    return (told,)


def shortest(chosen: Iterable[str], known: Iterable[str]) -> str:
    """Return names that mean exactly these modules of all that are known, as the option has them.

    A module around several stands for all of them where each is chosen.
    """
    wanted, others = list(chosen), set(known) - set(chosen)
    left = {around for name in others for around in _around(name)}
    found = [next(one for one in _around(name) if one not in left) for name in wanted]
    return ",".join(dict.fromkeys(found)) or NONE


def _around(name: str) -> list[str]:
    """Return the modules around one from the outermost to itself."""
    parts = name.split(".")
    return [".".join(parts[: depth + 1]) for depth in range(len(parts))]
