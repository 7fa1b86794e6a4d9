"""Training: images/s by setting and by model, share of the device's peak, and what it is beside.

Networks of ours stand beside those of torchvision and timm, ResNeXt beside the ResNet of about as
many FLOP, and compiled beside eager, by rounds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from resnext_bench.lab.visit.pages.contests import Contest, Reached, contests, reached
from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.published import PAPER_TAX
from resnext_bench.lab.visit.pages.roofs import Roofs, training_flop, typed
from resnext_bench.lab.visit.pages.tables import headed, introduced, table
from resnext_bench.lab.visit.pages.words import (
    NONE,
    Notes,
    error,
    figure,
    number,
    percent,
    remarks,
)
from resnext_bench.lab.visit.results import Results
from resnext_bench.lab.visit.sizes import sizes_for
from resnext_bench.reports.render.model import Code, Paragraph, Section, Words, inline

Ratio = Callable[[Contest, str], Figure | None]

_EAGER: Final = "eager"
_TAX_HEAD = ("ResNeXt / ResNet", "setting", "batch", "time of an image", "for its FLOP", "n")
_COMPILED: Final = (
    *("model", "setting", "batch", "mode", "eager", "compiled", "ratio"),
    "first step, s: eager and compiled",
)


def training(results: Results) -> Iterator[Section]:
    """Yield all results of training; nothing where there are none."""
    parts = (
        by_setting(results),
        by_model(results),
        share_of_device(results),
        checked(results),
        tax(results),
        rivals(results),
    )
    yield from headed("Training, images/s", chain.from_iterable(parts))


def by_setting(results: Results) -> Iterator[Section]:
    """Yield types and layouts that took turns on one model."""
    found = [*contests(results, "types"), *contests(results, "fp32")]
    yield from _wide(found, "model", lambda one: Code(one.model))
    yield from _ratios(found)


def _ratios(found: Sequence[Contest]) -> Iterator[Section]:
    """Yield the ratios of settings to the first one that all contests have, paired by rounds."""
    sides = list(dict.fromkeys(side for one in found for side in one.timed.sides))
    base = next((side for side in sides if all(side in one.timed.sides for one in found)), None)
    others = [side for side in sides if side != base]
    if base is None or not others:
        return
    rows: list[tuple[Words, ...]] = [
        (
            inline(Code(one.model)),
            str(one.batch),
            *(figure(one.timed.ratio(side, base)) for side in others),
        )
        for one in found
    ]
    words = f"The same over {base}, paired by rounds:"
    yield from introduced(words, table(("model", "batch", *others), rows))


def by_model(results: Results) -> Iterator[Section]:
    """Yield models that took turns in one setting."""
    found = contests(results, "models")
    yield from introduced("Models in turn:", _wide(found, "setting", lambda one: one.typed))


def _wide(
    found: Sequence[Contest], what: str, name: Callable[[Contest], str | Code]
) -> Iterator[Section]:
    """Yield a line for each contest, with a column for each side."""
    notes = Notes()
    sides = list(dict.fromkeys(side for one in found for side in one.sides))
    rows = (
        (
            inline(name(one), notes.mark(remarks(one.task))),
            str(one.batch),
            *(one.told(side) if side in one.sides else NONE for side in sides),
        )
        for one in found
    )
    yield from table((what, "batch", *sides), rows, notes=notes)


def share_of_device(results: Results) -> Iterator[Section]:
    """Yield MFU and share of the roofline by model and setting."""
    roofs, found = Roofs.of(results), list(reached(results))
    settings = list(dict.fromkeys(one.typed for one in found))
    words = (
        "MFU · share of the floor. MFU is images/s times FLOP of an image (1 MAC = 2 FLOP, forward "
        f"and backward) over the peak of the type: {_peaks(found, roofs)}. The floor is the least "
        "time of a step in NHWC, each layer a kernel of its own that reads and writes everything "
        "once, under this device's own measured copy bandwidth and product rate of the type; "
        "100 % would be every kernel at its floor. For NCHW it is the same floor, so that what the "
        "layout costs shows."
    )
    rows = _shares(found, settings, roofs)
    yield from introduced(words, table(("model", "batch", *settings), rows))


def _shares(
    found: Sequence[Reached], settings: Sequence[str], roofs: Roofs
) -> Iterator[tuple[Words, ...]]:
    for model, batch in dict.fromkeys((one.model, one.batch) for one in found):
        own = {one.typed: one for one in found if (one.model, one.batch) == (model, batch)}
        cells = [_share(own.get(setting), roofs) for setting in settings]
        if any(cell != NONE for cell in cells):
            yield inline(Code(model)), str(batch), *cells


def _share(one: Reached | None, roofs: Roofs) -> str:
    if one is None:
        return NONE
    shares = mfu(one, roofs), floor_share(one, roofs)
    return " · ".join(map(percent, shares)) if any(shares) else NONE


def mfu(one: Reached, roofs: Roofs) -> float | None:
    """Return the share of the peak that products alone would need; None if a part is not known."""
    dtype, _ = typed(one.typed)
    flop, peak = training_flop(one.model, one.size), roofs.peak(dtype) if dtype else None
    return one.rate.estimate * flop / peak[0] if flop and peak else None


def floor_share(one: Reached, roofs: Roofs) -> float | None:
    """Return the floor of a step over its time; None where a rate was not measured."""
    dtype, _ = typed(one.typed)
    floor = roofs.floor(one.model, one.batch, dtype, one.size) if dtype else None
    return one.rate.estimate / floor.images_per_s if floor else None


def _peaks(found: Iterable[Reached], roofs: Roofs) -> str:
    """Return the peaks of the types in use, and their sources."""
    dtypes = [dtype for one in found if (dtype := typed(one.typed)[0])]
    told = [
        f"{dtype} {number(peak[0] / 1e12)} TFLOP/s ({peak[1]})"
        for dtype in dict.fromkeys(dtypes)
        if (peak := roofs.peak(dtype))
    ]
    return ", ".join(told) or "none is known"


def checked(results: Results) -> Iterator[Section]:
    """Yield how far the first steps were from those in fp32, at most."""
    most: dict[str, dict[str, float]] = {}
    for kind in ("types", "fp32", "models", "compilers", "autotune", "peers"):
        for contest in contests(results, kind):
            for side, cell in contest.cells.items():
                if side in contest.timed.sides:
                    kept = most.setdefault(str(cell.get("type", NONE)), {})
                    for name, value in cell.get("off", {}).items():
                        kept[name] = max(kept.get(name, 0.0), value or 0.0)
    rows = [
        f"{name} {error(off.get('loss'))} and {error(off.get('gradient'))}"
        for name, off in most.items()
        if off
    ]
    if rows:
        yield Paragraph(
            text="First steps were compared with fp32's on the same weights and images; relative "
            f"distance of loss and gradients at most: {'; '.join(rows)}."
        )


def tax(results: Results) -> Iterator[Section]:
    """Yield the time of an image in ResNeXt over that in ResNet."""
    pairs = sizes_for(results.facts.kind).taxed
    rows = (
        row
        for contest in contests(results, "models")
        for grouped, plain in pairs
        for row in _taxed(contest, grouped, plain)
    )
    words = (
        "Cardinality tax: what an image takes in ResNeXt over what it takes in ResNet, paired by "
        "rounds; the second figure is divided by the ratio of their FLOP. The paper's "
        f"{PAPER_TAX:.2f} is of ResNeXt-101 over ResNet-101 (0.95 s and 0.70 s a batch) on eight "
        "M40 in 2016: another depth, GPUs without tensor cores, and grouped convolutions that "
        "nobody had made fast by then, so it is no measure of these."
    )
    yield from introduced(words, table(_TAX_HEAD, rows))


def _taxed(contest: Contest, grouped: str, plain: str) -> Iterator[tuple[Words, ...]]:
    found = contest.timed.ratio(plain, grouped)
    if found is None:
        return
    flop, other = (training_flop(name, contest.size) for name in (grouped, plain))
    per_flop = found.times(other / flop) if flop and other else None
    yield (
        inline(Code(grouped), " / ", Code(plain)),
        contest.typed,
        str(contest.batch),
        figure(found),
        figure(per_flop) if per_flop else NONE,
        str(found.n),
    )


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
