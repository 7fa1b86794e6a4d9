"""Renders what several ranks say together: who is slow, what is waited for, whose clock is off."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.reports.render.kernel_names import distinct
from resnext_bench.reports.render.model import Column, Line, Note, Section, Table
from resnext_bench.reports.render.trace import warnings
from resnext_bench.reports.render.trace.ranks_words import (
    CAUSES,
    NOT_ON_A_CPU,
    clock_lines,
    headline,
    name_of,
    percent_more,
)
from resnext_bench.reports.render.trace.words import ms, size
from resnext_bench.reports.schema.trace_ranks import (
    PARTS,
    Part,
    RankRow,
    RanksTimes,
    StepRow,
    TalkRow,
)

_TOP: Final = 10
"""Rows of the tables of steps and collectives unless it is told how many."""
_HEADS: Final[dict[Part, str]] = {"synchronisation": "sync"}
"""Short names of parts."""
_LITTLE: Final = 0.005
"""Share of the longest own time below which a part of all ranks has no column."""


def sections(found: RanksTimes, top: int | None = None) -> Iterator[Section]:
    """Yield all of it; the tables of steps and collectives cut after `top` rows."""
    top = top or _TOP
    yield from headline(found)
    yield _ranks(found)
    yield from _steps(found, top)
    if found.collectives:
        yield _collectives(found, top)
        if not found.on_device:
            yield Line(text=NOT_ON_A_CPU, tone="dim")
    yield from clock_lines(found)
    yield from warnings.lines(warnings.of_ranks(found))


def _ranks(found: RanksTimes) -> Table:
    """Return a row for each rank, slow ones in another tone."""
    parts = list(_parts_shown(found))
    numbers = ("rank", "step", "own", "more", "waits", *(_HEADS.get(one, one) for one in parts))
    spare = {"step": 1, **{_HEADS.get(one, one): at for at, one in enumerate(reversed(parts), 2)}}
    hosts = len({one.host for one in found.ranks} - {""}) > 1
    columns = [
        *(Column(name=one, is_number=True, goes=spare.get(one, 0)) for one in numbers),
        *([Column(name="host")] if hosts else []),
        Column(name="on", is_name=True),
    ]
    slow = {one.at for one in found.stragglers}
    return Table(
        columns=tuple(columns),
        groups=(tuple(_rank_cells(found, one, parts, hosts=hosts) for one in found.ranks),),
        title=f"{len(found.ranks)} ranks, ms per step (mean of {_steps_told(found)})",
        row_tones=tuple("warning" if at in slow else "plain" for at in range(len(found.ranks))),
        notes=(
            Note(text="own: the step without the time in which only communication runs"),
            Note(text="more: than the median of the other ranks", columns=("more",)),
            Note(text="waits: in collectives for other ranks, overlapped or not"),
        ),
    )


def _steps_told(found: RanksTimes) -> str:
    many = len(found.steps)
    return f"{many:,} steps that all have" if many > 1 else "one step"


def _parts_shown(found: RanksTimes) -> Iterator[Part]:
    longest = max(one.own_ns for one in found.ranks)
    for part in PARTS:
        if max(one.parts[part] for one in found.ranks) > _LITTLE * longest:
            yield part


def _rank_cells(
    found: RanksTimes, one: RankRow, parts: list[Part], *, hosts: bool
) -> tuple[str, ...]:
    return (
        "?" if one.rank is None else str(one.rank),
        ms(one.step_ns),
        ms(one.own_ns),
        percent_more(one.skew),
        "" if one.waits_ns is None else ms(one.waits_ns),
        *(ms(one.parts[part]) if one.parts[part] else "" for part in parts),
        *((one.host,) if hosts else ()),
        one.on,
    )


def _steps(found: RanksTimes, top: int) -> Iterator[Section]:
    """Yield the steps in which a rank stands out, those with most lost first."""
    odd = [one for one in found.steps if one.at is not None]
    if not odd:
        return
    shown = sorted(odd, key=lambda one: -one.lost_ns)[:top]
    cut = f", the first {top}" if len(odd) > top else ""
    columns = (
        *(Column(name=one, is_number=True) for one in ("step", "ms", "rank", "more", "lost ms")),
        Column(name="by"),
    )
    yield Table(
        columns=columns,
        groups=(tuple(_step_cells(found, one) for one in shown),),
        title=f"a rank stands out in {len(odd):,} of {len(found.steps):,} steps{cut}",
    )


def _step_cells(found: RanksTimes, one: StepRow) -> tuple[str, ...]:
    assert one.at is not None
    rank = found.ranks[one.at].rank
    return (
        str(one.number),
        ms(one.step_ns),
        "?" if rank is None else str(rank),
        percent_more(one.skew),
        ms(one.lost_ns),
        CAUSES[one.cause] if one.cause else "",
    )


def _collectives(found: RanksTimes, top: int) -> Table:
    """Return a row for each kind, group and size of collectives."""
    shown = found.collectives[:top]
    with_bus = any(one.bus_gb_per_s for one in shown)
    groups = len({one.group for one in found.collectives}) > 1
    numbers = ["count", "size", "transfer", "waits: least", "most"]
    numbers += ["GB/s", "of"] if with_bus else []
    goes = {"of": 1, "count": 2, "size": 3} if groups else {"of": 1, "count": 2}
    names = distinct([one.name for one in shown])
    last = "collective" if all(one.kind != "other" for one in shown) else "collective, kernel"
    return Table(
        columns=(
            *(Column(name=one, is_number=True, goes=goes.get(one, 0)) for one in numbers),
            Column(name="last to arrive", goes=4),
            *([Column(name="group")] if groups else []),
            Column(name=last, is_name=True),
        ),
        groups=(
            tuple(
                _talk_cells(found, one, name, with_bus=with_bus, groups=groups)
                for one, name in zip(shown, names, strict=True)
            ),
        ),
        title=f"collectives of {_over(found)}, ms in total{_cut(found, top)}",
        notes=tuple(_talk_notes(found, with_bus=with_bus)),
    )


def _talk_notes(found: RanksTimes, *, with_bus: bool) -> Iterator[Note]:
    yield Note(text="transfer: at most, from the last arrival to the first end")
    if with_bus:
        yield Note(text="GB/s: of the bus, at least, in the median transfer", columns=("GB/s",))
    if any(one.link_gb_per_s for one in found.collectives):
        text = "of: what links of the device carry in one direction, by its data sheet"
        yield Note(text=text, columns=("of",))
    if found.unmatched:
        text = f"{found.unmatched:,} collectives of all ranks are not matched, and not in the table"
        yield Note(text=text)


def _over(found: RanksTimes) -> str:
    here, world = len(found.ranks), found.world_size
    return f"{here} of {world} ranks" if world and world > here else f"all {here} ranks"


def _cut(found: RanksTimes, top: int) -> str:
    many = len(found.collectives)
    return f", the first {top} of {many}" if many > top else ""


def _talk_cells(
    found: RanksTimes, one: TalkRow, name: str, *, with_bus: bool, groups: bool
) -> tuple[str, ...]:
    often = max(range(len(one.members)), key=lambda at: one.last_to_arrive[at])
    last = f"{name_of(found, one.members[often])}: {one.last_to_arrive[often]} of {one.count}"
    bus = (_rate(one.bus_gb_per_s), _rate(one.link_gb_per_s)) if with_bus else ()
    return (
        f"{one.count:,}",
        "" if one.bytes is None else size(one.bytes),
        ms(one.transfer_ns),
        ms(min(one.waiting_ns)),
        ms(max(one.waiting_ns)),
        *bus,
        last,
        *((one.told or one.group,) if groups else ()),
        one.kind if one.kind != "other" else name,
    )


def _rate(gb_per_s: float | None) -> str:
    if gb_per_s is None:
        return ""
    return f"{gb_per_s:,.0f}" if gb_per_s >= 100 else f"{gb_per_s:.3g}"
