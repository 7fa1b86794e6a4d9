"""Renders layouts of convolutions: each operation in NHWC and NCHW, and the best mixed choice."""

from collections.abc import Iterator, Sequence
from math import fsum
from typing import Final, Literal

from msgspec.structs import replace

from resnext_bench.reports.figures.convs import compared
from resnext_bench.reports.render.bounds import span
from resnext_bench.reports.render.convs import shape_words
from resnext_bench.reports.render.convs_conspicuous import about_load
from resnext_bench.reports.render.convs_timed import wrong_lines
from resnext_bench.reports.render.convs_words import cut_lines, milliseconds, status_words
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.convs import UNCAPTURED, Convs
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.layouts import (
    FALSE,
    InStep,
    LayoutRow,
    Layouts,
    Mix,
    PartName,
    SideName,
    Versus,
)
from resnext_bench.resnext.traffic import Dtype
from resnext_bench.wording import count_of

_SIDES: Final[dict[SideName, str]] = {"nhwc": "NHWC", "nchw": "NCHW", "mixed": "mixed"}
AnyPart = PartName | Literal["rest"]
_NAMED: Final = 3
"""Most operators that explain a part."""
_LEAST_MS: Final = 0.1
_COLOURS: Final = 3
"""Channels of images."""
_PARTS: Final[dict[PartName, str]] = {
    "convolutions": "convolutions",
    "others": "norms and pools",
    "conversions": "conversions",
}


def sections(record: Convs) -> Iterator[Section]:
    """Yield the headline, a table for each type, and the best choice in each."""
    found = record.layouts
    if record.status == "failed" or found is None:
        yield Line(text=record.why, tone="bad", is_headline=True)
        return
    yield from cut_lines(record)
    yield _headline(record, found)
    if record.status == "invalid":
        yield Line(text=record.why, label="INVALID", label_tone="bad")
    yield from _wrong(record)
    for dtype in dict.fromkeys(row.dtype for row in found.rows):
        yield _table(record, found, dtype)
        yield Line(text=_counts(record, found, dtype))
    for mix in found.mixes:
        yield from _mix(record, mix)
    yield from _remarks(record, found)


def doubt(record: Convs) -> str:
    """Say why the exit code is not 0."""
    return status_words(record) or next((line.text for line in _wrong(record)), "")


def _wrong(record: Convs) -> Iterator[Line]:
    return wrong_lines(compared(record)) if record.wrong else iter(())


def _headline(record: Convs, found: Layouts) -> Line:
    types = " and ".join(dict.fromkeys(row.dtype for row in found.rows))
    what = record.model or "one convolution"
    operations = count_of(len(found.rows), "operation")
    text = f"{what} on {record.device.name}: NHWC against NCHW, {operations} in {types}"
    return Line(text=text, tone="strong", is_headline=True)


def _table(record: Convs, found: Layouts, dtype: Dtype) -> Table:
    rows = [row for row in _shown(record, found) if row.dtype == dtype]
    groups = [
        [row for row in rows if row.convolution == at]
        for at in dict.fromkeys(row.convolution for row in rows)
    ]
    return Table(
        title=f"{dtype}, ms",
        columns=(
            Column(name="convolution", tone="name", may_fold=True),
            Column(name="operation"),
            Column(name="NHWC", is_number=True),
            Column(name="NCHW", is_number=True),
            Column(name="NHWC / NCHW", is_number=True),
            Column(name="faster"),
        ),
        groups=tuple(tuple(_rows(record, group)) for group in groups),
    )


def _shown(record: Convs, found: Layouts) -> list[LayoutRow]:
    """Return the rows that were asked about: those of grouped convolutions, where there are any."""
    grouped = [row for row in found.rows if record.convolutions[row.convolution].groups > 1]
    return list(found.rows) if found.everything or not grouped else grouped


def _rows(record: Convs, rows: Sequence[LayoutRow]) -> Iterator[tuple[str, ...]]:
    conv = record.convolutions[rows[0].convolution]
    many = f" x{len(conv.layers)}" if len(conv.layers) > 1 else ""
    names = (f"{conv.layers[0]}{many}", shape_words(conv))
    for row, name in zip(rows, (*names, "", "")[: len(rows)], strict=True):
        yield (
            name if len(rows) > 1 else ", ".join(names),
            row.operation,
            _ms(row.nhwc_us),
            _ms(row.nchw_us),
            _ratio(row.ratio) if row.ratio else row.why or "–",
            _faster(row),
        )


