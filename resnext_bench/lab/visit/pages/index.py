"""docs/results/README.md: every file of results, its content, and how to measure it again."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from resnext_bench.lab.visit.pages.hardware import rounds_of
from resnext_bench.lab.visit.pages.tables import table
from resnext_bench.lab.visit.pages.words import NONE, one_line
from resnext_bench.lab.visit.results import Results
from resnext_bench.reports.render.model import (
    Code,
    Heading,
    Link,
    Paragraph,
    Section,
    Words,
    inline,
    joined,
)

CAMPAIGN: Final = (
    *("calibration", "verdicts", "engines", "variants", "memory", "loaders", "attribution"),
    *("scripts", "fidelity"),
)
"""Names that `nox -s campaign` takes without being asked for one."""
_COMMANDS: Final = {
    name: f"nox -s campaign -- {name}" for name in (*CAMPAIGN, "trace_figures", "trace_many")
} | {
    "traces": "nox -s bench -- traces --json docs/results/traces.json",
    "cudnn-releases": "nox -s campaign -- releases",
}
_HEAD: Final = ("file", "what", "hardware", "taken", "n", "told in", "taken again by")
_WORDS: Final = inline(
    "Written by ",
    Code("nox -s docs"),
    ". Each file holds the numbers as they were measured, with hardware, versions and dates; n is "
    f"what a file itself calls so, or the sessions or rounds in it; {NONE} is what it does not "
    "tell. ",
    Code("nox -s campaign"),
    " goes on where it was cut: to take something anew, remove its file first.",
)
_GPU_PAGE: Final = Link("gpu.md", to="gpu.md")
_DAY: Final = len("2026-01-31")


def index(folder: Path, gpus: Mapping[str, Results]) -> Iterator[Section]:
    """Yield the page; `gpus` are the results of the kit by the names of their files."""
    found = {path: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    rows = [_row(path, one) for path, one in found.items()]
    rows += [_gpu(name, results) for name, results in gpus.items()]
    yield Heading(text="Files of results", level=1)
    yield Paragraph(text=_WORDS)
    yield from table(_HEAD, rows)
    if not gpus:
        words = inline("No GPU has been measured yet: ", _GPU_PAGE, " says how that is done.")
        yield Paragraph(text=words)


def _row(path: Path, found: Mapping[str, Any]) -> tuple[Words, ...]:
    command = _COMMANDS.get(path.stem)
    return (
        inline(Link(path.name, to=path.name)),
        one_line(str(found.get("what", NONE))),
        one_line(str(found.get("hardware", NONE))),
        _span([*_dates(found)]),
        _count(found),
        _told_in(path),
        inline(Code(command) if command else NONE),
    )


def _gpu(name: str, results: Results) -> tuple[Words, ...]:
    small = "; a miniature, which says nothing of GPUs" if results.facts.is_miniature else ""
    device = " -- --device cpu" if results.facts.is_miniature else ""
    file = f"gpu/{name}.json"
    return (
        inline(Link(file, to=file)),
        f"{one_line(results.what)}{small}",
        one_line(results.facts.device),
        _span([results.date, *(visit.started for visit in results.visits)]),
        rounds_of(results) or NONE,
        inline(_GPU_PAGE),
        inline(Code(f"nox -s gpu{device}")),
    )


def _dates(found: Any) -> Iterator[str]:
    """Yield every date in a file, at any depth."""
    if isinstance(found, dict):
        for name, value in found.items():
            if name == "date" and isinstance(value, str):
                yield value
            else:
                yield from _dates(value)
    elif isinstance(found, list):
        for value in found:
            yield from _dates(value)


def _span(dates: list[str]) -> str:
    days = sorted({date[:_DAY] for date in dates})
    return NONE if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _count(found: Mapping[str, Any]) -> str:
    """Return the file's own n, else the number of sessions in it."""
    if isinstance(found.get("n"), int):
        return f"{found['n']:,}"
    sessions = found.get("sessions")
    if isinstance(sessions, list):
        return f"{len(sessions)} sessions"
    if isinstance(sessions, dict):
        counts = sorted({len(each) for each in sessions.values()})
        return f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} sessions"
    return NONE


def _told_in(path: Path) -> Words:
    """Return links to the pages that link to the file."""
    named = f"results/{path.name}"
    pages = [page for page in sorted(path.parents[1].glob("*.md")) if named in page.read_text()]
    return joined([Link(page.name, to=f"../{page.name}") for page in pages] or [NONE], ", ")
