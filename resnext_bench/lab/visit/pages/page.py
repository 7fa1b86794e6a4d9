"""docs/results/gpu.md and the pictures beside it, from all files that the kit has written.

It only reads JSON: no torch, and nothing is measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from resnext_bench.lab.visit.pages.convs import convs
from resnext_bench.lab.visit.pages.device import device
from resnext_bench.lab.visit.pages.hardware import about, tests
from resnext_bench.lab.visit.pages.index import index
from resnext_bench.lab.visit.pages.kernels import kernels
from resnext_bench.lab.visit.pages.mixes import mixes
from resnext_bench.lab.visit.pages.pictures import pictures
from resnext_bench.lab.visit.pages.plans import plans
from resnext_bench.lab.visit.pages.published import published
from resnext_bench.lab.visit.pages.sentences import sentences
from resnext_bench.lab.visit.pages.taking import TAKING
from resnext_bench.lab.visit.pages.training import training
from resnext_bench.lab.visit.pages.trust import trust
from resnext_bench.lab.visit.pages.undone import undone, wrong
from resnext_bench.lab.visit.results import Book, Results
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.render.model import (
    Code,
    Heading,
    Link,
    Paragraph,
    Picture,
    Section,
    Strong,
    inline,
)

_WRITTEN: Final = inline(
    "Written by ", Code("nox -s docs"), " from the files in ", Code("docs/results/gpu"), "."
)
_NO_GPU: Final = inline(
    Strong("No GPU has been measured yet."),
    " There is no file of results of one, so nothing is said here of how fast anything trains on a "
    "GPU; the only figures of GPUs on this page are those that others have published, below.",
)
_MINIATURE: Final = inline(
    Strong(
        "A miniature on a CPU: small networks, small images, few rounds. It shows that the kit "
        "works, and says nothing of GPUs."
    )
)


def pages(folder: Path) -> dict[Path, str]:
    """Return what is written under docs/results: the page on GPUs, its pictures, and the index."""
    found = {path.stem: Book.open(path).results for path in sorted((folder / "gpu").glob("*.json"))}
    made = {name: pictures(results) for name, results in found.items()}
    drawn = {
        folder / "gpu" / f"{name}-{which}.svg": text
        for name, each in made.items()
        for which, text in each.items()
    }
    return {
        folder / "gpu.md": page(found, made),
        folder / "README.md": markdown(index(folder, found)),
        **drawn,
    }


def page(found: Mapping[str, Results], made: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return the page on all results, by the names of their files; `made` are their pictures."""
    return markdown(sections(found, made or {}))


def sections(
    found: Mapping[str, Results], made: Mapping[str, Mapping[str, str]]
) -> Iterator[Section]:
    """Yield the page: each file's results, what others have published, and how to measure."""
    yield Heading(text="Results on GPUs", level=1)
    yield Paragraph(text=_WRITTEN)
    if all(results.facts.is_miniature for results in found.values()):
        yield Paragraph(text=_NO_GPU)
    for name, results in found.items():
        yield from of_file(name, results, tuple(made.get(name, ())))
    yield from published(list(found.values()))
    yield from TAKING


def of_file(name: str, results: Results, drawn: Sequence[str] = ()) -> Iterator[Section]:
    """Yield the results of one file; `drawn` are its pictures.

    For a real GPU they begin with three sentences.
    """
    file = f"gpu/{name}.json"
    yield Heading(text=f"{results.facts.device}, {results.date}", level=2)
    if results.facts.is_miniature:
        yield Paragraph(text=_MINIATURE)
    yield from sentences(results)
    yield from wrong(results)
    yield about(results)
    yield Paragraph(text=inline("All numbers as they were measured: ", Link(file, to=file), "."))
    yield from tests(results)
    yield from device(results)
    yield from training(results)
    yield from _picture(name, "training", drawn)
    yield from kernels(results)
    yield from convs(results)
    yield from _picture(name, "convs", drawn)
    yield from plans(results)
    yield from mixes(results)
    yield from trust(results)
    yield from undone(results)


def _picture(name: str, which: str, drawn: Sequence[str]) -> Iterator[Section]:
    """Yield the picture, if it was drawn."""
    if which in drawn:
        yield Picture(path=f"gpu/{name}-{which}.svg", alternative=which)
