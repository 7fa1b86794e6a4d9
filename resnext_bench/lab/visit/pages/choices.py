"""How cuDNN chooses with off, limit 10 and no limit, and whether it chooses the same again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.layers import DIRECTIONS, LAYOUTS, Layer, Side
from resnext_bench.lab.visit.pages.tables import introduced, table
from resnext_bench.lab.visit.pages.words import NONE, figure, number
from resnext_bench.reports.render.model import Code, Paragraph, Section, inline

MODES: Final = ("off", "limit 10", "no limit")
_MOST_ROWS: Final = 8
_TOTALS: Final = (
    *("type", "layout", "shapes × directions", "off, ms", "limit 10, ms: mean", "worst choices"),
    *("no limit, ms: mean", "worst choices", "search, s: limit 10", "no limit"),
)
_GAINS: Final = ("type", "layer", "direction", "layout", "off / limit 10", "limit 10 / no limit")
_UNSTABLE: Final = ("type", "layer", "direction", "layout", "mode", "kernels", "worst / best")
_WORDS: Final = inline(
    "What cuDNN's ",
    Code("benchmark"),
    " is worth: all grouped convolutions of one step added up, each as often as the network has "
    "it. ",
    Code("off"),
    " is the heuristic's choice; ",
    Code("limit 10"),
    " is PyTorch's usual, with the mean over choices made anew and what the worst of them add up "
    "to.",
)

Sum = Callable[[Sequence[float]], float]


def choices(found: Sequence[Layer]) -> Iterator[Section]:
    """Yield the tables; nothing where there is a single mode, as on a CPU."""
    totals = [row for typed in _types(found) for row in _totals(typed, found)]
    if not totals:
        return
    yield Paragraph(text=_WORDS)
    yield from table(_TOTALS, totals)
    yield from _gains(found)
    yield from _stability(found)


def _types(found: Sequence[Layer]) -> list[str]:
    return list(dict.fromkeys(one.typed for one in found))


def _totals(typed: str, found: Sequence[Layer]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each layout, over all cases that every mode has."""
    for layout in LAYOUTS:
        cells = [
            (one, sides)
            for one in found
            if one.typed == typed
            for direction in DIRECTIONS
            if all(sides := [one.of(direction, layout, mode) for mode in MODES])
        ]
        if not cells:
            continue
        off, limited, free = ([_times(one, sides[k]) for one, sides in cells] for k in range(3))
        counts = [one.count for one, _ in cells]
        yield (
            *(typed, layout, str(len(cells)), _ms(counts, off, np.mean)),
            *(_ms(counts, times, how) for times in (limited, free) for how in (np.mean, max)),
            *(_search(sides[k] for _, sides in cells) for k in (1, 2)),
        )


def _times(one: Layer, sides: Sequence[Side]) -> list[float]:
    return [time.estimate for side in sides if (time := one.seconds(side))]


def _ms(counts: Sequence[int], times: Sequence[Sequence[float]], how: Sum) -> str:
    total = sum(count * float(how(each)) for count, each in zip(counts, times, strict=True))
    return number(1e3 * total)


def _search(sides: Iterator[tuple[Side, ...]]) -> str:
    """Return the total time of a search: a mean over choices made anew for each case."""
    told = [[side.search_s for side in each if side.search_s is not None] for each in sides]
    return number(sum(float(np.mean(each)) for each in told if each)) if any(told) else NONE


def _gains(found: Sequence[Layer]) -> Iterator[Section]:
    """Yield where a mode gains most: ratios of times, by the choice of median speed."""
    rows = []
    for one in found:
        for direction in DIRECTIONS:
            for layout in LAYOUTS:
                off, limited, free = (_middle(one, direction, layout, mode) for mode in MODES)
                ratios = one.ratio(off, limited), one.ratio(limited, free)
                if any(ratio and ratio.is_above_one for ratio in ratios):
                    rows.append((one.typed, one.name, direction, layout, *ratios))
    rows.sort(key=lambda row: -max(ratio.estimate for ratio in row[4:] if ratio))
    told = [(*row[:4], *map(figure, row[4:])) for row in rows[:_MOST_ROWS]]
    words = (
        f"Where it pays most ({len(told)} of the {len(rows)} that intervals tell from none); "
        "ratios of times, of each mode the choice of median speed:"
    )
    yield from introduced(words, table(_GAINS, told))


def _middle(one: Layer, direction: str, layout: str, mode: str) -> Side | None:
    """Return a mode's choice of median speed, the slower of two."""
    times = {
        side: time.estimate
        for side in one.of(direction, layout, mode)
        if (time := one.seconds(side))
    }
    return sorted(times, key=times.__getitem__)[len(times) // 2] if times else None


def _stability(found: Sequence[Layer]) -> Iterator[Section]:
    """Yield whether it chooses the same again, and what it costs where it does not."""
    cases = [case for one in found for case in _cases(one)]
    moved = [case for case in cases if case[1] > 1]
    if not cases:
        return
    told = [
        f"{mode}: {sum(mode == case[0][4] for case in moved)} of "
        f"{sum(mode == case[0][4] for case in cases)}"
        for mode in MODES[1:]
    ]
    words = (
        "Asked anew, cuDNN chose other kernels for the same layer, direction and layout: "
        f"{'; '.join(told)}.{_control(cases)}{' Where it chose others:' if moved else ''}"
    )
    moved.sort(key=lambda case: -case[2].estimate)
    rows = [
        (*case[0], f"{case[1]} in {case[3]} choices", figure(case[2]))
        for case in moved[:_MOST_ROWS]
    ]
    yield Paragraph(text=words)
    yield from table(_UNSTABLE, rows)
    if more := len(moved) - len(rows):
        yield Paragraph(text=f"{more} with less between worst and best are not shown.")


def _control(cases: Sequence["_Case"]) -> str:
    """Return the ratio of worst to best by chance: between choices of the same kernel."""
    same = [case[2].estimate for case in cases if case[1] == 1]
    if not same:
        return ""
    return (
        f" Where it chose the same ones, the worst took {np.median(same):.3f} times the best "
        f"(median of {len(same)}): noise alone."
    )


_Case = tuple[tuple[str, ...], int, Figure, int]
"""A case, its number of distinct kernels, the ratio of worst to best, and its number of choices."""


def _cases(one: Layer) -> Iterator[_Case]:
    for direction in DIRECTIONS:
        for layout in LAYOUTS:
            for mode in MODES[1:]:
                sides = one.of(direction, layout, mode)
                times = {side: time.estimate for side in sides if (time := one.seconds(side))}
                if len(times) < 2:
                    continue
                worst, best = max(times, key=times.__getitem__), min(times, key=times.__getitem__)
                ratio = one.ratio(worst, best)
                assert ratio is not None, one.name
                distinct = len({side.kernels for side in times if side.kernels})
                what = (one.typed, one.name, direction, layout, mode)
                yield what, distinct, ratio, len(times)
