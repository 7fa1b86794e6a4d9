"""Renders plans over releases of cuDNN: with which release what changes, and for which problem."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from resnext_bench.reports.render.convs import device_words
from resnext_bench.reports.render.convs_words import cut_lines, status_words
from resnext_bench.reports.render.kinds import Renderer
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution
from resnext_bench.reports.schema.releases import CUDA, History, Release, Releases, Standing
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.wording import count_of

Change = tuple[History, Standing, Standing]
"""A problem, how it stood before, and how it stands then."""
_Place = tuple[str, Operation, int]
"""A release, an operation and an engine."""
_MIB: Final = 2**20
NOT_TIMED: Final = "Choices changed; nothing was timed, so whether they became faster is not known."


def sections(record: Releases) -> Iterator[Section]:
    """Yield the headline, what each release changes, the first choices that change, and notes."""
    yield from cut_lines(record)
    yield _headline(record)
    if record.status != "failed":
        if any(one.torch or one.why for one in record.releases) or _is_other(record.histories):
            yield by_release(record.releases, record.histories)
        yield from first_choices(record.convolutions, record.histories)
        yield from engines_that_changed(record.histories)
        if any(is_other_choice(before, now) for _, before, now in changes_of(record.histories)):
            yield Line(text=NOT_TIMED)
    yield from _remarks(record)
    if record.id:
        yield Line(text=record.id, tone="dim")


def _headline(record: Releases) -> Line:
    if record.status == "failed":
        return Line(text=record.why, tone="bad", is_headline=True)
    listed = record.listed
    first, last = (short(listed[at].version) for at in (0, -1))
    moved = sum(any(is_other_engine(*pair) for pair in one.changes) for one in record.histories)
    span = f"cuDNN {first} to {last}" if len(listed) > 1 else f"cuDNN {first} alone"
    cuda = f" for CUDA {record.cuda}" if record.cuda != CUDA else ""
    text = (
        f"{record.model or 'one convolution'} on {record.device.name}, {span}{cuda}: the first "
        f"choice becomes another engine in {moved} of {count_of(len(record.histories), 'problem')}"
    )
    return Line(text=text, tone="strong", is_headline=True)


def short(version: str) -> str:
    """Return a version without the number of its build: 9.28.1."""
    return ".".join(version.split(".")[:3])


def by_release(releases: Sequence[Release], histories: Sequence[History]) -> Table:
    """Return a table with a row for each release: in how many problems it changes what."""
    changes = list(changes_of(histories))

    def row(release: Release) -> tuple[str, ...]:
        torch = ", ".join(release.torch)
        if release.why:
            return short(release.version), torch, *("–",) * 5
        here = [one for one in changes if one[2].release == release.version]
        counts = (
            sum(is_other_engine(before, now) for _, before, now in here),
            sum(is_other_plan(before, now) for _, before, now in here),
            sum(bool(now.gone) for _, _, now in here),
            sum(bool(now.new) for _, _, now in here),
            sum(now.largest > before.largest for _, before, now in here),
        )
        return short(release.version), torch, *(str(one) if one else "" for one in counts)

    return Table(
        columns=(
            Column(name="cuDNN", tone="name"),
            Column(name="in torch", may_fold=True),
            Column(name="other engine", is_number=True, may_fold=True),
            Column(name="other plan", is_number=True, may_fold=True),
            Column(name="engines gone", is_number=True, may_fold=True),
            Column(name="new engines", is_number=True, may_fold=True),
            Column(name="more memory", is_number=True, may_fold=True),
        ),
        groups=(tuple(map(row, releases)),),
        caption="problems in which a release differs from the one before it",
    )


def changes_of(histories: Sequence[History]) -> Iterator[Change]:
    """Yield every change, by problem."""
    for history in histories:
        for before, now in history.changes:
            yield history, before, now


def is_shown(before: Standing, now: Standing) -> bool:
    """Return whether the first choice is another engine, or workspaces differ noticeably."""
    sizes = [(size(one.workspace), size(one.largest)) for one in (before, now)]
    return is_other_engine(before, now) or sizes[0] != sizes[1]


def first_choices(
    convolutions: Sequence[Convolution], histories: Sequence[History]
) -> Iterator[Section]:
    """Yield a table of the first choices and workspaces that change, or that there are none."""
    shown = [one for one in changes_of(histories) if is_shown(*one[1:])]
    if not shown:
        yield Line(text="No first choice becomes another engine, and no workspace changes.")
        return
    yield Table(
        columns=(
            Column(name="convolution", tone="name"),
            Column(name="operation"),
            Column(name="from"),
            Column(name="first"),
            Column(name="workspace"),
            Column(name="largest", may_fold=True),
        ),
        groups=tuple(_groups(convolutions, shown)),
        caption="workspace: MiB of the first choice; largest: of the plans that are timed",
    )


def _groups(
    convolutions: Sequence[Convolution], shown: Sequence[Change]
) -> Iterator[tuple[tuple[str, ...], ...]]:
    for at, conv in enumerate(convolutions):
        rows = [change_row(*one) for one in shown if one[0].convolution == at]
        if rows:
            yield tuple(
                (name, *row) for name, row in zip_longest((conv.layers[0],), rows, fillvalue="")
            )


def change_row(history: History, before: Standing, now: Standing) -> tuple[str, ...]:
    """Return operation, release, first choice, its workspace, and the largest that is timed."""
    return (
        history.operation,
        short(now.release),
        arrow(engine(before), engine(now)),
        arrow(size(before.workspace), size(now.workspace)),
        arrow(size(before.largest), size(now.largest)),
    )


def size(workspace: int | None) -> str:
    """Return bytes in MiB in few digits; less than a tenth of one counts as none."""
    if workspace is None:
        return "–"
    found = workspace / _MIB
    return "0" if found < 0.1 else f"{found:.1f}" if found < 10 else f"{found:,.0f}"


def engines_that_changed(histories: Sequence[History]) -> Iterator[Section]:
    """Yield a table of the engines that a release lists no more, or lists first."""
    gone, new = Counter[_Place](), Counter[_Place]()
    for history, _, now in changes_of(histories):
        gone.update((now.release, history.operation, one) for one in now.gone)
        new.update((now.release, history.operation, one) for one in now.new)
    places = dict.fromkeys((release, operation) for release, operation, _ in (*gone, *new))
    order = sorted(places, key=lambda one: (_numbers(one[0]), OPERATIONS.index(one[1])))
    if not order:
        return
    rows = ((short(one[0]), one[1], _engines(gone, one), _engines(new, one)) for one in order)
    yield Table(
        columns=(
            Column(name="from"),
            Column(name="operation"),
            Column(name="engines gone", may_fold=True),
            Column(name="new engines", may_fold=True),
        ),
        groups=(tuple(rows),),
        caption="x: in how many problems",
    )


def _engines(counts: Mapping[_Place, int], place: tuple[str, Operation]) -> str:
    found = sorted((number, n) for (*at, number), n in counts.items() if tuple(at) == place)
    return ", ".join(f"{number} x{n}" for number, n in found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def arrow(before: str, now: str) -> str:
    """Return what changed, or the one value where nothing did."""
    return now if before == now else f"{before} → {now}"


def engine(standing: Standing) -> str:
    """Return the engine of a first choice: eng22."""
    return standing.first.partition("_")[0] or "none"


def is_other_engine(before: Standing, now: Standing) -> bool:
    """Return whether the first choice is another engine."""
    return engine(before) != engine(now)


def is_other_choice(before: Standing, now: Standing) -> bool:
    """Return whether the first choice is another one at all."""
    return before.first != now.first


def _is_other(histories: Sequence[History]) -> bool:
    """Return whether any release changes anything."""
    return next(changes_of(histories), None) is not None


def is_other_plan(before: Standing, now: Standing) -> bool:
    """Return whether the first choice is the same engine with other knobs."""
    return engine(before) == engine(now) and before.first != now.first


def _remarks(record: Releases) -> Iterator[Line]:
    settings = record.settings
    if record.convolutions:
        conv = record.convolutions[0]
        torch = f"rules of torch {settings.torch}" if settings.torch else "no rules of torch"
        rules = torch if settings.rules_from in ("torch", "nowhere") else settings.rules_from
        yield Line(
            text=f"batch {conv.images[0]}, {conv.dtype}, {conv.layout.upper()}; cudnn-frontend "
            f"{record.frontend}; {rules}",
            tone="dim",
        )
    if record.status == "ok":
        yield Line(
            text='all changes, engines too: runs query "SELECT * FROM release_changes"; all '
            "lists: plans.json.gz in the record's folder",
            tone="dim",
        )
    yield Line(label="note", text=device_words(record.device))
    for release in record.releases:
        if release.why:
            yield Line(label="note", text=f"cuDNN {release.version}: {release.why}")
    yield from (Line(label="note", text=note) for note in record.notes)


def _doubt(record: Releases) -> str:
    return status_words(record)


RENDERER: Final = Renderer(sections=sections, doubt=_doubt)
