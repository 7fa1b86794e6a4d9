"""The contests of training, from their keys: what took turns, on which model, batch and type."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from resnext_bench.lab.visit.pages.figures import Figure, Timed, timed, wrong_sides
from resnext_bench.lab.visit.pages.words import NONE, figure, one_line
from resnext_bench.lab.visit.results import Results, Task
from resnext_bench.reports.render.model import Strong, Words, inline

_FIELDS = {
    "types": ("model", "batch"),
    "fp32": ("model", "batch"),
    "models": ("batch", "typed"),
    "peers": ("model", "batch", "typed"),
    "compilers": ("model", "batch", "typed"),
    "autotune": ("model", "batch", "typed"),
}


@dataclass(frozen=True, kw_only=True)
class Contest:
    """One task of training that has results to show."""

    batch: int
    model: str = ""
    """Name of the model; empty where models took turns."""
    typed: str = ""
    """Type and layout; empty where these took turns."""
    task: Task
    timed: Timed

    @property
    def size(self) -> int:
        """Edge of the images, pixels; 0 where it is not known."""
        return int(self.task.found.get("image_size", 0))

    @property
    def sides(self) -> tuple[str, ...]:
        """Names of the sides in order, whether timed, wrong or left out."""
        left_out = self.task.found.get("left_out", {})
        return tuple(dict.fromkeys((*self.task.found.get("sides", ()), *self.cells, *left_out)))

    @property
    def cells(self) -> dict[str, dict[str, Any]]:
        """What was trained and how, by the names of the sides."""
        cells: dict[str, dict[str, Any]] = self.task.found.get("cells", {})
        return cells

    def told(self, side: str) -> Words:
        """Return images/s of a side, or why there are none."""
        if side in wrong_sides(self.task):
            return inline(Strong("wrong"))
        if why := self.task.found.get("left_out", {}).get(side):
            return f"{NONE} ({one_line(why)})"
        return figure(self.timed.rate(side))


def contests(results: Results, kind: str) -> list[Contest]:
    """Return the contests of one kind, those with the larger batch first."""
    found = [
        Contest(task=task, timed=timed(task, results.confidence), **fields)
        for key, task in results.told("training", f"{kind}/").items()
        if (fields := _fields(kind, key))
    ]
    return sorted(found, key=lambda one: -one.batch)


def _fields(kind: str, key: str) -> dict[str, Any]:
    """Return what a key says; empty for a key of another shape."""
    values, names = key.split("/")[1:], _FIELDS[kind]
    if len(values) != len(names):
        return {}
    fields: dict[str, Any] = dict(zip(names, values, strict=True))
    return fields | {"batch": int(fields["batch"])} if fields["batch"].isdecimal() else {}


@dataclass(frozen=True, kw_only=True)
class Reached:
    """The images/s of one model in one setting."""

    model: str
    batch: int
    typed: str
    size: int
    rate: Figure


def reached(results: Results) -> Iterator[Reached]:
    """Yield every model, batch and setting once: from a contest of types, else of models."""
    seen: set[tuple[str, int, str]] = set()
    for kind in ("types", "fp32", "models"):
        for contest in contests(results, kind):
            for side in contest.timed.sides:
                model, typed = contest.model or side, contest.typed or side
                rate = contest.timed.rate(side)
                if rate and (model, contest.batch, typed) not in seen:
                    seen.add((model, contest.batch, typed))
                    yield Reached(
                        model=model, batch=contest.batch, typed=typed, size=contest.size, rate=rate
                    )
