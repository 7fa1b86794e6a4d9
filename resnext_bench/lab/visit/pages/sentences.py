"""Three sentences on a GPU, each only if its parts exist and intervals allow it."""

from collections.abc import Iterator

from resnext_bench.lab.visit.pages.contests import Contest, contests, reached
from resnext_bench.lab.visit.pages.convs import worst
from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.kernels import CONVS, losses, profiles
from resnext_bench.lab.visit.pages.roofs import Roofs
from resnext_bench.lab.visit.pages.training import floor_share
from resnext_bench.lab.visit.pages.words import figure, listed, percent
from resnext_bench.lab.visit.results import Results
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Section,
    Strong,
    Text,
    inline,
    joined,
)


def sentences(results: Results) -> Iterator[Section]:
    """Yield a list; nothing for a miniature, which says nothing of GPUs."""
    if results.facts.is_miniature:
        return
    told = (fastest_setting(results), share_of_floor(results), first_to_attack(results))
    if items := tuple(one for one in told if one):
        yield Bullets(items=items)


def fastest_setting(results: Results) -> Text | None:
    """Return which type and layout wins, on which model and batch; None where none took turns."""
    found = [one for one in contests(results, "types") if len(one.timed.sides) > 1]
    if not found:
        return None
    places: dict[tuple[str, ...], list[tuple[Text, Figure | None]]] = {}
    for one in found:
        leaders, lead = ahead(one)
        places.setdefault(leaders, []).append((inline(Code(one.model), f" at {one.batch}"), lead))
    told = joined([_led(leaders, where) for leaders, where in places.items()], "; ")
    return inline("Types and layouts: ", told, ".")


def _led(leaders: tuple[str, ...], where: list[tuple[Text, Figure | None]]) -> Text:
    names = listed([name for name, _ in where], 4)
    leads = [lead for _, lead in where if lead]
    if not leads:
        return inline("intervals cannot tell which is fastest for ", names)
    least, most = (pick(lead.estimate for lead in leads) for pick in (min, max))
    by = figure(leads[0]) if len(leads) == 1 else f"{least:.3f} to {most:.3f}"
    are = (
        " is the fastest for "
        if len(leaders) == 1
        else ", which intervals cannot tell apart, are ahead of the rest for "
    )
    return inline(Strong(" and ".join(leaders)), are, names, f", {by} times the next")


def ahead(one: Contest) -> tuple[tuple[str, ...], Figure | None]:
    """Return the fastest sides and their lead over the next one; all sides and None if none leads.

    The fastest sides are the first one and those that intervals do not separate from it. As it is
    compared with each of the others, their intervals share the error (Bonferroni).
    """
    best = one.timed.fastest()
    others = [side for side in one.timed.sides if side != best]
    if best is None or not others:
        return one.timed.sides, None
    confidence = 1 - (1 - one.timed.confidence) / len(others)
    leads = {side: one.timed.ratio(best, side, confidence) for side in others}
    behind = [side for side, lead in leads.items() if lead and lead.is_above_one]
    next_ = one.timed.fastest(tuple(behind)) if behind else None
    leaders = tuple(side for side in one.timed.sides if side not in behind)
    return leaders, leads[next_] if next_ else None


def share_of_floor(results: Results) -> Text | None:
    """Return the fastest setting of each model by its share of the floor; None without floors."""
    shares = dict(_best_shares(results))
    if not shares:
        return None
    least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    words = " of the roofline: the speed at which every kernel would be at its floor."
    if least == most:
        return inline(least, " reaches ", Strong(percent(shares[least])), words)
    low, high = (inline(Strong(percent(shares[one])), " (", one, ")") for one in (least, most))
    return inline("In their fastest settings models reach ", low, " to ", high, words)


def _best_shares(results: Results) -> Iterator[tuple[Text, float]]:
    roofs, found = Roofs.of(results), list(reached(results))
    for model in dict.fromkeys(one.model for one in found):
        own = [one for one in found if one.model == model]
        best = max(own, key=lambda one: one.rate.estimate)
        if share := floor_share(best, roofs):
            yield inline(Code(model), f", {best.typed}, batch {best.batch}"), share


def first_to_attack(results: Results) -> Text | None:
    """Return what loses most time over its floor, in the first model profiled; None if unknown."""
    roofs = Roofs.of(results)
    told = next(((one, lost) for one in profiles(results) if (lost := losses(one, roofs))), None)
    conv = worst(results)
    of_convs = (
        f"of the grouped convolutions ({conv.typed}) the {conv.direction} of {conv.layer} loses "
        f"most, {1e3 * conv.lost_s:.2f} ms of a step in {conv.count} layer"
        f"{'s' * (conv.count > 1)} ({conv.over_floor:.1f} times the floor)"
        if conv
        else ""
    )
    if told is None:
        return inline(f"To attack first: {of_convs}.") if of_convs else None
    one, lost = told
    first, second = lost[:2]
    more = f"; {of_convs}" if of_convs and CONVS in (first.family, second.family) else ""
    return inline(
        "To attack first in ",
        Code(one.model),
        ": ",
        Strong(first.family),
        f", {first.lost_ms:.1f} ms of {one.step_ms:.1f} ms over the floor; "
        f"then {second.family}, {second.lost_ms:.1f} ms{more}.",
    )
