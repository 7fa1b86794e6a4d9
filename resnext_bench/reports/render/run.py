"""Renders a run's record: figures first, then their conditions, then doubts."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render import words
from resnext_bench.reports.render.attribution import sections as attribution_sections
from resnext_bench.reports.render.bounds import TOO_FEW, bounds
from resnext_bench.reports.render.kinds import Renderer
from resnext_bench.reports.render.model import (
    Figure,
    Line,
    Row,
    Section,
    Summary,
    Tone,
    bar,
    summary,
)
from resnext_bench.reports.schema.attribution import Attribution
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.kinds import Stored
from resnext_bench.reports.schema.machine import Board, GpuFigures, gpu_figures
from resnext_bench.reports.schema.record import Cost, Failure, Record
from resnext_bench.reports.schema.sessions import Figures

LEAST_OTHER = 0.005
"""Share of a step above which the time between its parts gets a row: a rank's wait for the slowest
one."""

SIDE_BY_SIDE: Final = {
    "images/s": "images_per_s",
    "ms/step": "step_ms_mean",
    "median step ms": "step_ms_p50",
    "data wait ms": "data_wait_ms",
    "forward ms": "forward_ms",
    "backward ms": "backward_ms",
    "optimizer ms": "optimizer_ms",
    "peak GiB": "peak_gib",
    "reserved GiB": "reserved_gib",
    "device GiB": "device_gib",
    "J/image": "joules_per_image",
}
"""Figures with a row in `runs diff`, by their names there."""


def sections(record: Record) -> Iterator[Section]:
    """Yield a whole record."""
    if doubt := first_doubt(record):
        yield doubt
    if record.figures:
        yield _summary(record, record.figures)
    else:
        yield Line(text=record.id, label=record.resolved.model, label_tone="strong")
    if record.attribution and record.status == "invalid":
        yield Line(text="Is it the loader? Can't tell: the run is invalid.", tone="strong")
    elif record.attribution:
        yield from attribution_sections(record.attribution, record.resolved)
    yield from _remarks(record)


def first_doubt(record: Record) -> Line | None:
    """Return why the figures below are not to be believed; None where they are."""
    if record.status == "invalid":
        reasons = list(dict.fromkeys(one for each in record.sessions for one in each.invalid))
        more = f"; {len(reasons) - 1} more below" if len(reasons) > 1 else ""
        return _doubt(f"INVALID: {reasons[0] if reasons else record.why}{more}", "bad")
    if record.status == "interrupted" and record.figures:
        return _doubt(f"INTERRUPTED: {record.why.removeprefix('interrupted ')}", "warning")
    if record.figures and (lost := [one for one in record.counted if one.invalid]):
        # Records that were written before `left_out`, and interrupted runs with nothing else.
        which = ", ".join(str(one.number) for one in lost)
        return _doubt(
            f"INVALID sessions are in these figures ({which}): {lost[0].invalid[0]}", "bad"
        )
    never = [one for one in record.sessions if one.steadiness.judged and not one.steadiness.steady]
    if not record.figures or not never:
        return None
    several = len(record.sessions) > 1
    of = f"{len(never)} of {len(record.sessions)} sessions; " if several else ""
    why = never[0].steadiness.why.removeprefix("never steady: ")
    return _doubt(f"NEVER STEADY: {of}{why}", "warning")


def _doubt(text: str, tone: Tone) -> Line:
    return Line(text=text, tone=tone, is_headline=True)


def _summary(record: Record, figures: Figures) -> Summary:
    groups = (_figure_rows(record, figures), _split_rows(figures), _condition_rows(record))
    title = f"{record.resolved.model} training on {words.device(record)}"
    return summary(*groups, title=title, caption=record.id)


def _figure_rows(record: Record, figures: Figures) -> Iterator[Row]:
    devices, each = record.topology.devices, f"{figures.images_per_s_per_device:,.1f}"
    share = f"   {each} on each of {devices} devices" if devices > 1 else "   on one device"
    yield "images/s", Figure(value=f"{figures.images_per_s:,.1f}", rest=share)
    if record.interval:
        rates = [session.figures.images_per_s for session in record.counted]
        found = record.interval
        of = f"{found.confidence_percent:g} %, {found.sessions} sessions"
        told = f"{found.low:,.1f} to {found.high:,.1f} images/s ({of})"
        if not bounds(found.low, found.high):
            told = f"none: {TOO_FEW} ({of})"
        yield "interval", told
        yield "sessions", f"{min(rates):,.1f} to {max(rates):,.1f} images/s"
    yield (
        "ms/step",
        (
            f"mean {words.ms(figures.step_ms_mean)}   p50 {words.ms(figures.step_ms_p50)}   "
            f"{_longer_steps(figures)}jitter {words.ms(figures.step_ms_jitter)}"
        ),
    )
    if figures.slow:
        yield words.slow_label(figures.slow), words.slow_and_cost(figures.slow)
    if figures.peak_gib:  # not known of a window that was cut
        yield "peak memory", _peak_memory(record, figures)
    if record.cost and record.cost.mfu_percent is not None:
        yield "MFU", _mfu(record.cost)
    if line := gpu_line(record):
        yield "GPU", line


FEWEST_FOR_P95, FEWEST_FOR_P99 = 20, 100
"""Numbers of steps below which a percentile would just be the longest step."""


def _longer_steps(figures: Figures) -> str:
    """Return percentiles, where there are enough steps, and the longest one instead of p99."""
    told = []
    if figures.steps >= FEWEST_FOR_P95:
        told.append(f"p95 {words.ms(figures.step_ms_p95)}   ")
    if figures.steps >= FEWEST_FOR_P99:
        told.append(f"p99 {words.ms(figures.step_ms_p99)}   ")
    elif figures.step_ms_max is not None:
        told.append(f"max {words.ms(figures.step_ms_max)}   ")
    return "".join(told)


def _peak_memory(record: Record, figures: Figures) -> str:
    """Return what tensors took, and on a GPU what was reserved, and used on the whole device."""
    on_gpu = record.resolved.device == "cuda"
    predicted = record.cost.predicted_gib if record.cost else None
    tensors = "" if on_gpu else "tensors alone "
    calculated = f"; {tensors}{predicted:.2f} by calculation" if predicted else ""
    kind = "tensors" if on_gpu else "resident set"
    more = {"reserved": figures.reserved_gib, "in use on the device": figures.device_gib}
    told = "".join(f", {size:.2f} {what}" for what, size in more.items() if size is not None)
    return f"{figures.peak_gib:.2f} GiB per rank ({kind}{calculated}){told}"


def _mfu(cost: Cost) -> str:
    """Return the MFU with the rate that it is relative to."""
    assert cost.mfu_percent is not None
    assert cost.peak_tflops is not None
    spread = f" ± {cost.peak_spread_percent:.0f} %" if cost.peak_spread_percent is not None else ""
    rate = f"{_rate(cost.peak_tflops)} TFLOP/s{spread}"
    return f"{cost.mfu_percent:.1f} % of {rate} ({cost.peak_source})"


def _rate(tflops: float) -> str:
    return f"{tflops:,.0f}" if tflops >= 100 else f"{tflops:.3g}"


def _split_rows(figures: Figures) -> Iterator[Row]:
    whole = max(figures.step_ms_mean, figures.parts_ms)
    parts = {
        "data wait": figures.data_wait_ms,
        "forward": figures.forward_ms,
        "backward": figures.backward_ms,
        "optimizer": figures.optimizer_ms,
        "other": whole - figures.parts_ms,
    }
    for name, part in parts.items():
        share = part / whole
        if name == "other" and share < LEAST_OTHER:
            continue
        yield name, f"{words.ms(part):>8} ms {100 * share:5.1f} %  {bar(share)}"


def _condition_rows(record: Record) -> Iterator[Row]:
    config = record.resolved
    if record.cost:
        form = f", form ({config.form})" if config.form != "c" else ""
        gflop = record.cost.training_gflop
        each = f"{gflop:,.2f} GFLOP per image" if gflop >= 1 else f"{gflop:.3g} GFLOP per image"
        yield "network", f"{record.cost.parameters:,} parameters, {each}{form}"
    yield "ranks", words.ranks(config, record.topology)
    yield "each rank", words.resources(config, record.topology)
    yield "batch", words.batch(config)
    yield "precision", words.precision(config)
    if optimizer := words.optimizer(config):
        yield "optimizer", optimizer
    yield "layout", words.layout(config, record.weight_format)
    if config.device == "cuda":
        yield "cuDNN", words.cudnn(config)
    if words.compiled(config):
        yield "compiled", _compiled(record)
    yield "data", words.data(config, record.data)
    yield "measured", _measured(record)
    if record.profiled:
        yield "profiled", _profiled(record)
    versions = record.environment.versions
    shown = [f"{name} {versions[name]}" for name in _used(config) if name in versions]
    yield "software", ", ".join([*shown, f"Python {record.environment.python}"])


def _compiled(record: Record) -> str:
    seen = record.sessions[0].graphs if record.sessions else None
    captured = words.graphs(record.resolved, seen)
    return "; ".join(filter(None, (words.compiled(record.resolved), captured)))


def _used(config: RunConfig) -> tuple[str, ...]:
    """List the libraries that the timed steps used, of all that are installed."""
    library = config.model.partition(":")[0]
    return tuple(dict.fromkeys(("torch", "cudnn", config.pipeline, library, config.engine)))


def _profiled(record: Record) -> str:
    """Return what the profiler cost, and where its traces are."""
    figures, first = record.figures, record.profiled[0]
    step_ms = max(one.step_ms for one in record.profiled)
    cost = (f", {step_ms / figures.step_ms_mean:.2f} x as long as timed ones") if figures else ""
    mib = sum(one.size for one in record.profiled) / 2**20
    traces = f"{len(record.profiled)} trace{'s' * (len(record.profiled) > 1)}, {mib:.1f} MiB"
    folder = first.trace.rpartition("/")[0]
    return f"{first.steps} more steps{cost}; {traces}\ntensorboard --logdir {folder}"


def _measured(record: Record) -> str:
    config, first = record.resolved, record.sessions[0]
    if record.attribution:
        return _in_turn(record, record.attribution)
    counted = sum(session.figures.steps for session in record.counted)
    warm_up = f"after {config.warm_up} of warm-up"
    if first.steps_asked is not None:
        done = counted + first.steadiness.cut
        cut = f", of which {counted} count" if counted < done else ""
        return f"{done} of {first.steps_asked} steps {warm_up}{cut}; {first.steadiness.why}"
    steps = f"{config.steps} steps {warm_up}"
    if len(record.sessions) == 1:
        cut = f", of which {counted} count" if counted < config.steps else ""
        return f"{steps}{cut}; {first.steadiness.why}"
    settled = sum(session.steadiness.steady for session in record.sessions)
    cut = f", {counted} of them count" if counted < config.steps * len(record.sessions) else ""
    return f"{len(record.sessions)} x {steps}{cut}; {settled} of {len(record.sessions)} steady"


def _in_turn(record: Record, found: Attribution) -> str:
    launches = len(record.sessions)
    times = f"{launches} x " if launches > 1 else ""
    blocks = f"{times}{record.resolved.attribution_rounds} blocks"
    return f"{blocks}, taking turns with {len(found.sides) - 1} other sides of this configuration"


def _remarks(record: Record) -> Iterator[Line]:
    yield from marks(record)
    reasons = dict.fromkeys(one for session in record.sessions for one in session.invalid)
    for reason in list(reasons)[1:]:  # the first one stands first of all
        yield Line(label="INVALID", label_tone="bad", text=reason)
    yield from (Line(label="note", text=note) for note in record.notes)
    if record.failure:
        yield from failure_lines(record.failure)
    elif record.status == "interrupted" and not record.figures:  # else it stands first
        yield Line(label="interrupted", text=record.why.removeprefix("interrupted "))


def marks(record: Stored) -> Iterator[Line]:
    """Yield the user's tags and note."""
    if record.tags:
        yield Line(text=" ".join(f"#{tag}" for tag in record.tags), tone="name")
    if record.note:
        yield Line(text=record.note, tone="name")


