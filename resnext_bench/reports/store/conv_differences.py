"""What differs between two records of convolutions: first choices, engines, order; or times."""

from collections.abc import Iterator, Sequence

from resnext_bench.reports.figures.convs import apart
from resnext_bench.reports.figures.plan_gaps import usual_times
from resnext_bench.reports.schema.convs import (
    Convs,
    ConvsDiff,
    Plan,
    Problem,
    ProblemChange,
    TimeChange,
)

Named = dict[tuple[object, ...], tuple[str, Problem]]
"""The first layer and the plans of each problem, by what it computes."""


def diff(a: Convs, b: Convs) -> ConvsDiff:
    """Return what differs; a problem is the same where shape, type, layout and operation are.

    A setting of the library is part of the problem.
    """
    one, two = _named(a), _named(b)
    both = [key for key in one if key in two]
    pairs = [(one[key][0], one[key][1], two[key][1]) for key in both]
    is_timed = "plan" not in (a.task, b.task)
    changes = (change(*pair) for pair in ([] if is_timed else pairs))
    return ConvsDiff(
        a=a.id,
        b=b.id,
        settings=tuple(_settings(a, b)),
        problems=len(both),
        only=(len(one) - len(both), len(two) - len(both)),
        changes=tuple(found for found in changes if found),
        times=tuple(_times(a, pairs)) if is_timed else (),
    )


def _named(record: Convs) -> Named:
    found: Named = {}
    for problem in record.problems:
        conv = record.convolutions[problem.convolution]
        window = (conv.kernel, conv.stride, conv.padding, conv.dilation)
        shape = (conv.images, conv.filters, conv.groups, *window, conv.dtype, conv.layout)
        found.setdefault((*shape, problem.operation, problem.setting), (conv.layers[0], problem))
    return found


def change(layer: str, a: Problem, b: Problem) -> ProblemChange | None:
    """Return what differs between two lists of plans of a problem; None where nothing does."""
    first = (_first(a), _first(b))
    engines = [{plan.engine for plan in one.plans if plan.engine is not None} for one in (a, b)]
    found = ProblemChange(
        layer=layer,
        operation=a.operation,
        first=(first[0].tag if first[0] else "", first[1].tag if first[1] else ""),
        workspace=(
            first[0].workspace if first[0] else None,
            first[1].workspace if first[1] else None,
        ),
        gone=tuple(sorted(engines[0] - engines[1])),
        new=tuple(sorted(engines[1] - engines[0])),
        reordered=_shared(a, b) != _shared(b, a),
    )
    changed = found.first[0] != found.first[1] or found.workspace[0] != found.workspace[1]
    return found if changed or found.gone or found.new or found.reordered else None


def _times(a: Convs, pairs: Sequence[tuple[str, Problem, Problem]]) -> Iterator[TimeChange]:
    """Yield how long each side took that both could run."""
    for layer, one, two in pairs:
        first, second = usual_times(one), usual_times(two)
        if first and second:
            conv = a.convolutions[one.convolution]
            yield TimeChange(
                layer=layer,
                operation=one.operation,
                dtype=conv.dtype,
                layout=conv.layout,
                setting=one.setting,
                ratio=apart(first[0], second[0]),
                kernel=(first[1], second[1]),
            )


def _first(problem: Problem) -> Plan | None:
    return next(iter(problem.candidates), None)


def _shared(problem: Problem, other: Problem) -> list[str]:
    known = {plan.tag for plan in other.plans}
    return [plan.tag for plan in problem.plans if plan.tag in known]


def _settings(a: Convs, b: Convs) -> Iterator[tuple[str, str, str]]:
    rows = [
        ("model", a.model, b.model),
        ("device", a.device.name, b.device.name),
        *(
            (name, a.libraries.get(name, "none"), b.libraries.get(name, "none"))
            for name in dict.fromkeys((*a.libraries, *b.libraries))
        ),
        ("torch", a.settings.torch, b.settings.torch),
        ("blocked engines", str(a.settings.rules), str(b.settings.rules)),
        ("threads", *(str(one.timing.threads) if one.timing else "none" for one in (a, b))),
        ("deterministic", *(_word(one.settings.deterministic) for one in (a, b))),
    ]
    return ((name, one, two) for name, one, two in rows if one != two)


def _word(value: bool) -> str:
    return "on" if value else "off"
