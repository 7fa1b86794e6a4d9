"""Describes a comparison in sentences: the verdict, what to do without one, what ended it."""

from math import ceil
from typing import Final, assert_never

from resnext_bench.reports.render.bounds import NOTHING, bounds_percent
from resnext_bench.reports.render.model import Tone
from resnext_bench.reports.render.words import duration, short, slow_steps
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.interval import Range
from resnext_bench.reports.schema.kind import Outcome
from resnext_bench.reports.schema.verdicts import VERDICTS, Word
from resnext_bench.reports.stats.power import PROMISED_FROM

ANOTHER_STORY = 0.25
"""Share of the change by which that of the median step must differ to be reported as well."""
FEWEST_SESSIONS = 4
"""Number of sessions of a comparison before its first look."""
MOST_SESSIONS, MOST_MINUTES = 1000, 10_000
"""Largest values of --max-sessions and --max-minutes."""
SPARE = 1.1
"""Spare share of the advised time, as sessions differ in length."""
LONG_MINUTES = 60.0
"""Number of minutes above which fewer sessions should be considered."""
HOPELESS_SESSIONS, HOPELESS_TIMES = 200, 10
"""Number of further sessions, and multiple of the planned ones, above which the number is not
useful advice, but other means are."""


def verdict_line(record: Comparison) -> str:
    """Return the verdict in one sentence: "b is slower than a: a step takes 9.3 % longer"."""
    word = record.verdict
    if word is None:
        return f"no verdict: {record.why}"
    margin = record.limits.margin_percent
    match word:
        case "faster" | "slower":
            return f"b is {word} than a: {_changed(record)}"
        case "same":
            return f"b and a are the same, within ±{margin:g} %{_but_the_middle(record)}"
        case "negligible":
            return f"b differs from a, but by less than ±{margin:g} %{_but_the_middle(record)}"
        case "can't tell":
            return f"can't tell b from a{_known_so_far(record)}{_more(record)}"
        case "never steady":
            return f"never steady: {record.why}"
        case "invalid":
            return f"INVALID: {record.why}"
        case _:
            assert_never(word)


_TONES: Final[dict[Outcome | None, Tone]] = {
    None: "good",
    "slower": "bad",
    "invalid": "bad",
    "unsure": "warning",
}


def tone_of(word: Word | None) -> Tone:
    """Return the tone of a verdict; without one it is a warning."""
    return _TONES[VERDICTS[word].outcome] if word else "warning"


def _changed(record: Comparison) -> str:
    """Say by how much all steps together change, and the median step where that differs."""
    one, change = "an image" if record.is_per_image else "a step", record.change
    if change is None:
        return f"{one} takes another time"
    if record.carried_by == "middle" and record.middle:
        low, high = change.low_percent, change.high_percent
        scatter = f"{short(low, 2, '+')} to {short(high, 2, '+')} %"
        scatter = scatter if bounds_percent(low, high) else NOTHING
        return (
            f"the median step takes {_size(record.middle)}; all steps together scatter more "
            f"({scatter})"
        )
    if not _is_another_story(record):
        return f"{one} takes {_size(change)}"
    return f"all steps together take {_size(change)}{_but_the_middle(record)}"


def _size(change: Range) -> str:
    size = f"{short(abs(change.percent), 3)} %"
    return f"{size} longer" if change.percent > 0 else f"{size} less time"


def _is_another_story(record: Comparison) -> bool:
    """Return whether the median step changes by a notably different amount than all steps."""
    if not record.disagrees or record.change is None or record.middle is None:
        return False
    apart = abs(record.change.percent - record.middle.percent)
    return record.middle_verdict != record.verdict or apart > max(
        record.limits.margin_percent, ANOTHER_STORY * abs(record.change.percent)
    )


def _but_the_middle(record: Comparison) -> str:
    """Say what the median step does, and which steps are slow; empty where it agrees."""
    if not _is_another_story(record):
        return ""
    most = max((found.cost_percent for found in record.slow if found), default=0.0)
    slow = [
        slow_steps(found, f" of {name}")
        for name, found in zip("ab", record.slow, strict=True)
        if found and found.cost_percent > most / 2
    ]
    return f"; {_middle(record)}" + (f": {', '.join(slow)}" if slow else "")


def _middle(record: Comparison) -> str:
    margin = record.limits.margin_percent
    if record.middle and record.middle_verdict in ("faster", "slower"):
        return f"the median step takes {_size(record.middle)}"
    return {
        "same": "the median step is the same",
        "negligible": f"the median step changes by less than ±{margin:g} %",
    }.get(record.middle_verdict or "", "nothing can be said about the median step")


def _known_so_far(record: Comparison) -> str:
    """Say that the median step is known to be the same, where the total is not known."""
    if record.middle_verdict not in ("same", "negligible") or not record.change:
        return ""
    return f": {_middle(record)}, but all steps together scatter too much"


