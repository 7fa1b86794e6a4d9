"""docs/results/gpu.md and the pictures beside it, from all files that the kit has written.

Reads JSON alone: no torch, and nothing is measured.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from resnext_bench.lab.visit.pages.convs import convs
from resnext_bench.lab.visit.pages.device import device
from resnext_bench.lab.visit.pages.hardware import about, tests
from resnext_bench.lab.visit.pages.index import index
from resnext_bench.lab.visit.pages.kernels import kernels
from resnext_bench.lab.visit.pages.pictures import pictures
from resnext_bench.lab.visit.pages.published import published
from resnext_bench.lab.visit.pages.sentences import sentences
from resnext_bench.lab.visit.pages.training import training
from resnext_bench.lab.visit.pages.trust import trust
from resnext_bench.lab.visit.pages.undone import undone, wrong
from resnext_bench.lab.visit.pages.words import joined
from resnext_bench.lab.visit.plan import MINUTES, PARTS
from resnext_bench.lab.visit.results import Book, Results

_TITLE: Final = (
    "# Results on GPUs\n\nWritten by `nox -s docs` from the files in `docs/results/gpu`."
)
_NO_GPU: Final = (
    "**No GPU has been measured yet.** There is no file of results of one, so nothing is said here "
    "of how fast anything trains on a GPU; the only figures of GPUs on this page are those that "
    "others have published, below."
)
_TAKING: Final = f"""\
## How to take them

`nox -s gpu`, or `python -m resnext_bench.lab.visit` where nox is missing: {MINUTES:g} minutes on
one CUDA GPU. Everything goes into one JSON, `docs/results/gpu/DEVICE-DATE.json`, which is written
after every task, so that whatever cuts a visit leaves what there was by then. `nox -s docs` then
renews this page.

- `--minutes N`: how long in all; parts share it, and what one leaves is the next one's.
- `--only PART`: one part, or several if repeated: {", ".join(part.name for part in PARTS)}.
- `--resume FILE`: go on with what an earlier visit left, on the same device with the same software.
- `--json FILE`: write to another file.

What each part measures, and how it is checked: [gpu-kit.md](../gpu-kit.md).

A figure is made of rounds: what is compared (a line of a table on training, a layer's convolutions)
took turns, a block each, forth and back, and a round is one replicate. Intervals are Student's t on
logarithms over rounds, ratios are paired by rounds; {"–"} is where nothing was measured, or for an
interval that one round has none of, or that is wider than a factor of ten. An interval holds what
varied within one visit to one board, not what differs from board to board."""
_MINIATURE: Final = (
    "**A miniature on a CPU: small networks, small images, few rounds. It shows that the kit "
    "works, and says nothing of GPUs.**"
)


def pages(folder: Path) -> dict[Path, str]:
    """What is written under docs/results: the page on GPUs, its pictures, and the index."""
    found = {path.stem: Book.open(path).results for path in sorted((folder / "gpu").glob("*.json"))}
    made = {name: pictures(results) for name, results in found.items()}
    drawn = {
        folder / "gpu" / f"{name}-{which}.svg": text
        for name, each in made.items()
        for which, text in each.items()
    }
    return {
        folder / "gpu.md": page(found, made),
        folder / "README.md": index(folder, found),
        **drawn,
    }


def page(found: Mapping[str, Results], made: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The page on all results, by the names of their files; `made` are their pictures."""
    is_measured = any(not results.facts.is_miniature for results in found.values())
    drawn = made or {}
    parts = (
        _TITLE,
        "" if is_measured else _NO_GPU,
        *(section(name, one, tuple(drawn.get(name, ()))) for name, one in found.items()),
        published(list(found.values())),
        _TAKING,
    )
    return joined(parts) + "\n"


def section(name: str, results: Results, drawn: Sequence[str] = ()) -> str:
    """All of one file, real GPUs with three sentences first."""
    images = {which: f"![{which}](gpu/{name}-{which}.svg)" for which in drawn}
    parts = (
        f"## {results.facts.device}, {results.date}",
        _MINIATURE if results.facts.is_miniature else sentences(results),
        wrong(results),
        about(results),
        f"All numbers as they were measured: [gpu/{name}.json](gpu/{name}.json).",
        tests(results),
        device(results),
        training(results),
        images.get("training", ""),
        kernels(results),
        convs(results),
        images.get("convs", ""),
        trust(results),
        undone(results),
    )
    return joined(parts)
