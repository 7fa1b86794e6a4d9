"""The difference of two traces: what became faster, slower, new or gone, to the nanosecond."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar

from msgspec.structs import replace

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.schema.trace_diff import (
    PARTS,
    Changed,
    ChangeKind,
    ClassDelta,
    Delta,
    DiffSide,
    MatchedBy,
    ModuleDelta,
    PartDelta,
    RestDelta,
    RowDelta,
    RowSide,
    StepInterval,
    TraceDiff,
    Verdict,
    fact,
)
from resnext_bench.reports.trace.differences.accounts import account
from resnext_bench.reports.trace.differences.matching import Match, changed, matches
from resnext_bench.reports.trace.differences.modules import paired
from resnext_bench.reports.trace.differences.noise import Pair, Scatter
from resnext_bench.reports.trace.differences.pairs import paired_steps
from resnext_bench.reports.trace.differences.sides import Leaf, Side
from resnext_bench.reports.trace.differences.unlike import matched_by, unlike

D = TypeVar("D", bound=Delta)
K = TypeVar("K")


def difference(a: Side, b: Side, *, margin_percent: float, is_paired: bool = False) -> TraceDiff:
    """Return how b differs from a; `is_paired`: steps of one number belong together.

    Steps without a partner then do not count. Raises TraceError where a side has no step, and
    Unpairable where steps are paired and no number is on both sides.
    """
    for one in (a, b):
        if not one.steps:
            raise TraceError(f"{one.file}: no step with work, so there is nothing to compare")
    if not is_paired:
        return _Compared(a, b, is_paired).result(margin_percent)
    of_a, of_b = paired_steps(a, b)
    found = _Compared(of_a, of_b, is_paired).result(margin_percent)
    alone = a.steps - of_a.steps, b.steps - of_b.steps
    if not any(alone):
        return found
    return replace(found, facts=[fact("steps_unpaired", a=alone[0], b=alone[1]), *found.facts])


class _Compared:
    """Both sides with their accounts, while lists are made of them."""

    def __init__(self, a: Side, b: Side, is_paired: bool) -> None:
        self._sides = (a, b)
        self._accounts = (account(a), account(b))
        scale = (a.mean_ns + b.mean_ns) / 2
        self._scatter = Scatter(scale_ns=max(scale, 1.0), is_paired=is_paired)
        self._modules = paired(a, b)
        self._partners = set(self._modules.values())
        self._by: MatchedBy = matched_by(a, b, self._modules)
        self._on_host = a.device is None and b.device is None

    def result(self, margin_percent: float) -> TraceDiff:
        """Return the whole difference."""
        a, b = self._sides
        step_a, step_b = (one.step_ns for one in self._accounts)
        rows, rest = self._rows(), self._rest()
        kept = [one for one in rows if _is_different(one)]
        interval = self._scatter.step((a.step_ns, b.step_ns))
        verdict = _verdict(step_b - step_a, interval)
        percent = 100 * (step_b - step_a) / step_a if step_a else None
        modules = self._by_module() if self._by == "modules" else []
        return TraceDiff(
            a=_side(a, step_a),
            b=_side(b, step_b),
            delta_ns=step_b - step_a,
            percent=percent,
            interval=interval,
            verdict=verdict,
            margin_percent=margin_percent,
            is_beyond=verdict == "slower" and (percent is None or percent > margin_percent),
            matched_by=self._by,
            parts=self._parts(),
            work=self._work(),
            classes=[one for one in self._by_class() if one.delta_ns],
            modules=[one for one in modules if one.delta_ns],
            rows=kept,
            rest=[one for one in rest if one.a_ns or one.b_ns],
            unchanged_ns=sum(one.a_ns for one in rows) - sum(one.a_ns for one in kept),
            ranks=[],
            facts=list(unlike(a, b, self._modules, self._by, rows)),
        )

    def _rows(self) -> list[RowDelta]:
        a, b = self._sides
        found = matches(a, b, self._modules, self._by)
        sums = [self._sum(one.a, one.b) for one in found]
        rows = [
            RowDelta(
                **_means(one),
                kind=_kind(bool(match.a), bool(match.b), one.delta),
                changed=self._changed(match),
                a=_row_side(a, match.a),
                b=_row_side(b, match.b),
            )
            for match, one in zip(found, sums, strict=True)
        ]
        return self._judged(rows, sums)

    def _changed(self, match: Match) -> list[Changed]:
        if not match.a or not match.b:
            return []
        a, b = self._sides
        of_a, of_b = [a.leaves[at] for at in match.a], [b.leaves[at] for at in match.b]
        return changed(of_a, of_b, on_host=self._on_host)

    def _parts(self) -> list[PartDelta]:
        a, b = self._sides
        of_a, of_b = self._accounts
        sums = {
            part: _Sum(a=of_a.parts[part], b=of_b.parts[part], pair=(a.parts[part], b.parts[part]))
            for part in PARTS
        }
        noises = self._scatter.noises([one.pair for one in sums.values()])
        rows = [PartDelta(**_means(one), part=part) for part, one in sums.items()]
        return [replace(row, noise=noise) for row, noise in zip(rows, noises, strict=True)]

    def _work(self) -> Delta:
        a, b = self._sides
        every = self._sum(range(len(a.leaves)), range(len(b.leaves)))
        (found,) = self._judged([Delta(**_means(every))], [every])
        return found

    def _rest(self) -> list[RestDelta]:
        a, b = self._sides
        of_a, of_b = self._accounts
        overlap = _Sum(a=of_a.overlap_ns, b=of_b.overlap_ns, pair=(-a.overlap_ns, -b.overlap_ns))
        sums = {"": overlap}
        for cause in dict.fromkeys((*a.idle_ns, *b.idle_ns)):
            sums[cause] = _Sum(
                a=of_a.idle_ns.get(cause, 0),
                b=of_b.idle_ns.get(cause, 0),
                pair=(a.idle_ns.get(cause, 0 * a.step_ns), b.idle_ns.get(cause, 0 * b.step_ns)),
            )
        rows = [
            RestDelta(**_means(one), kind="idle" if cause else "overlap", cause=cause)
            for cause, one in sums.items()
        ]
        return self._judged(rows, list(sums.values()))

    def _by_class(self) -> list[ClassDelta]:
        found = self._grouped(lambda leaf, _: leaf.cls)
        rows = [ClassDelta(**_means(one), cls=cls) for cls, one in found.items()]
        return self._judged(rows, list(found.values()))

    def _by_module(self) -> list[ModuleDelta]:
        renamed = {of_a: of_b for of_b, of_a in self._modules.items() if of_a != of_b}
        found = self._grouped(self._place)
        rows = [
            ModuleDelta(
                **_means(one),
                module=place.module,
                name_in_b=renamed.get(place.module, "") if place.there == "ab" else "",
                outside=place.outside,
                kind=_kind("a" in place.there, "b" in place.there, one.delta),
            )
            for place, one in found.items()
        ]
        return self._judged(rows, list(found.values()))

    def _place(self, leaf: Leaf, number: int) -> "_Place":
        """Return where a leaf of side 0 or 1 is."""
        if not leaf.module:
            return _Place(there="ab", outside=leaf.outside)
        of_a = leaf.module if number == 0 else self._modules.get(leaf.module)
        if of_a is None or of_a not in self._partners:
            return _Place(there="ab"[number], module=leaf.module)
        return _Place(there="ab", module=of_a)

    def _grouped(self, key: Callable[[Leaf, int], K]) -> dict[K, "_Sum"]:
        """Return the sums of leaves by a key, of both sides."""
        groups: dict[K, tuple[list[int], list[int]]] = {}
        for number, side in enumerate(self._sides):
            for at, leaf in enumerate(side.leaves):
                groups.setdefault(key(leaf, number), ([], []))[number].append(at)
        return {one: self._sum(*both) for one, both in groups.items()}

    def _sum(self, of_a: Sequence[int], of_b: Sequence[int]) -> "_Sum":
        """Return the sum of some leaves of both sides."""
        series = [
            side.leaf_ns[list(these)].sum(axis=0)
            for side, these in zip(self._sides, (of_a, of_b), strict=True)
        ]
        a, b = (
            int(one.leaf_ns[list(these)].sum())
            for one, these in zip(self._accounts, (of_a, of_b), strict=True)
        )
        return _Sum(a=a, b=b, pair=(series[0], series[1]))

    def _judged(self, rows: Sequence[D], sums: Sequence["_Sum"]) -> list[D]:
        """Return rows with what the scatter of steps says of them, largest differences first."""
        noises = self._scatter.noises([one.pair for one in sums])
        found = [replace(row, noise=noise) for row, noise in zip(rows, noises, strict=True)]
        return sorted(found, key=lambda row: -abs(row.delta_ns))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sum:
    """A part of both steps: means, whole ns, and the times in each step."""

    a: int
    b: int
    pair: Pair

    @property
    def delta(self) -> int:
        return self.b - self.a


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A module as a calls it, or as b does where only b has it; or what is in none."""

    there: str
    """Which sides have it."""
    module: str = ""
    outside: str = ""


