"""Which gradient each kernel of one backward call of a convolution computes.

Kernels are put together into parts, each of which is a product with what is launched around it. A
part's own names may tell its gradient. What they leave open is told by the order of launches:
PyTorch computes the gradient of the input first, then that of the weight, and which of them were
wanted may be recorded. All that is left is where the one ends and the other begins: a part is
decided where every such place that agrees with what is known says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from resnext_bench.reports.trace.names.conv_roles import Role, Told
from resnext_bench.reports.trace.names.convs import Kind

Wanted = tuple[bool, bool]
"""Whether the gradient of the input, and that of the weight, was asked for."""


@dataclass(frozen=True, kw_only=True)
class Launched:
    """One kernel of a call."""

    name: int
    role: Role
    told: Told


@dataclass
class _Part:
    """Kernels of one gradient, in the order of their launches."""

    kernels: list[int]
    """Places in the call."""
    products: list[int] = field(default_factory=list)
    open: bool = False
    """Whether further products belong to it until one that closes."""
    closed: bool = False

    def add(self, place: int, role: Role) -> None:
        """Put a kernel behind the others."""
        self.kernels.append(place)
        if role is Role.PRODUCT:
            self.products.append(place)
        self.closed |= role is Role.CLOSES


def directions(call: Sequence[Launched], wanted: Wanted | None) -> list[Kind | None]:
    """Return the direction of each kernel of a call, in order; None of what is in no gradient."""
    found: list[Kind | None] = [None] * len(call)
    parts = _parts(call)
    for part, direction in zip(parts, _decided(call, parts, wanted), strict=True):
        for place in part.kernels:
            found[place] = direction
    return found


def _parts(call: Sequence[Launched]) -> list[_Part]:
    """Return the products of a call, each with the kernels around it."""
    parts: list[_Part] = []
    waiting: list[int] = []
    for place, kernel in enumerate(call):
        last = parts[-1] if parts else None
        if kernel.role is Role.NONE:
            continue
        if last and _continues(last, kernel.role, waiting=bool(waiting)):
            last.add(place, kernel.role)
        elif kernel.role is Role.PRODUCT:
            opens = any(call[one].role is Role.OPENS for one in waiting)
            parts.append(_Part(kernels=[*waiting, place], products=[place], open=opens))
            waiting = []
        else:
            waiting.append(place)
    if waiting and parts:
        parts[-1].kernels.extend(waiting)
    elif waiting:
        parts.append(_Part(kernels=waiting))
    return parts


def _continues(last: _Part, role: Role, *, waiting: bool) -> bool:
    """Return whether a kernel of this role still belongs to the part before it."""
    if last.open and not last.closed:
        return role is not Role.OPENS and not waiting
    if role is Role.TURNS:
        return last.closed and not waiting
    return role is Role.AFTER or (role is Role.CLOSES and not waiting)


def _decided(call: Sequence[Launched], parts: list[_Part], wanted: Wanted | None) -> list[Kind]:
    told = [_told(call, part) for part in parts]
    if wanted is not None and any(wanted) and not all(wanted):
        return [Kind.INPUT if wanted[0] else Kind.WEIGHT] * len(parts)
    places = _places(_runs(call, parts, told), len(parts), wanted)
    sure = [place for place in places if _agrees(place, told, sure=True)]
    likely = [place for place in sure if _agrees(place, told, sure=False)]
    each = [_DIRECTIONS.get(one, Kind.UNDETERMINED) for one in told]
    if not sure or (not likely and {*each} == {Kind.INPUT, Kind.WEIGHT}):
        return each  # both in turns, as image by image
    left = likely or sure
    if wanted is None and len(places) == 3 and places[1] in left:
        left = [places[1]]  # two ways to compute are two gradients
    return [_unanimous(at, left) for at in range(len(parts))]


def _told(call: Sequence[Launched], part: _Part) -> Told:
    """Return what a part's kernels tell: the product first, what is sure before what is likely."""
    kernels = [call[place] for place in (*part.products, *part.kernels)]
    known = [kernel.told for kernel in kernels if kernel.told is not Told.NOTHING]
    sure = [one for one in known if one in (Told.INPUT, Told.WEIGHT)]
    return next(iter([*sure, *known]), Told.NOTHING)


def _runs(call: Sequence[Launched], parts: list[_Part], told: list[Told]) -> list[int]:
    """Return where a part begins that is computed in another way than the one before it."""
    ways = [
        (one, frozenset(call[place].name for place in part.products))
        for part, one in zip(parts, told, strict=True)
    ]
    return [at for at in range(1, len(ways)) if ways[at] != ways[at - 1]]


def _places(runs: list[int], count: int, wanted: Wanted | None) -> list[int]:
    """Return how many parts may be the gradient of the input: all before such a place.

    Parts that are computed in the same way belong together: an image each, or pieces of a batch.
    """
    if wanted is None or not any(wanted):
        return [0, *runs, count]
    if runs:
        return runs
    return [1] if count == 2 else []


def _agrees(place: int, told: list[Told], *, sure: bool) -> bool:
    """Return whether nothing that is told speaks against this place."""
    inputs, weights = {Told.INPUT}, {Told.WEIGHT}
    if not sure:
        inputs, weights = inputs | {Told.LIKELY_INPUT}, weights | {Told.LIKELY_WEIGHT}
    return not (inputs & set(told[place:]) or weights & set(told[:place]))


def _unanimous(at: int, places: list[int]) -> Kind:
    said = {Kind.INPUT if at < place else Kind.WEIGHT for place in places}
    return said.pop() if len(said) == 1 else Kind.UNDETERMINED


_DIRECTIONS = {
    Told.INPUT: Kind.INPUT,
    Told.LIKELY_INPUT: Kind.INPUT,
    Told.WEIGHT: Kind.WEIGHT,
    Told.LIKELY_WEIGHT: Kind.WEIGHT,
}