def _ms(us: float | None) -> str:
    return "–" if us is None else milliseconds(us / 1e3)


def _interval(one: Estimate, digits: int) -> str:
    return f"{one.value:.{digits}f} ({one.low:.{digits}f} to {one.high:.{digits}f})"


def _ratio(one: Estimate) -> str:
    return f"{one.value:.2f} ({span(one.low, one.high, '{:.2f}'.format)})"


def _faster(row: LayoutRow) -> str:
    if row.ratio is None or not row.is_apart:
        return "–"
    return "NHWC" if row.ratio.value < 1 else "NCHW"


def _counts(record: Convs, found: Layouts, dtype: Dtype) -> str:
    """Say in how many operations of a type either layout is faster, of all that were timed."""
    every = [row for row in found.rows if row.dtype == dtype]
    rows = [row for row in every if row.ratio]
    words = [_faster(row) for row in rows]
    nhwc, nchw, unknown = (words.count(one) for one in ("NHWC", "NCHW", "–"))
    without = "".join(_left_out(record, [row for row in every if not row.ratio]))
    return (
        f"{dtype}: of {count_of(len(rows), 'operation')} NHWC is faster in {nhwc}, NCHW in {nchw}; "
        f"{unknown} cannot be told from noise (Benjamini-Hochberg over all rows at "
        f"{100 * FALSE:.0f} %).{without}"
    )


def _left_out(record: Convs, rows: Sequence[LayoutRow]) -> Iterator[str]:
    """Yield sentences on the operations that have no ratio."""
    wrong = {
        (replace(one.convolution, layout="nhwc", dtype=each.side.dtype), one.operation)
        for one in (compared(record) if record.wrong else ())
        for each in one.measured
        if each.is_wrong
    }
    keys = [(record.convolutions[row.convolution], row.operation) for row in rows]
    false = sum((replace(conv, layout="nhwc"), operation) in wrong for conv, operation in keys)
    if false:
        yield f" The result of {count_of(false, 'operation')} is wrong in a layout."
    if failed := len(rows) - false:
        yield f" {count_of(failed, 'operation')} could not run in both."


def _mix(record: Convs, mix: Mix) -> Iterator[Section]:
    yield Line(text=_choice(mix), tone="strong")
    yield _parts(mix)
    yield _gains(mix)
    yield from _verdicts(mix)
    if _is_worth_a_run(mix):
        layout = "--channels-last" if mix.base == "nhwc" else "--no-channels-last"
        amp = "" if mix.dtype == "fp32" else f" --amp-dtype {mix.dtype}"
        yield Line(
            text=f"run --model {record.model}{_size(record)}{amp} {layout} --other-layout "
            f"'{mix.other_layout}'",
            is_command=True,
            tone="dim",
        )


def _is_worth_a_run(mix: Mix) -> bool:
    """Return whether a mixed choice gains beyond noise, as far as that is known."""
    pair = mix.against("mixed", better_pure(mix)) if "mixed" in mix.sides else None
    if pair is None:
        return "mixed" in mix.sides
    if pair.measured_ms is None:
        return pair.is_promised
    return pair.measured_ms.low > 0


def _size(record: Convs) -> str:
    """Return the options of a run that reads the images of this record."""
    edge = f" --image-size {record.image_size}" if record.image_size else ""
    return f"{edge} --batch-size {record.convolutions[0].images[0]}"


def _choice(mix: Mix) -> str:
    every = len(mix.nhwc) + len(mix.nchw)
    if "mixed" not in mix.sides:
        return (
            f"{mix.dtype}: the best choice is {mix.base.upper()} for all {every} convolutions, "
            "norms and pools: no mix is predicted to gain."
        )
    fewer, layout = min((mix.nchw, "NCHW"), (mix.nhwc, "NHWC"), key=lambda one: len(one[0]))
    return (
        f"{mix.dtype}: the best choice is mixed: {len(fewer)} of {every} convolutions in {layout}, "
        f"{count_of(mix.converted, 'map')} converted; {_gain(mix, better_pure(mix))}."
    )


def better_pure(mix: Mix) -> SideName:
    """Return the pure layout with the shorter step: as measured if that is sure, or predicted."""
    pair = mix.against("nhwc", "nchw")
    if pair is None:
        return "nhwc" if "nhwc" in mix.sides else "nchw"
    known = pair.measured_ms if pair.measured_ms and pair.is_sure else pair.predicted_ms
    return "nhwc" if known.value >= 0 else "nchw"