class _Means(TypedDict):
    a_ns: int
    b_ns: int
    delta_ns: int
    noise: None


def _means(one: _Sum) -> _Means:
    return _Means(a_ns=one.a, b_ns=one.b, delta_ns=one.delta, noise=None)


def _kind(in_a: bool, in_b: bool, delta: int) -> ChangeKind:
    if not in_a or not in_b:
        return "gone" if in_a else "new"
    return "slower" if delta > 0 else "faster" if delta < 0 else "same"


def _is_different(row: RowDelta) -> bool:
    return bool(row.delta_ns or row.changed or row.kind != "same")


def _verdict(delta: int, interval: StepInterval | None) -> Verdict:
    if not delta:
        return "same"
    if interval and interval.low_ns <= 0 <= interval.high_ns:
        return "unsure"
    return "slower" if delta > 0 else "faster"


def _side(side: Side, step_ns: int) -> DiffSide:
    return DiffSide(
        file=side.file,
        on=side.on,
        device=side.device,
        rank=side.rank,
        ranks=1,
        steps_from=side.steps_from,
        step_ns=step_ns,
        steps=side.step_ns.tolist(),
        left_out=[],
    )


def _row_side(side: Side, these: Sequence[int]) -> RowSide | None:
    if not these:
        return None
    leaves = [side.leaves[at] for at in these]

    def distinct(of: Callable[[Leaf], str]) -> list[str]:
        return sorted({told for leaf in leaves if (told := of(leaf))})

    return RowSide(
        modules=distinct(lambda leaf: leaf.module),
        outside=distinct(lambda leaf: leaf.outside),
        shapes=distinct(lambda leaf: leaf.shape),
        dtypes=distinct(lambda leaf: leaf.dtype),
        formats=distinct(lambda leaf: leaf.format),
        passes=distinct(lambda leaf: leaf.passes),
        operators=distinct(lambda leaf: leaf.operator),
        classes=distinct(lambda leaf: leaf.cls),
        kernels=distinct(lambda leaf: leaf.name),
        calls=int(side.leaf_calls[list(these)].sum()) / side.steps,
    )
