"""What was not measured, and why; and, first of all, what was wrong."""

from collections import Counter
from collections.abc import Iterator

from resnext_bench.lab.visit.pages.tables import headed, table
from resnext_bench.lab.visit.pages.words import NONE, listed, one_line
from resnext_bench.lab.visit.plan import PARTS
from resnext_bench.lab.visit.results import PartResult, Results
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Paragraph,
    Section,
    Strong,
    Words,
    inline,
)

_TESTS = "tests"
_MOST = 6
"""Most keys that a line names; of more it only gives the number."""
_UNTOLD = "no reason is told"


def wrong(results: Results) -> Iterator[Section]:
    """Yield results that were wrong; nothing that was timed with them is shown."""
    rows = tuple(
        f"{name}, {key}: {one_line(why)}"
        for name, part in results.parts.items()
        for key, task in part.tasks.items()
        for why in task.wrong
        if name != _TESTS
    )
    if failed := sum(len(task.wrong) for task in results.part(_TESTS).tasks.values()):
        tests = Strong(f"Tests that failed: {failed}; they are listed below.")
        yield Paragraph(text=inline(tests))
    if rows:
        head = Strong("Wrong results. Nothing that was timed with them is shown:")
        yield Paragraph(text=inline(head))
        yield Bullets(items=rows)


def undone(results: Results) -> Iterator[Section]:
    """Yield parts not begun, tasks not reached, cut, failed or skipped, and sides left out."""
    rows = (row for part in PARTS for row in _part(part.name, results.parts.get(part.name)))
    body = table(("part", "what", "state", "why"), rows)
    yield from headed("Not measured, or not to the end", body)


def _part(name: str, part: PartResult | None) -> Iterator[tuple[Words, ...]]:
    """Yield lines that put the same together: what is left of many contests is one line."""
    if part is None:
        yield name, "all of it", "not begun", NONE
        return
    if not part.planned and not part.tasks:
        yield name, "all of it", "not reached", one_line(part.why) or _UNTOLD
    alike: dict[tuple[str, str], list[str]] = {}
    for key, state, why in _tasks(part):
        alike.setdefault((state, one_line(why)), []).append(key)
    for (state, why), keys in alike.items():
        yield (
            name,
            listed([Code(key) for key in keys]) if len(keys) <= _MOST else _kinds(keys),
            state,
            why,
        )


def _kinds(keys: list[str]) -> str:
    """Return how many there are of each kind of task."""
    counts = Counter(key.partition("/")[0] for key in keys)
    return ", ".join(f"{count} of {kind}" for kind, count in counts.items())


def _tasks(part: PartResult) -> Iterator[tuple[str, str, str]]:
    for key in dict.fromkeys((*part.planned, *part.tasks)):
        task = part.tasks.get(key)
        if task is None:
            yield key, "not reached", part.why or _UNTOLD
            continue
        if task.state == "running":
            yield key, "ended while it ran", part.why or _UNTOLD
        elif task.state != "done":
            yield key, task.state, task.why or part.why or _UNTOLD
        for side, why in task.found.get("left_out", {}).items():
            yield f"{key}: {side}", "left out", why
