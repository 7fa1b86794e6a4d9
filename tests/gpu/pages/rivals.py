"""Ours beside torchvision and timm, and eager beside compiled, in the same rounds."""

from collections.abc import Callable

from tests.gpu.kit.results import Results
from tests.gpu.pages.contests import Contest, contests
from tests.gpu.pages.figures import Figure
from tests.gpu.pages.words import NONE, Notes, figure, joined, remarks, table

Ratio = Callable[[Contest, str], Figure | None]


def rivals(results: Results) -> str:
    """Both contests."""
    return joined((peers(results), compilers(results)))


def peers(results: Results) -> str:
    """Other libraries' networks of the same name, trained by a loop without this harness."""
    found = contests(results, "peers")
    others = [side for side in _sides(found) if side != "ours"]
    body = _table(found, "ours", others, lambda one, side: one.timed.ratio("ours", side))
    words = "Beside other libraries' networks; ratios are ours over theirs, above 1 ours is faster:"
    return joined((words, body)) if body else ""


def compilers(results: Results) -> str:
    """torch.compile in two of its modes."""
    found = contests(results, "compilers")
    others = [side for side in _sides(found) if side != "eager"]
    body = _table(found, "eager", others, lambda one, side: one.timed.ratio(side, "eager"))
    first = "; ".join(_first_steps(one) for one in found if one.cells)
    words = "torch.compile; ratios are over eager, above 1 compiling pays:"
    told = f"Seconds to the end of the first step: {first}." if first else ""
    return joined((words, body, told)) if body else ""


def _table(found: list[Contest], base: str, others: list[str], ratio: Ratio) -> str:
    """A line for each contest: the base, then each other side with its ratio."""
    notes = Notes()
    head = ["model", "setting", "batch", base]
    head += [word for side in others for word in (side, f"ratio, {side}")]
    rows = []
    for one in found:
        cells = [one.told(base) if base in one.sides else NONE]
        for side in others:
            told = one.told(side) if side in one.sides else NONE
            cells += [told, figure(ratio(one, side))]
        mark = notes.mark(remarks(one.task))
        rows.append((f"`{one.model}`{mark}", one.typed, str(one.batch), *cells))
    return joined((table(head, rows), notes.text()))


def _sides(found: list[Contest]) -> list[str]:
    return list(dict.fromkeys(side for one in found for side in one.sides))


def _first_steps(one: Contest) -> str:
    times = ", ".join(
        f"{side} {cell['first_s']:.1f}" for side, cell in one.cells.items() if "first_s" in cell
    )
    return f"`{one.model}` {one.typed} {one.batch}: {times}"