def _gain(mix: Mix, pure: SideName) -> str:
    pair = mix.against("mixed", pure)
    if pair is None:
        return "neither pure layout can run"
    over, step_ms = f"over {_SIDES[pure]}, the better pure layout", mix.step_ms(pure)
    is_noise = pair.measured_ms is not None and not pair.is_sure and not pair.is_promised
    if not pair.is_promised:
        over += ", by the rounds that did not choose it"
    if not pair.is_promised and not is_noise:
        over += ", which cannot be told from noise"
    if step_ms is None or pair.measured_ms is None:
        return f"predicted to gain {pair.predicted_ms.value:.1f} ms a step {over}"
    share, found = 100 / step_ms, pair.measured_ms
    told = f"{share * found.value:.1f} % ({share * found.low:.1f} to {share * found.high:.1f})"
    noise = "" if pair.is_sure else ", which cannot be told from noise"
    noise = "; neither can be told from noise" if is_noise else noise
    return (
        f"predicted to gain {share * pair.predicted_ms.value:.1f} % of a step {over}, "
        f"measured {told}{noise}"
    )


def _parts(mix: Mix) -> Table:
    alone = [
        (f"{words} alone", *(f"{getattr(one, part):.1f}" for one in mix.parts))
        for part, words in _PARTS.items()
    ]
    alone.append(("all of these", *(f"{one.total:.1f}" for one in mix.parts)))
    groups = [tuple(alone)]
    if mix.steps and mix.steps.in_step:
        inside = mix.steps.in_step
        rows = [
            (f"{words} in a step", *(f"{getattr(one, part):.1f}" for one in inside))
            for part, words in _PARTS.items()
        ]
        rows.append(("the rest of a step", *(f"{one.rest:.1f}" for one in inside)))
        groups.append(tuple(rows))
    if mix.steps:
        steps = [f"{mix.step_ms(side) or 0:.1f}" for side in mix.sides]
        groups.append((("whole step, in turn", *steps),))
    return Table(
        title=f"{mix.dtype}, ms a step",
        columns=(
            Column(name="", tone="name"),
            *(Column(name=_SIDES[side], is_number=True) for side in mix.sides),
        ),
        groups=tuple(groups),
    )


def _gains(mix: Mix) -> Table:
    return Table(
        columns=(
            Column(name="gain, ms a step", tone="name"),
            Column(name="predicted", is_number=True),
            Column(name="measured", is_number=True),
            Column(name="measured, %", is_number=True),
        ),
        groups=(tuple(_gain_row(mix, pair) for pair in mix.versus),),
    )


def _gain_row(mix: Mix, pair: Versus) -> tuple[str, str, str, str]:
    name, found = _pair(pair), pair.measured_ms
    step_ms = mix.step_ms(pair.over)
    if found is None or step_ms is None:
        return name, _interval(pair.predicted_ms, 1), "–", "–"
    percent = f"{100 * found.value / step_ms:.1f}"
    return name, _interval(pair.predicted_ms, 1), _interval(found, 1), percent


def _pair(pair: Versus) -> str:
    return f"{_SIDES[pair.side]} over {_SIDES[pair.over]}"


def _verdicts(mix: Mix) -> Iterator[Line]:
    """Yield whether predictions hold, and by which facts a miss is explained."""
    if mix.steps is None:
        return
    missed = [pair for pair in mix.versus if pair.is_missed]
    if not missed:
        yield Line(text="Predictions lie within the intervals of what was measured.", tone="good")
    for pair in missed:
        assert pair.measured_ms
        yield Line(
            text=f"Missed: {_pair(pair)}, predicted {pair.predicted_ms.value:.1f} ms, measured "
            f"{_interval(pair.measured_ms, 1)}. {_explained(mix, pair)}",
            tone="warning",
        )
    if mix.steps.in_step:
        yield Line(text=_shares(mix))


def _explained(mix: Mix, pair: Versus) -> str:
    """Say where whole steps differ from what was timed alone, the largest difference first."""
    steps = mix.steps
    if steps is None or not steps.in_step:
        return "Whole steps were not profiled."
    one, other = (mix.sides.index(side) for side in (pair.over, pair.side))
    rest = steps.in_step[one].rest - steps.in_step[other].rest
    found: list[tuple[float, float, AnyPart, str]]
    found = [(rest, rest, "rest", f"the rest gains {rest:.1f} ms, assumed none")]
    for part, words in _PARTS.items():
        alone, inside = (
            getattr(side[one], part) - getattr(side[other], part)
            for side in (mix.parts, steps.in_step)
        )
        sentence = f"{words} gain {inside:.1f} ms, alone {alone:.1f}"
        found.append((inside - alone, inside, part, sentence))
    ranked = sorted(found, key=lambda each: -abs(each[0]))
    first = _operators(steps.in_step[one], steps.in_step[other], ranked[0][2])
    told = "; ".join([ranked[0][3] + first, *(words for _, _, _, words in ranked[1:])])
    gained = fsum(inside for _, inside, _, _ in found)
    measured = pair.measured_ms
    if measured and not measured.low <= gained <= measured.high:
        return (
            f"A profile of whole steps finds another gain, {gained:.1f} ms, and so explains this "
            f"in part at most: {told}."
        )
    return f"In a profile of whole steps {told}."


