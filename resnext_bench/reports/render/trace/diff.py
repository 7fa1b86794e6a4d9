"""Renders the difference of two traces: by how much, where, and what became of the work."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.kernel_names import distinct, short
from resnext_bench.reports.render.model import Column, Line, Note, Section, Summary, Table, Tone
from resnext_bench.reports.render.model import summary as summary_of
from resnext_bench.reports.render.trace.diff_facts import fact_sentences
from resnext_bench.reports.render.trace.report import from_here
from resnext_bench.reports.render.trace.warnings import lines
from resnext_bench.reports.render.trace.words import ms
from resnext_bench.reports.schema.trace_diff import (
    Changed,
    ClassDelta,
    Delta,
    DiffSide,
    ModuleDelta,
    RankDelta,
    RestDelta,
    RowDelta,
    RowSide,
    StepInterval,
    TraceDiff,
)
from resnext_bench.wording import count_of

TOP: Final = 15
_FEW: Final = 8
"""Rows of the tables of modules and classes unless it is told how many."""
_NOISE: Final = "noise"
_ALONE: Final = ("new", "gone")
"""What is work of one side alone, however little."""
_WORK: Final = "work, durations added up"
_OVERLAP: Final = "less what runs at the same time"
_SCATTER: Final = (
    "noise: the scatter of these steps may have made it; what differs from one launch to the next "
    "is not in that scatter"
)
_NUMBERS: Final = 3
"""Columns of a table that are numbers, the first ones."""
_SPARE: Final = ("a", "b", "pass")
"""Columns in the order in which they go where there is no room."""
_FIELDS: Final[dict[Changed, str]] = {
    "memory format": "formats",
    "type": "dtypes",
    "class": "classes",
}
"""What is told with both values."""
_OTHER: Final[tuple[Changed, ...]] = ("operator", "kernel", "shape", "pass")
"""What is only told to be another one."""


def sections(found: TraceDiff, top: int | None = None) -> Iterator[Section]:
    """Yield the difference, with each table cut after `top` rows."""
    few, top = top or _FEW, top or TOP
    yield _headline(found)
    yield _summary(found)
    for name, side in (("a", found.a), ("b", found.b)):
        yield Line(text=f"{name}: {from_here(side.file)}", tone="dim", is_command=True)
    yield Line(text="")
    if _is_empty(found):
        yield from lines(sentences(found))
        return
    yield _parts(found)
    if found.ranks:
        yield ranks_table(found.ranks)
    if found.classes:
        yield classes_table(found.classes, few)
    if found.modules:
        yield _table("module", _modules(found.modules), found.modules, few)
    if found.rows:
        yield _rows(found, top)
    yield from lines(sentences(found))


def sentences(found: TraceDiff) -> list[str]:
    """Return the sentences of what to doubt."""
    return fact_sentences(found.facts)


def _is_empty(found: TraceDiff) -> bool:
    return not (found.rows or any(one.delta_ns for one in found.rest))


def _headline(found: TraceDiff) -> Line:
    if _is_empty(found):
        text = f"No difference: a step of both lasts {ms(found.a.step_ns)} ms, and is the same work"
        return Line(text=text, tone="strong", is_headline=True)
    by = f"{signed(found.delta_ns)} ms{_percent(found)}"
    steps = f"{ms(found.a.step_ns)} → {ms(found.b.step_ns)} ms"
    if found.verdict == "same":
        text = f"A step of b is as long as one of a, to the nanosecond ({steps}), of other work"
        text += _largest(found)
        return Line(text=text, tone="strong", is_headline=True)
    if found.verdict == "unsure":
        text = f"A step's difference cannot be told from noise: {steps}, {by}{_largest(found)}"
        return Line(text=text, tone="strong", is_headline=True)
    margin = ""
    if found.verdict == "slower":
        within = "beyond" if found.is_beyond else "within"
        margin = f", {within} the margin of {found.margin_percent:g} %"
    text = f"A step of b is {found.verdict}: {steps}, {by}{margin}"
    return Line(text=text, tone="bad" if found.is_beyond else "strong", is_headline=True)


def _largest(found: TraceDiff) -> str:
    """Name the work that differs most; empty where all may be noise, or takes the same time."""
    beyond = (one for one in found.rows if one.delta_ns and word(one) != _NOISE)
    one = max(beyond, key=lambda one: abs(one.delta_ns), default=None)
    return f"; the largest change: {_name(one)}, {signed(one.delta_ns)} ms" if one else ""


def _percent(found: TraceDiff) -> str:
    return "" if found.percent is None else f" ({found.percent:+.1f} %)"


def _summary(found: TraceDiff) -> Summary:
    rows = [("a", _side(found.a)), ("b", _side(found.b))]
    if found.interval and not _is_empty(found):
        rows.append(("difference", _interval(found.interval)))
    rows.append(("matched by", matched_by(found)))
    return summary_of(rows)


def matched_by(found: TraceDiff) -> str:
    """Return what work was matched by, without shapes where a trace has none."""
    if found.matched_by == "modules" and any(one.kind == "shapes_missing" for one in found.facts):
        return "module, then operator, class and kernel"
    return _MATCHED[found.matched_by]


_MATCHED: Final = {
    "modules": "module and shape, then operator, class and kernel",
    "shapes": "shape, then operator, class and kernel",
    "operators": "operator, class and kernel",
}


def _side(side: DiffSide) -> str:
    rank = "" if side.rank is None or side.ranks < 2 else f", rank {side.rank}"
    count = count_of(len(side.steps), "step")
    mean = " on average" if len(side.steps) > 1 else ""
    return f"{side.on}{rank}, {count} of {ms(side.step_ns)} ms{mean}"


def _interval(found: StepInterval) -> str:
    how = "paired" if found.is_paired else "unpaired"
    low, high = signed(found.low_ns), signed(found.high_ns)
    return f"{low} to {high} ms ({found.confidence_percent:g} % interval of {how} steps)"


def signed(ns: float) -> str:
    """Return milliseconds with their sign."""
    return f"{'+' if ns > 0 else '-' if ns < 0 else ''}{ms(abs(ns))}"


def word(one: Delta) -> str:
    """Return what became of a part of the step."""
    kind = _kind(one)
    is_noise = one.noise is not None and one.noise.is_noise and one.delta_ns
    return _NOISE if is_noise and kind not in _ALONE else kind


def _kind(one: Delta) -> str:
    if isinstance(one, RowDelta | ModuleDelta):
        return one.kind
    if isinstance(one, ClassDelta) and not (one.a_ns and one.b_ns):
        return "gone" if one.a_ns else "new"
    words = ("slower", "faster") if isinstance(one, ClassDelta) else ("more", "less")
    return words[0] if one.delta_ns > 0 else words[1] if one.delta_ns < 0 else ""


def _parts(found: TraceDiff) -> Table:
    """Return the four parts of the step, and what is no work, which both are parts of it."""
    parts = [(one.part, one) for one in found.parts if one.a_ns or one.b_ns]
    step = (
        signed(found.delta_ns),
        ms(found.a.step_ns),
        ms(found.b.step_ns),
        _NOISE if found.verdict == "unsure" else found.verdict.replace("same", ""),
        "step",
    )
    rest = [(_WORK, found.work), *((name_of_rest(one), one) for one in found.rest)]
    groups = [(step,), *(tuple(_cells(one, name) for name, one in both) for both in (parts, rest))]
    rows = [one for _, one in (*parts, *rest)]
    return Table(
        columns=_columns("part"),
        groups=tuple(groups),
        title="the step and, twice, all that it is made of, ms",
        row_tones=("strong", *map(_tone, rows)),
        notes=_notes(rows),
    )


def name_of_rest(one: RestDelta) -> str:
    """Return what is no work."""
    return f"idle: {one.cause}" if one.cause else _OVERLAP


def _tone(one: Delta) -> Tone:
    return "dim" if word(one) == _NOISE else "plain"


def _columns(name: str) -> tuple[Column, ...]:
    return (
        *(Column(name=one, is_number=True) for one in ("b - a", "a", "b")),
        Column(name="outcome"),
        Column(name=name, is_name=True),
    )


def _cells(one: Delta, name: str) -> tuple[str, ...]:
    return *_numbers(one), word(one), name


def _numbers(one: Delta) -> tuple[str, str, str]:
    return signed(one.delta_ns), _or_nothing(one.a_ns), _or_nothing(one.b_ns)


def _or_nothing(ns: int) -> str:
    return f"-{ms(-ns)}" if ns < 0 else ms(ns) if ns else ""


def _notes(rows: Sequence[Delta]) -> tuple[Note, ...]:
    return (Note(text=_SCATTER),) if any(word(one) == _NOISE for one in rows) else ()


def classes_table(rows: Sequence[ClassDelta], top: int = _FEW) -> Table:
    """Return all work by class, the first `top` of them."""
    return _table("class", [one.cls for one in rows], rows, top)


def _table(what: str, names: Sequence[str], rows: Sequence[Delta], top: int) -> Table:
    shown = rows[:top]
    return Table(
        columns=_columns(what),
        groups=(tuple(_cells(one, name) for one, name in zip(shown, names, strict=False)),),
        title=f"by {what}, ms per step{_cut(rows, top)}",
        row_tones=tuple(map(_tone, shown)),
    )


def _cut(rows: Sequence[object], top: int) -> str:
    return f", the first {top} of {len(rows)}" if len(rows) > top else ""


def _modules(rows: Sequence[ModuleDelta]) -> list[str]:
    return [
        f"({one.outside})" if one.outside else " → ".join(filter(None, (one.module, one.name_in_b)))
        for one in rows
    ]


def ranks_table(ranks: Sequence[RankDelta]) -> Table:
    """Return the steps of all ranks that both sides have."""
    return Table(
        columns=tuple(Column(name=one, is_number=True) for one in ("rank", "b - a", "a", "b")),
        groups=(
            tuple(
                (str(one.rank), signed(one.delta_ns), ms(one.a_ns), ms(one.b_ns)) for one in ranks
            ),
        ),
        title=f"{len(ranks)} ranks that both have, ms per step",
    )


def _rows(found: TraceDiff, top: int) -> Table:
    """Return what became of the work, largest differences first."""
    title = f"what became of the work, ms per step{_cut(found.rows, top)}"
    return work_table(found.rows[:top], name_of_work(found.a, found.b), title)


def name_of_work(a: DiffSide, b: DiffSide) -> str:
    """Return what rows of work are: operators where both traces are of a CPU alone."""
    return "operator" if a.device is None and b.device is None else "kernel"


def work_table(
    shown: Sequence[RowDelta],
    what: str,
    title: str,
    more: Sequence[Sequence[tuple[Delta, str, str]]] = (),
) -> Table:
    """Return what became of some work; below it groups of what else there is.

    These are told with what became of them (`word`), and their names.
    """
    names = distinct([_name(one) for one in shown])
    changes = [_change(one) for one in shown]
    heads = ["b - a", "a", "b", "outcome", "changed", "pass", "where", what]
    kept = [at for at, one in enumerate(heads) if one != "changed" or any(changes)]
    cells = [
        (*_numbers(one), word(one), change, _pass(one), _where(one), name)
        for one, change, name in zip(shown, changes, names, strict=True)
    ]
    below = [
        tuple((*_numbers(one), told, "", "", "", name) for one, told, name in group)
        for group in more
    ]
    every = [*shown, *(one for group in more for one, _, _ in group)]
    return Table(
        columns=tuple(
            Column(
                name=heads[at],
                is_number=at < _NUMBERS,
                goes=_SPARE.index(heads[at]) + 1 if heads[at] in _SPARE else 0,
                is_name=heads[at] == what,
            )
            for at in kept
        ),
        groups=tuple(
            tuple(tuple(row[at] for at in kept) for row in group) for group in (cells, *below)
        ),
        title=title,
        row_tones=tuple(map(_tone, every)),
        notes=_notes(every),
        alike="#1, #2: different names that are alike in short; in full: --json",
    )


def _name(one: RowDelta) -> str:
    """Return what ran on both sides, where that is not the same with an arrow between."""
    names = [_several(side.kernels) for side in (one.a, one.b) if side]
    return " → ".join(dict.fromkeys(names))


def _several(names: Sequence[str]) -> str:
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return f"{short(names[0])}{more}" if names else ""


def _change(one: RowDelta) -> str:
    """Return what is different besides the time, what tells most first."""
    if one.a is None or one.b is None:
        return ""
    told = [
        f"{', '.join(getattr(one.a, field))} → {', '.join(getattr(one.b, field))}"
        for what, field in _FIELDS.items()
        if what in one.changed
    ]
    other = ", ".join(what for what in _OTHER if what in one.changed)
    return "; ".join((*told, *((f"other {other}",) if other else ())))


def _side_of(one: RowDelta) -> RowSide:
    """Return what a has of a row, else what b has."""
    side = one.a or one.b
    assert side
    return side


def _pass(one: RowDelta) -> str:
    return "/".join(_side_of(one).passes)


def _where(one: RowDelta) -> str:
    side = _side_of(one)
    if side.modules:
        return side.modules[0] if len(side.modules) == 1 else f"{len(side.modules)} modules"
    if side.shapes:
        return side.shapes[0]
    if side.outside:
        return f"({side.outside[0]})"
    return ""