def failure_lines(failure: Failure) -> Iterator[Line]:
    """Yield what failed, and the end of its log."""
    yield Line(label="FAILED", label_tone="bad", text=failure.what)
    if failure.log_tail:
        yield Line(text=f"the end of {failure.log}:", tone="dim")
        yield from (Line(text=line, is_output=True) for line in failure.log_tail)


def doubt_of(record: Record) -> str:
    """Return why a run's exit code is not 0, and what to do, in one line; empty where it is 0."""
    if record.status == "failed":
        return f"failed: {record.why} ({record.id})"
    if record.status == "invalid":
        way = "run it on a quiet machine, or pass --allow-invalid"
        return f"invalid: {record.why}; {way} ({record.id})"
    never = [one for one in record.sessions if not one.steadiness.steady]
    if not never:
        return ""
    way = "give more --steps or --warm-up, or pass --allow-unsure"
    return f"{never[0].steadiness.why}; {way} ({record.id})"


def gpu_line(record: Record) -> str:
    """Return a line such as `1,980 MHz (max 1,980)   650 W of 700   54 °C`; empty without a GPU."""
    seen = [session.gpus for session in record.counted if session.gpus]
    if (figures := gpu_figures(seen)) is None:
        return ""
    used = {index for one in seen for index in one.index}
    boards = [board for board in record.environment.boards if used & set(board.gpus)]
    heat = figures.temperature_c
    parts = (
        _clock(figures, boards),
        _power(figures, boards, used),
        "" if heat is None else f"{heat:.0f} °C",
        _energy(record, {one.energy_by for one in seen}),
    )
    return "   ".join(filter(None, parts))