def _operators(over: InStep, side: InStep, part: AnyPart) -> str:
    """Return which operators of a part differ most between two sides; empty where none is known."""
    times = [
        {each.name: each.ms for each in one.operators if each.part == part} for one in (over, side)
    ]
    gains = {
        name: times[0].get(name, 0.0) - times[1].get(name, 0.0)
        for name in dict.fromkeys((*times[0], *times[1]))
    }
    most = max(map(abs, gains.values()), default=0.0)
    named = sorted(gains.items(), key=lambda one: -abs(one[1]))[:_NAMED]
    told = [f"{name} {ms:+.1f}" for name, ms in named if abs(ms) >= max(_LEAST_MS, most / 5)]
    return f" ({', '.join(told)})" if told else ""


def _shares(mix: Mix) -> str:
    assert mix.steps
    side = better_pure(mix)
    inside = mix.steps.in_step[mix.sides.index(side)]
    total = inside.total + inside.rest
    convolutions, others = (100 * one / total for one in (inside.convolutions, inside.others))
    return (
        f"In {_SIDES[side]} convolutions are {convolutions:.0f} % of a step, norms and pools "
        f"{others:.0f} %; the rest is assumed to cost the same in any layout."
    )


def _remarks(record: Convs, found: Layouts) -> Iterator[Line]:
    conv, timing = record.convolutions[0], record.timing
    # Of a network whose convolutions were not all timed, the first may read any map.
    size = f", {conv.images[2]} x {conv.images[3]}" if conv.images[1] == _COLOURS else ""
    versions = "".join(f"; {name} {number}" for name, number in record.libraries.items())
    torch = f"; torch {record.settings.torch}"
    of = f" of {count_of(timing.rounds, 'round')}" if timing else ""
    threads = f", {count_of(timing.threads, 'thread')}" if timing and timing.threads else ""
    means = f"batch {conv.images[0]}{size}; geometric means{of}"
    yield Line(text=f"{means}{threads}{torch}{versions}", tone="dim")
    if len(_shown(record, found)) < len(found.rows):
        yield Line(text="convolutions without groups: --all, or runs query", tone="dim")
    if timing:
        yield from about_load(timing)
    yield from _of_gpu(record)
    if found.mixes:
        yield Line(
            label="note",
            text="all operations of a layer share a layout, and all maps of a sum; half of the "
            "rounds chose, the other half predicted",
        )
    if any(mix.steps for mix in found.mixes):
        yield Line(
            label="note",
            text="intervals of whole steps are over the rounds of one launch of each side",
        )
    remarks = [one for mix in found.mixes if mix.steps for one in mix.steps.remarks]
    for note in dict.fromkeys((*record.notes, *remarks)):
        yield Line(label="note", text=note)
    if found.why:
        yield Line(
            label="note",
            text="no best mix is chosen for this model: how its maps flow is known of networks of "
            "ours alone. run --other-layout takes names of its modules all the same; compare "
            "measures what a mix gains",
        )
    if record.id:
        yield Line(text=record.id, tone="dim")


def _of_gpu(record: Convs) -> Iterator[Line]:
    """Yield what is to be known of times on a GPU."""
    memory = record.memory
    if memory is None:
        return
    limit = record.settings.benchmark_limit
    yield Line(
        label="note",
        text=f"PyTorch chose each plan once, with cuDNN benchmark and its limit of {limit}, as run "
        "does; whole steps choose anew. Calls are cold: they go through tensors that exceed the L2 "
        f"cache of {memory.cache_bytes / 2**20:.0f} MiB four times",
    )
    launched = sum(
        UNCAPTURED in plan.notes for problem in record.problems for plan in problem.plans
    )
    if launched:
        yield Line(
            label="note",
            text=f"no CUDA graph could be made of {count_of(launched, 'side')}: the host's time is "
            "in their own",
        )
