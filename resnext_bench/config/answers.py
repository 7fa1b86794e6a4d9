"""A request on its way to a configuration: what was given, what was chosen, and why."""

import importlib.util
from dataclasses import dataclass, field
from typing import Any

from resnext_bench.config.options import OPTIONS
from resnext_bench.errors import CannotHere
from resnext_bench.machine.member import Member
from resnext_bench.reports.schema.config import Choice, Request


@dataclass(kw_only=True, slots=True)
class Answers:
    """The request on its way: the user's answers where given, else defaults with their reasons."""

    request: Request
    member: Member | None = None
    """The rank that this process is in a group that another launcher has started."""
    choices: list[Choice] = field(default_factory=list)
    for_plan: bool = False
    """Whether nothing will be started: a plan may need more than this machine has."""
    cannot: list[str] = field(default_factory=list)
    """Why this machine cannot run the plan."""

    def __call__(self, option: str, default: Any, why: str, *, tell: bool = True) -> Any:
        """Return the user's answer, or the default, which is not shown if it has no effect here."""
        if option in self.request:
            return self.request[option]
        if tell:
            self.choices.append(Choice(option=option, value=default, why=why))
        return default

    def usual(self, option: str, *, tell: bool = True) -> Any:
        """Return the user's answer, or the default in the option's own entry."""
        entry = OPTIONS[option]
        assert entry.default is not None, f"{option} has no default of its own"
        return self(option, entry.default, entry.why, tell=tell and entry.is_told)

    def lack(self, why: str, instead: str) -> None:
        """Note in a plan that this machine has too little; in a run raise CannotHere."""
        if not self.for_plan:
            raise CannotHere(f"{why}; {instead}")
        self.cannot.append(why)


def is_installed(module: str) -> bool:
    """Return whether a package is installed; it is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