def _clock(figures: GpuFigures, boards: Sequence[Board]) -> str:
    """Return the clock of the slowest GPU, and of the fastest where it differs."""
    if figures.sm_mhz is None:
        return ""
    most = max((board.sm_max_mhz for board in boards if board.sm_max_mhz), default=0)
    low, high = f"{figures.sm_mhz:,.0f}", f"{figures.sm_fastest_mhz:,.0f}"
    limit = f" (max {most:,})" if most else ""
    return f"{low if low == high else f'{low} to {high}'} MHz{limit}"


def _power(figures: GpuFigures, boards: Sequence[Board], used: set[int]) -> str:
    """Return the power of all GPUs together, and their limit."""
    if figures.power_w is None:
        return ""
    limits = [board.power_limit_w for board in boards for index in board.gpus if index in used]
    told = [limit for limit in limits if limit is not None]
    whole = f" of {sum(told):,.0f}" if told and len(told) == len(used) else ""
    many = f" on {len(used)} GPUs" if len(used) > 1 else ""
    return f"{figures.power_w:,.0f} W{whole}{many}"


def _energy(record: Record, ways: set[str]) -> str:
    each = record.figures.joules_per_image if record.figures else None
    if each is None:
        return ""
    return f"{each:.3g} J/image{' (from power samples)' if 'power samples' in ways else ''}"


RENDERER: Final = Renderer(sections=sections, doubt=doubt_of)
