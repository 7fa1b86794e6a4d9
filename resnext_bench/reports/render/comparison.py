"""Renders a comparison: the verdict first, then where the difference is, then doubts."""

import shlex
from collections.abc import Iterator
from math import floor, log10
from typing import Final

from resnext_bench.reports.figures.page_faults import FAULT_US, faults_of
from resnext_bench.reports.render import comparison_profile
from resnext_bench.reports.render.bounds import NOTHING, TOO_FEW, bounds_percent
from resnext_bench.reports.render.kinds import Renderer
from resnext_bench.reports.render.model import Flow, Line, Row, Section, summary
from resnext_bench.reports.render.run import LEAST_OTHER, failure_lines, marks
from resnext_bench.reports.render.sentences import (
    counting,
    tone_of,
    verdict_line,
    what_ended_it,
    what_to_do,
)
from resnext_bench.reports.render.shared import machine, shared
from resnext_bench.reports.render.words import given_to, ms, short, slow_and_cost, slow_label
from resnext_bench.reports.schema.comparison import COMPARE, Comparison, PhaseChange, Side
from resnext_bench.reports.schema.interval import Range

APART = 1.5
"""Ratio above which both figures of what can be detected are shown."""
_DESIGNS = {
    "duet": "duet: both sides resident, in alternating blocks",
    "relaunch": "relaunched in turn (ABBA)",
    "unpaired": "unpaired: measured at different times",
}


def sections(record: Comparison) -> Iterator[Section]:
    """Yield a whole comparison."""
    yield Line(
        text=verdict_line(record),
        tone=tone_of(record.verdict),
        is_headline=True,
    )
    yield from (Line(text=advice) for advice in what_to_do(record))
    groups = (_result_rows(record), _phase_rows(record), _how_rows(record))
    yield summary(*groups, caption=record.id)
    yield from _remarks(record)
    yield from comparison_profile.sections(record)


def _result_rows(record: Comparison) -> Iterator[Row]:
    configs = record.a.resolved, record.b.resolved
    if configs[0] and configs[1]:
        yield "both", Flow(pieces=shared(configs[0], configs[1]))
    yield "a", _name(record.a)
    yield "b", _name(record.b)
    for difference in record.differences:
        yield f"  {difference.what}", f"{difference.a} → {difference.b}"
    yield from _time_rows(record)
    detectable = record.detectable_percent
    if record.change and detectable is not None and bounds_percent(0, detectable):
        yield "detectable", _detectable(record, detectable)


def _detectable(record: Comparison, every: float) -> str:
    """Return the smallest detectable change, also of slow steps where that is far larger."""
    total, power = record.detectable_total_percent, "(95 % power)"
    if total is None or total < APART * every or not bounds_percent(0, total):
        return f"changes of at least {short(every, 2)} % {power}"
    return (
        f"a change of every step of at least {short(every, 2)} %, one of slow steps alone of at "
        f"least {short(total, 2)} % of all steps {power}"
    )


def _time_rows(record: Comparison) -> Iterator[Row]:
    whole = "all steps" if record.middle else "step time"
    unit, whose = ("image", "time/image") if record.is_per_image else ("step", whole)
    if record.step_ms:
        a, b = record.step_ms
        images = record.images if record.is_per_image else None
        of = f"   in steps of {images[0]:,} and of {images[1]:,} images" if images else ""
        yield f"ms/{unit}", f"{_ms(a)} → {_ms(b)}{of}"
    if record.change:
        yield whose, _range(record.change)
    if record.equivalence:
        yield "  for same", _equivalence(record.equivalence, record.limits.margin_percent)
    if record.middle_ms:
        a, b = record.middle_ms
        of = " an image" if record.is_per_image else ""
        yield "median step", f"{_ms(a)} → {_ms(b)} ms{of}"
    if record.middle:
        yield "", _range(record.middle)
    for name, found in zip("ab", record.slow, strict=True):
        if found:
            yield slow_label(found, f", {name}"), slow_and_cost(found, f" of {name}")


def _ms(value: float) -> str:
    """Return ms as elsewhere, but three figures of short times, such as a wait for data."""
    return ms(value) if value >= 1 else f"{value:.3f}"


def _name(side: Side) -> str:
    if side.runs:
        return ", ".join(side.runs)
    if side.command:
        command = shlex.join(side.command)
        return command if command == side.given else f"{command}   ({side.given})"
    return given_to(side)


def _equivalence(found: Range, margin: float) -> str:
    """Return the interval behind "same"; the one above may be wider, as it serves another test."""
    return (
        f"{found.low_percent:+.2f} to {found.high_percent:+.2f} %   "
        f"{found.confidence_percent:.4g} % interval, inside ±{margin:g} %"
    )


