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
    """The request on its way: answers from the user where given, else a default with its why."""

    request: Request
    member: Member | None = None
    """The part this process has in a group that somebody else has started."""
    choices: list[Choice] = field(default_factory=list)
    for_plan: bool = False
    """Whether nothing will be started: then what is planned may be more than this machine has."""
    cannot: list[str] = field(default_factory=list)
    """Why this machine could not run the plan."""

    def __call__(self, option: str, default: Any, why: str, *, tell: bool = True) -> Any:
        """The user's answer, or the default; untold where the option has no effect here."""
        if option in self.request:
            return self.request[option]
        if tell:
            self.choices.append(Choice(option=option, value=default, why=why))
        return default

    def usual(self, option: str, *, tell: bool = True) -> Any:
        """The user's answer, or the default that stands with the option itself."""
        entry = OPTIONS[option]
        assert entry.default is not None, f"{option} has no default of its own"
        return self(option, entry.default, entry.why, tell=tell and entry.is_told)

    def lack(self, why: str, instead: str) -> None:
        """Note that this machine has too little for a plan; of a run raise CannotHere."""
        if not self.for_plan:
            raise CannotHere(f"{why}; {instead}")
        self.cannot.append(why)


def is_installed(module: str) -> bool:
    """Whether a package is there; it is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