def _more(record: Comparison) -> str:
    more = record.sessions_more
    if not more or record.why:
        return f": {record.why}" if record.why else ""
    if is_hopeless(record):
        return ": the sessions scatter too much for more of them to help"
    sessions = f"{more:,} more session{'s' * (more > 1)}"
    if record.design == "unpaired":
        return f"; about {sessions} of each side would be enough (a rough estimate)"
    guess = "" if counting(record) >= PROMISED_FROM else ", a rough estimate"
    return f"; about {sessions} (≈ {duration(more * _session_s(record))}{guess}) would be enough"


def is_hopeless(record: Comparison) -> bool:
    """Return whether more sessions are needed than anybody would wait for."""
    most = min(HOPELESS_SESSIONS, HOPELESS_TIMES * max(FEWEST_SESSIONS, record.limits.max_sessions))
    return (record.sessions_more or 0) > most


def what_to_do(record: Comparison) -> tuple[str, ...]:
    """Say what to do where a comparison that was measured can't tell.

    A comparison that has ended is not resumed, as another look was not planned for: it starts
    again.
    """
    if record.verdict != "can't tell":
        return ()
    if is_hopeless(record):
        return _what_would_help(record)
    if record.design == "unpaired" or not record.pairs:
        return ()
    if record.why:  # page faults could account for what was seen: more sessions have as many
        return (_against_faults(record),)
    told = []
    needed = max(FEWEST_SESSIONS, counting(record) + (record.sessions_more or 0))
    seconds = needed * _session_s(record)
    options = _options(record, needed, seconds / 60)
    if options:
        # Below three sessions nobody knows how many it takes.
        goal = "to get a verdict" if record.sessions_more else "for a first look"
        told.append(f"{goal}: compare again with {options} (≈ {duration(seconds)})")
    if not options or seconds / 60 > LONG_MINUTES:
        script = ", with longer launches of the script" if record.a.command else ""
        told.append(
            f"fewer sessions are enough on a quieter machine (see resnext-bench doctor){script}, "
            "or with a larger --margin"
        )
    return tuple(told)


def _what_would_help(record: Comparison) -> tuple[str, ...]:
    """Say what would help instead of endless sessions."""
    told = ["a quieter machine (resnext-bench doctor shows what disturbs this one)"]
    if record.design == "unpaired":
        told.append("one comparison that measures both sides in turn (compare --a --b)")
    elif record.a.command:
        told.append("a longer script")
        if record.design == "relaunch":
            told.append("turns block by block (call resnext_bench.step() after each step)")
    elif record.design == "relaunch":
        told.append("turns block by block (--design duet)")
    told.append("a larger change, or a larger --margin")
    *but, last = told
    return (f"what would help: {', '.join(but)}; or {last}",)


def _against_faults(record: Comparison) -> str:
    """Say how both sides can have the same page faults."""
    if record.limits.as_is:
        return "what would help: leave --as-is out, so that both sides keep freed memory"
    if not record.environment.of_ranks:
        return (
            "what would help: unset MALLOC_… variables, LD_PRELOAD and GLIBC_TUNABLES, so that "
            "both sides keep freed memory"
        )
    launches = [launch for pair in record.pairs for launch in pair.launches or ()]
    if any(launch.step_faults is None for launch in launches):
        return (
            "what would help: call resnext_bench.step() after each step, which counts only the "
            "page faults of steps; or let the script take more steps"
        )
    return (
        "what would help: let both sides have the same number of page faults per step (allocate "
        "memory once and keep it, start no new processes), or judge this change by other means"
    )


def _options(record: Comparison, needed: int, minutes: float) -> str:
    """Return the options to raise; empty where that is not enough."""
    limits, most_minutes = record.limits, ceil(SPARE * minutes)
    if needed > MOST_SESSIONS or most_minutes > MOST_MINUTES:
        return ""
    sessions = [f"--max-sessions {needed}"] if needed > limits.max_sessions else []
    time = [f"--max-minutes {most_minutes}"] if most_minutes > limits.max_minutes else []
    return " ".join(sessions + time)


def what_ended_it(record: Comparison) -> str:
    """Say what ended it; empty where that is shown elsewhere: a failure, an interruption."""
    limits, sessions = record.limits, f"{len(record.pairs)} sessions"
    bad, unsteady = len(record.pairs) - counting(record), record.verdict == "never steady"
    told = {
        "": "",
        "told": "more sessions would change nothing" if unsteady else "the verdict was certain",
        "sessions": f"--max-sessions {limits.max_sessions} is reached",
        "minutes": f"--max-minutes {limits.max_minutes:g} is over",
        "invalid": f"{bad} of {sessions} do not count",
    }[record.ended_by]
    if record.ended_by == "sessions" and limits.fixed:
        told = f"all {sessions} taken"
    elif record.ended_by == "sessions" and counting(record) < limits.max_sessions:
        told = f"{sessions} taken, {bad} of which do not count"
    return f"{told}, after {duration(record.duration_s)}" if told else ""


def counting(record: Comparison) -> int:
    """Count sessions that may enter the verdict."""
    return sum(not pair.invalid for pair in record.pairs)


def _session_s(record: Comparison) -> float:
    return record.duration_s / max(1, len(record.pairs))
