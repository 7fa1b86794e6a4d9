"""The first lines on plans that were timed on a GPU: what is wrong, and what PyTorch loses."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from resnext_bench.reports.figures.plan_gaps import Gap, StepGap, step_gap, untimed
from resnext_bench.reports.figures.step_shares import StepShare, step_share
from resnext_bench.reports.render.convs import layer_words
from resnext_bench.reports.render.convs_words import error_words, status_words
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.schema.convs import WRONG, Convs, Problem
from resnext_bench.reports.schema.plan_times import FALSE, FaultKind, Mode
from resnext_bench.reports.stats.effects import Interval, to_percent
from resnext_bench.wording import count_of

Gaps = Mapping[int, Gap | None]
"""What PyTorch's choice costs, by the place of the problem."""
MODES: Final[dict[Mode, str]] = {
    "off": "benchmark off",
    "limit 10": "limit 10",
    "no limit": "no limit",
}
_OF_A_CHOICE: Final[dict[FaultKind, str]] = {
    "wrong": "is wrong",
    "unwritten": "is wrong",
    "raised": "raised an error",
    "uncaptured": "has no CUDA graph",
}
"""Words for what keeps PyTorch's own choice from being timed."""
_NAMED: Final = 3
"""Most wrong choices that get a line each."""


def headlines(record: Convs, gaps: Gaps, kinds: Mapping[str, Sequence[int]]) -> Iterator[Line]:
    """Yield what PyTorch loses, in a line for each type and layout."""
    for number, (words, places) in enumerate(kinds.items()):
        yield Line(
            text=_headline(record, gaps, places, words), tone="strong", is_headline=not number
        )


def wrong_choices(record: Convs) -> Iterator[Line]:
    """Yield what PyTorch itself chose and computed wrongly, each problem once."""
    found = [(one, modes) for one in record.problems if (modes := _false_modes(one))]
    for problem, modes in found[:_NAMED]:
        yield Line(
            text=f"WRONG: what PyTorch itself chose ({', '.join(modes)}) for the "
            f"{problem.operation} of {layer_name(record, problem)} {_how_wrong(problem)}",
            tone="bad",
        )
    if len(found) > _NAMED:
        more = count_of(len(found) - _NAMED, "more problem")
        yield Line(text=f"WRONG: so it is in {more}", tone="bad")


def doubt(record: Convs) -> str:
    """Return why its exit code is not 0, in one line; empty where it is 0."""
    if record.status in ("failed", "interrupted"):
        return status_words(record)
    if line := next(wrong_choices(record), None):
        return f"{line.text}; do not train with it"
    wrong = [(one, plan) for one in record.problems for plan in one.plans if WRONG in plan.notes]
    if not wrong:
        return ""
    problem, plan = wrong[0]
    return (
        f"{count_of(len(wrong), 'plan')} computed a wrong result, first {plan.tag} in the "
        f"{problem.operation} of {layer_name(record, problem)}; do not train with it"
    )


def share_of(record: Convs, gaps: Gaps, places: Sequence[int]) -> StepShare | None:
    """Return what is lost of a whole step at most.

    None where nothing is lost, where that is not known, or where problems are missing.
    """
    there = {at: gap for at in places if (gap := gaps[at])}
    whole = step_gap(list(there.values()))
    if whole is None or whole.lost.estimate <= 0 or len(there) < len(places):
        return None
    return step_share(record, there, whole)


def _headline(record: Convs, gaps: Gaps, places: Sequence[int], kind: str) -> str:
    what = f"{record.model or 'one convolution'}{kind} on {record.device.name}"
    whole = step_gap([gap for at in places if (gap := gaps[at])])
    left_out = _left_out(record, gaps, places)
    if whole is None:
        return f"{what}: PyTorch's choices could not be timed{left_out}"
    return f"{what}: {_costs(whole)}{_of_a_step(record, gaps, places)}{left_out}"


def _costs(whole: StepGap) -> str:
    floor = f", floor {time_words(whole.floor_us)}" if whole.floor_us else ""
    return (
        f"PyTorch took {time_words(whole.torch_us)}, best is {time_words(whole.best_us)}{floor}: "
        f"{lost_words(whole.lost)} of the time of these convolutions lost"
    )


def _of_a_step(record: Convs, gaps: Gaps, places: Sequence[int]) -> str:
    share = share_of(record, gaps, places)
    if share is None:
        return ""
    most = share.most_percent
    return f", at most {math.ceil(most)} % of a step"


def _left_out(record: Convs, gaps: Gaps, places: Sequence[int]) -> str:
    """Say how many problems are not in the headline, and why."""
    without = [record.problems[at] for at in places if gaps[at] is None]
    if not without:
        return ""
    faults = Counter(choice_words(fault.kind) for one in without if (fault := untimed(one)))
    told = [f"{words} in {count}" for words, count in faults.most_common()]
    chosen = f"PyTorch's choice {', '.join(told)}" if told else ""
    rest = len(without) - faults.total()
    others = f"{rest} {'were' if rest > 1 else 'was'} not timed" if rest else ""
    why = ", ".join(filter(None, (chosen, others)))
    return f" (in {len(places) - len(without)} of {count_of(len(places), 'problem')}: {why})"


def choice_words(kind: FaultKind) -> str:
    """Say what is with a choice of PyTorch's that was not timed."""
    return _OF_A_CHOICE.get(kind, "was not timed")


def why_untimed(problem: Problem) -> str:
    """Return why there is no time of PyTorch's choice for a problem."""
    fault = untimed(problem)
    return problem.why or (f"PyTorch's choice {choice_words(fault.kind)}" if fault else "not timed")


def _false_modes(problem: Problem) -> list[str]:
    return list(dict.fromkeys(MODES[one.mode] for one in problem.choices if one.times.is_false))


def _how_wrong(problem: Problem) -> str:
    """Say how far the worst of its choices is off."""
    false = [one.times for one in problem.choices if one.times.is_false]
    errors = [one.error for one in false if one.error is not None]
    kinds = {fault.kind for one in false for fault in one.faults if fault.kind in FALSE}
    if "unwritten" in kinds or not errors:
        return "leaves NaN of the memory in its result"
    return f"{error_words(max(errors))}, more than its type allows"


def layer_name(record: Convs, problem: Problem) -> str:
    """Return the first layer that is the convolution of a problem."""
    return layer_words(record.convolutions[problem.convolution])


def time_words(us: float) -> str:
    """Return three significant figures and a unit: "95.6 µs", "2.35 ms"."""
    value, unit = (us / 1000, "ms") if us >= 1000 else (us, "µs")
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f} {unit}"


def lost_words(ratio: Interval) -> str:
    """Return the share of PyTorch's time that the best plan does not take, with its interval."""
    share, low, high = (-to_percent(-one) for one in (ratio.estimate, ratio.low, ratio.high))
    around = f" ±{max(high - share, share - low):.0f}" if ratio.is_known else ""
    return f"{share:.0f}{around} %"
