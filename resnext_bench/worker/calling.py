"""How a user's callable is given the number of classes. All rules on signatures are here."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from torch import nn

NAME: Final = "num_classes"

How = Literal["by name", "by place", "among options", "bound", "not"]

_ABOUT_IT: Final = re.compile(rf"\b{NAME}\b")
_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The arguments of a callable."""

    how: How
    classes: int

    @property
    def words(self) -> str:
        """Describe what was passed, for messages about the result."""
        match self.how:
            case "by name" | "by place":
                return f"it was called with {NAME}={self.classes}"
            case "among options":
                return f"{NAME}={self.classes} was offered to its **options"
            case "bound":
                return f"its {NAME} is bound by functools.partial"
        return f"it takes no {NAME}, so it was called without"


def told_to(target: Callable[..., Any], classes: int) -> Told:
    """Decide by its signature how this callable gets the number of classes."""
    return Told(how=_how(target), classes=classes)


def call(target: Callable[..., Any], told: Told) -> Any:
    """Call it; if it passes the option on to something that refuses it, call it without."""
    if told.how == "by place":
        return target(told.classes)
    if told.how not in ("by name", "among options"):
        return target()
    try:
        return target(**{NAME: told.classes})
    except TypeError as error:
        if not _ABOUT_IT.search(str(error)):
            raise
        return target()


def missing_in(target: Callable[..., Any], told: Told) -> tuple[str, ...]:
    """List required parameters that it is not given."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return ()
    needed = [
        one.name
        for one in parameters
        if one.default is inspect.Parameter.empty
        and one.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]
    if told.how == "by place":
        return tuple(needed[1:])
    return tuple(name for name in needed if name != NAME or told.how == "not")


def _how(target: Callable[..., Any]) -> How:
    if isinstance(target, functools.partial):
        if NAME in target.keywords:
            return "bound"
        if _how(target.func) == "not":
            return "not"
    if isinstance(target, type) and _constructor_of(target) is nn.Module:
        return "not"  # its own takes **kwargs to refuse them with a better word
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # of what is not written in Python, nothing is known
        return "not"
    if any(one.name == NAME and one.kind in _BY_NAME for one in parameters):
        return "by name"
    first = parameters[0] if parameters else None
    if first and first.name == NAME and first.kind is inspect.Parameter.POSITIONAL_ONLY:
        return "by place"
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    return "among options" if takes_any else "not"


def _constructor_of(target: type) -> type | None:
    """Return the class whose __init__ or __new__ makes instances of this one."""
    made = (one for one in target.__mro__ if {"__init__", "__new__"} & vars(one).keys())
    return next(made, None)