def _range(change: Range) -> str:
    low, high, confidence = change.low_percent, change.high_percent, change.confidence_percent
    if not bounds_percent(low, high):
        return f"{short(change.percent, 3, '+')} %   no {confidence:.4g} % interval: {TOO_FEW}"
    return f"{change.percent:+.2f} %   {confidence:.4g} % interval {low:+.2f} to {high:+,.2f} %"


def _order_bounds(order: Range) -> str:
    low, high = order.low_percent, order.high_percent
    return f"{low:+.2f} to {high:+,.2f} %" if bounds_percent(low, high) else NOTHING


def _phase_rows(record: Comparison) -> Iterator[Row]:
    for name, phase in record.phases.items():
        if name == "other" and max(phase.a_ms, phase.b_ms) < LEAST_OTHER * _longest_ms(record):
            continue
        yield name.replace("_", " "), _phase(phase)


def _longest_ms(record: Comparison) -> float:
    return max(record.step_ms or (0.0,))


def _phase(phase: PhaseChange) -> str:
    digits = _decimals(phase.half_width_ms)
    change = f"{phase.change_ms:+,.{digits}f} ± {phase.half_width_ms:,.{digits}f} ms (99 %)"
    return f"{_ms(phase.a_ms):>7} → {_ms(phase.b_ms):>7} ms   {change}"


def _decimals(error: float) -> int:
    """Return the decimals that show two figures of the error: more are not known of the value."""
    return min(max(1 - floor(log10(error)), 0), 4) if error > 0 else 2


def _how_rows(record: Comparison) -> Iterator[Row]:
    yield "design", _DESIGNS[record.design]
    yield "sessions", _sessions(record)
    order = record.order_effect
    if order:
        yield (
            "order",
            (f"being second costs {order.percent:+.2f} % ({_order_bounds(order)}), balanced out"),
        )
    faults = faults_of(record.pairs)
    if faults and faults.matter:
        at_most = (
            f"at most {100 * max(faults.a, faults.b) * FAULT_US / 1e3 / _longest_ms(record):.1f} %"
        )
        yield "page faults", f"{faults.a:,.0f} → {faults.b:,.0f} per step ({at_most} of its time)"
    quiet = [pair.quiet_percent for pair in record.pairs if pair.quiet_percent is not None]
    if quiet:
        yield "quiet", f"the waiting side used {max(quiet):.1f} % of its cores at most"
    yield from _launch_rows(record)
    ended = what_ended_it(record)
    if ended:
        yield "ended", ended
    yield "machine", machine(record)


def _launch_rows(record: Comparison) -> Iterator[Row]:
    """Yield what scripts were started with, and what it led to."""
    if record.limits.as_is:
        yield "heap", "as it is (--as-is)"
    elif record.a.command and record.environment.of_ranks:
        yield "heap", "keeps freed memory, as for run"
    elif record.a.command:
        yield "heap", "by your own variables (MALLOC_…, LD_PRELOAD, GLIBC_TUNABLES)"


def _sessions(record: Comparison) -> str:
    if record.design == "unpaired":
        look = "; one look" if record.looks_taken else ""
        return f"{record.a.sessions} of a, {record.b.sessions} of b{look}"
    blocks = (
        f", each {_pairs_of_blocks(record)} pairs of blocks of {_block_steps(record)} steps"
        if record.design == "duet" and record.pairs
        else ""
    )
    looks = f"{record.looks_taken} of {len(record.limits.looks)} planned looks at the verdict taken"
    return f"{counting(record)} of at most {record.limits.max_sessions}{blocks}; {looks}"


def _block_steps(record: Comparison) -> str:
    """Return the steps of blocks in the first session, and later ones, if they were changed."""
    played = [pair.block_steps or record.limits.block_steps for pair in record.pairs]
    first, *others = played or [record.limits.block_steps]
    changed = sorted(set(others) - {first})
    return f"{first}, then {' or '.join(map(str, changed))}" if changed else f"{first}"


def _pairs_of_blocks(record: Comparison) -> str:
    """Return the pairs of blocks; more than requested may have been measured."""
    played = [len(pair.blocks_ms) for pair in record.pairs] or [record.limits.pairs]
    least, most = min(played), max(played)
    return f"{least}" if least == most else f"{least} to {most}"


def _remarks(record: Comparison) -> Iterator[Line]:
    yield from marks(record)
    yield from (Line(label="note", text=note) for note in record.notes)
    if record.failure:
        yield from failure_lines(record.failure)


def doubt_of(record: Comparison) -> str:
    """Return why there is no verdict, and what to do, in one line; empty where there is one."""
    if COMPARE.outcomes(record) <= {"slower"}:
        return ""
    return "; ".join((verdict_line(record), *what_to_do(record)))


RENDERER: Final = Renderer(sections=sections, doubt=doubt_of)
