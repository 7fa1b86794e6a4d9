"""Networks of ours beside those of torchvision and timm, and eager beside compiled, by rounds."""

from collections.abc import Callable, Iterator
from typing import Final

from resnext_bench.lab.visit.pages.contests import Contest, contests
from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.tables import introduced, table
from resnext_bench.lab.visit.pages.words import NONE, Notes, figure, remarks
from resnext_bench.lab.visit.results import Results
from resnext_bench.reports.render.model import Code, Section, Words, inline

_EAGER: Final = "eager"
_COMPILED: Final = (
    *("model", "setting", "batch", "mode", "eager", "compiled", "ratio"),
    "first step, s: eager and compiled",
)
Ratio = Callable[[Contest, str], Figure | None]


def rivals(results: Results) -> Iterator[Section]:
    """Yield both contests."""
    yield from peers(results)
    yield from compilers(results)


def peers(results: Results) -> Iterator[Section]:
    """Yield other libraries' networks of the same name, trained by a loop without this harness."""
    found = contests(results, "peers")
    others = [side for side in _sides(found) if side != "ours"]
    body = _table(found, "ours", others, lambda one, side: one.timed.ratio("ours", side))
    words = "Beside other libraries' networks; ratios are ours over theirs, above 1 ours is faster:"
    yield from introduced(words, body)


def compilers(results: Results) -> Iterator[Section]:
    """Yield torch.compile in two of its modes, each beside eager."""
    notes = Notes()
    found = [one for kind in ("compilers", "autotune") for one in contests(results, kind)]
    rows = (row for one in found for row in _compiled(one, notes))
    words = (
        "torch.compile; ratios are over eager, above 1 compiling pays. The last column is how long "
        "it takes to the end of the first step: building, compiling, and for eager what cuDNN "
        "searches, where no contest before had the same shapes:"
    )
    yield from introduced(words, table(_COMPILED, rows, notes=notes))


def _compiled(one: Contest, notes: Notes) -> Iterator[tuple[Words, ...]]:
    mark = notes.mark(remarks(one.task))
    for side in (side for side in one.sides if side != _EAGER):
        yield (
            inline(Code(one.model), mark),
            one.typed,
            str(one.batch),
            side,
            one.told(_EAGER) if _EAGER in one.sides else NONE,
            one.told(side),
            figure(one.timed.ratio(side, _EAGER)),
            " and ".join(_first_s(one, name) for name in (_EAGER, side)),
        )


def _first_s(one: Contest, side: str) -> str:
    seconds = one.cells.get(side, {}).get("first_s")
    return NONE if seconds is None else f"{seconds:.1f}"


def _table(found: list[Contest], base: str, others: list[str], ratio: Ratio) -> Iterator[Section]:
    """Yield a line for each contest: the base, then each other side with its ratio."""
    notes = Notes()
    head = ["model", "setting", "batch", base]
    head += [word for side in others for word in (side, f"ratio, {side}")]
    rows = []
    for one in found:
        cells: list[Words] = [one.told(base) if base in one.sides else NONE]
        for side in others:
            told = one.told(side) if side in one.sides else NONE
            cells += [told, figure(ratio(one, side))]
        mark = notes.mark(remarks(one.task))
        rows.append((inline(Code(one.model), mark), one.typed, str(one.batch), *cells))
    yield from table(head, rows, notes=notes)


def _sides(found: list[Contest]) -> list[str]:
    return list(dict.fromkeys(side for one in found for side in one.sides))
