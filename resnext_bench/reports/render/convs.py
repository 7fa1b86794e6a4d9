"""Renders convolutions one by one: PyTorch's choice for each problem, or all plans of one layer."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.convs import (
    BY_HAND,
    Convolution,
    Convs,
    Excluded,
    Plan,
    PlannedDevice,
    Problem,
)
from resnext_bench.wording import count_of

IN_FULL: Final = 3
"""Most problems whose plans are all shown: the operations of one convolution."""
_EXCLUDED: Final[dict[Excluded, str]] = {
    "": "",
    "unbuilt": "cannot be built",
    "down_convert": "no: rounds inputs",
    "tf32": "no: TF32 is off",
    "deterministic": "no: not deterministic",
    "errata": "no: blocked by a rule",
}
_NOTES: Final = {
    "tensor_core": "tensor cores",
    "nondeterministic": "not deterministic",
    "reduced_precision_reduction": "sums in low precision",
    "down_convert_inputs": "rounds inputs",
    "winograd": "Winograd",
    "fft": "FFT",
    "runtime_compilation": "compiled at run time",
}
"""Words for notes of the library; others are not shown, as strict_nan_prop."""
_MIB: Final = 2**20


def sections(record: Convs) -> Iterator[Section]:
    """Yield the headline, a table, and what to know of it."""
    yield _headline(record)
    if record.status == "ok":
        if len(record.problems) <= IN_FULL:
            yield from (_in_full(record, problem) for problem in record.problems if problem.plans)
        else:
            yield _overview(record)
        yield from _answers(record)
    yield from _remarks(record)
    if record.id:
        yield Line(text=record.id, tone="dim")


def _headline(record: Convs) -> Line:
    if record.status == "failed":
        return Line(text=record.why, tone="bad", is_headline=True)
    hidden = _with_hidden(record)
    limit = f"; its limit of {record.settings.benchmark_limit} hides plans in {{}}"
    what = record.model or "one convolution"
    there = [problem for problem, _ in _firsts(record.problems)]
    every = len(there) == len(record.problems)
    many = count_of(len(there), "problem") if every else _of(record, there)
    text = (
        f"{what} on {record.device.name}: PyTorch's first choice for {many}"
        f"{limit.format(_of(record, hidden)) if hidden else ''}"
    )
    return Line(text=text, tone="strong", is_headline=True)


def _with_hidden(record: Convs) -> list[Problem]:
    """Return the problems of which PyTorch does not time all plans."""
    limit = record.settings.benchmark_limit
    return [one for one in record.problems if limit and len(one.candidates) > limit]


def _overview(record: Convs) -> Table:
    return Table(
        columns=(
            Column(name="convolution", tone="name", may_fold=True),
            Column(name="operation"),
            Column(name="first"),
            Column(name="workspace", is_number=True),
            Column(name="plans", is_number=True),
            Column(name="of the first", may_fold=True),
        ),
        groups=tuple(tuple(_rows(record, at)) for at in range(len(record.convolutions))),
    )


def _rows(record: Convs, at: int) -> Iterator[tuple[str, ...]]:
    conv = record.convolutions[at]
    problems = [one for one in record.problems if one.convolution == at]
    for name, problem in zip_longest(layer_names(conv)[: len(problems)], problems, fillvalue=""):
        assert isinstance(problem, Problem)
        first = next(iter(problem.candidates), None)
        yield (
            str(name),
            problem.operation,
            _engine(first),
            "–" if first is None else mib(first.workspace),
            str(len(problem.candidates)),
            _about_first(conv, first),
        )


def layer_names(conv: Convolution) -> tuple[str, str]:
    """Return a layer with how often the network has its like, and its shape."""
    many = f" x{len(conv.layers)}" if len(conv.layers) > 1 else ""
    return f"{conv.layers[0]}{many}", shape_words(conv)


def layer_words(conv: Convolution) -> str:
    """Name a convolution by its first layer in a sentence, or as the one that was given by hand."""
    return "this convolution" if conv.layers == (BY_HAND,) else conv.layers[0]


def title_names(conv: Convolution) -> tuple[str, str]:
    """Return what `layer_names` does, as it may stand within a title."""
    name, shape = layer_names(conv)
    return (layer_words(conv) if conv.layers == (BY_HAND,) else name), shape


def shape_words(conv: Convolution) -> str:
    """Describe a convolution in a few letters: "256@56/2, 32 groups"."""
    _, channels, height, width = conv.images
    edge = _edges((height, width))
    window = "" if conv.kernel == (3, 3) else f", {conv.kernel[0]}x{conv.kernel[1]}"
    stride = f"/{_edges(conv.stride)}" if max(conv.stride) > 1 else ""
    apart = f", dilation {_edges(conv.dilation)}" if max(conv.dilation) > 1 else ""
    groups = f", {conv.groups} groups" if conv.groups > 1 else ""
    return f"{channels}@{edge}{stride}{window}{apart}{groups}"


def _edges(pair: tuple[int, int]) -> str:
    """Return height and width, once if they are the same."""
    return f"{pair[0]}" if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _engine(plan: Plan | None) -> str:
    return "none" if plan is None else plan.tag.partition("_")[0]


def mib(size: int | None) -> str:
    """Return bytes in MiB; less than a tenth of one counts as none."""
    if size is None:
        return "–"
    return f"{size / _MIB:,.1f} MiB" if size >= _MIB / 10 else "none"


def _about_first(conv: Convolution, plan: Plan | None) -> str:
    if plan is None:
        return "no plan"
    words = [one for one in _notes(plan) if one != "tensor cores"]
    if conv.dtype != "fp32" and "tensor_core" not in plan.notes:
        words.insert(0, "no tensor cores")
    return ", ".join(words)


def _notes(plan: Plan) -> list[str]:
    words = [_NOTES[note] for note in plan.notes if note in _NOTES]
    return [*(["transposes"] if plan.transposes else []), *words]


def _in_full(record: Convs, problem: Problem) -> Table:
    conv = record.convolutions[problem.convolution]
    name, shape = title_names(conv)
    return Table(
        title=f"{problem.operation} of {name} ({shape})",
        columns=(
            Column(name="", is_number=True),
            Column(name="plan", tone="name"),
            Column(name="knobs", may_fold=True),
            Column(name="workspace", is_number=True),
            Column(name="PyTorch", may_fold=True),
            Column(name="notes", may_fold=True),
        ),
        groups=(tuple(_plan_rows(record, problem)),),
    )


def _plan_rows(record: Convs, problem: Problem) -> Iterator[tuple[str, ...]]:
    place = 0
    for rank, plan in enumerate(problem.plans, 1):
        place += not plan.excluded
        notes = [*_notes(plan), *(["fallback"] if plan.source == "fallback" else [])]
        fate = _EXCLUDED[plan.excluded] or _place(place, record.settings.benchmark_limit)
        engine, _, knobs = plan.tag.partition("_")
        size = mib(plan.workspace)
        yield str(rank), engine, knobs.replace("_", " "), size, fate, ", ".join(notes)


def _place(place: int, limit: int) -> str:
    if place == 1:
        return "first choice"
    return "timed" if not limit or place <= limit else "never timed"


def _answers(record: Convs) -> Iterator[Line]:
    limit = record.settings.benchmark_limit
    hidden = _with_hidden(record)
    how = f"the first {limit}" if hidden else "all of them"
    never = sum(len(one.candidates) - limit for one in hidden)
    untried = f"{count_of(never, 'plan')} in {_of(record, hidden)} are never tried"
    more = f", so that {untried}" if never else ""
    yield Line(
        text="Without cuDNN benchmark PyTorch takes the first that runs; with it, it times "
        f"{how}, once each, and takes the fastest{more}."
    )
    yield from _about_workspaces(record)
    yield from _about_transposes(record)
    if any(1 < one.groups == one.images[1] for one in record.convolutions):
        yield Line(
            text="With one channel a group PyTorch may use kernels of its own instead of cuDNN.",
        )
    yield from _warnings(record)


def _warnings(record: Convs) -> Iterator[Line]:
    """Yield what speaks against first choices."""
    firsts = list(_firsts(record.problems))
    narrow = record.convolutions[0].dtype != "fp32"
    found = {
        "uses no tensor cores": [
            problem for problem, plan in firsts if narrow and "tensor_core" not in plan.notes
        ],
        "is not deterministic": [
            problem for problem, plan in firsts if "nondeterministic" in plan.notes
        ],
    }
    for what, some in found.items():
        if some:
            yield Line(text=f"The first choice {what} in {_of(record, some)}.", tone="warning")


def _of(record: Convs, some: Sequence[Problem]) -> str:
    every = len(record.problems)
    many = f"all {every}" if len(some) == every > 1 else f"{len(some)} of {every}"
    return f"{many} problem{'s' * (every > 1)}"


def _firsts(problems: Iterable[Problem]) -> Iterator[tuple[Problem, Plan]]:
    for problem in problems:
        if problem.candidates:
            yield problem, problem.candidates[0]


def _about_workspaces(record: Convs) -> Iterator[Line]:
    limit = record.settings.benchmark_limit or None
    timed = (
        (plan.workspace or 0, at, plan.tag)
        for at, problem in enumerate(record.problems)
        for plan in problem.candidates[:limit]
    )
    size, at, tag = max(timed, default=(0, 0, ""))
    if not size:
        return
    first = max((plan.workspace or 0 for _, plan in _firsts(record.problems)), default=0)
    problem = record.problems[at]
    layer = layer_words(record.convolutions[problem.convolution])
    yield Line(
        text=f"Largest workspace: {mib(first)} in first choices, {mib(size)} while plans are timed "
        f"({tag.partition('_')[0]}, {problem.operation} of {layer})."
    )


def _about_transposes(record: Convs) -> Iterator[Line]:
    copied = [(problem, plan) for problem, plan in _firsts(record.problems) if plan.transposes]
    if not copied:
        return
    sizes = [plan.transposes for _, plan in copied]
    layout = record.convolutions[0].layout
    other = "NHWC" if layout == "nchw" else "NCHW"
    low, high = mib(min(sizes)), mib(max(sizes))
    span = low if low == high else f"{low} to {high}"
    yield Line(
        text=f"Hidden transposes in {_of(record, [problem for problem, _ in copied])}: in "
        f"{layout.upper()} the first choice needs {span} more than it does in {other}, which is "
        "most likely room for copies of feature maps.",
        tone="warning",
    )


def _remarks(record: Convs) -> Iterator[Line]:
    settings, conv = record.settings, record.convolutions[0]
    versions = ", ".join(f"{name} {number}" for name, number in record.libraries.items())
    torch = f"rules of torch {settings.torch}" if settings.torch else "no torch, and so no rules"
    rules = torch if settings.rules_from in ("torch", "nowhere") else settings.rules_from
    yield Line(
        text=f"batch {conv.images[0]}, {conv.dtype}, {conv.layout.upper()}; {versions}; {rules}: "
        f"{count_of(settings.rules, 'rule')} for this device",
        tone="dim",
    )
    if len(record.problems) > IN_FULL:
        yield Line(
            text="all plans of one convolution: --layer NAME; as a table: runs query "
            '"SELECT * FROM convs"',
            tone="dim",
        )
    yield Line(label="note", text=device_words(record.device))
    for problem in record.problems:
        if problem.why:
            layer = layer_words(record.convolutions[problem.convolution])
            text = f"no plan for the {problem.operation} of {layer}: {problem.why}"
            yield Line(label="note", text=text)
    yield from (Line(label="note", text=note) for note in record.notes)


def device_words(device: PlannedDevice) -> str:
    """Say for which description plans were asked, and what is assumed in it."""
    decisive = (
        f"of its assumed fields {', '.join(device.decisive)} can change plans or workspaces"
        if device.decisive
        else "none of its assumed fields is known to change plans"
    )
    assumed = f"; {decisive}" if device.assumed else ""
    return (
        f"planned for a description of {device.name} ({device.source}){assumed}; nothing ran, so "
        "which plan is fastest is not known"
    )
