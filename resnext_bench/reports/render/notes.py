"""The words of notes, and of reasons why a session does not count.

They are made here and stored next to the facts; decisions are made from the facts
(`reports/schema/notes.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypedDict

from resnext_bench.reports.figures.notes import OfKind
from resnext_bench.reports.schema.notes import Found, Note

MOST_LISTED: Final = 8
"""Largest number of sessions that a note names."""
_OF_SESSION: Final[frozenset[str]] = frozenset({"unsteady", "waiting_side_busy", "hurried"})
"""Kinds whose sentence in a pair begins with the session's number."""


class Sentences(TypedDict):
    """The fields of a pair that hold sentences."""

    facts: Found
    invalid: tuple[str, ...]
    unsteady: tuple[str, ...]
    notes: tuple[str, ...]


def sentences(notes: Iterable[Note]) -> tuple[str, ...]:
    """Return a sentence for each note."""
    return tuple(map(sentence, notes))


def sentence(note: Note) -> str:
    """Return the sentence of a note, with its side."""
    words = WORDS.get(note.kind, note.kind)
    told = words.format_map(note.values) if isinstance(words, str) else words(note.values)
    return f"{' and '.join(note.side)}: {told}" if note.side else told


def in_record(found: Found, session: int) -> Sentences:
    """Return all that was found of a session, as its record holds it."""

    def told(notes: Sequence[Note]) -> tuple[str, ...]:
        return tuple(_of_session(one, session) for one in notes)

    return Sentences(
        facts=found,
        invalid=told(found.invalid),
        unsteady=told(found.unsteady),
        notes=told(found.notes),
    )


def _of_session(note: Note, session: int) -> str:
    if note.kind not in _OF_SESSION:
        return sentence(note)
    return f"session {session}{',' if note.side else ':'} {sentence(note)}"


def of_sessions(found: Iterable[OfKind]) -> list[str]:
    """Return a sentence for each kind, with the sessions that have it."""
    return [f"{_sessions(one.sessions)}: {sentence(one.first)}" for one in found]


def of_lost_sessions(found: Iterable[OfKind]) -> list[str]:
    """Return for each reason which sessions do not count because of it."""
    return [
        f"{_sessions(one.sessions)} {'do' if len(one.sessions) > 1 else 'does'} not count: "
        f"{sentence(one.first)}"
        for one in found
    ]


def _sessions(numbers: Sequence[int]) -> str:
    """List sessions as "1, 2, 3 and 7"; of many the first few."""
    if len(numbers) == 1:
        return f"session {numbers[0]}"
    listed, last = numbers[:-1], str(numbers[-1])
    if len(numbers) > MOST_LISTED:
        listed, last = numbers[:MOST_LISTED], f"{len(numbers) - MOST_LISTED} more"
    return f"sessions {', '.join(map(str, listed))} and {last}"


_Values = Mapping[str, Any]


def _cores_lost(values: _Values) -> str:
    """Say what had the lost cores, with the hypervisor apart where its share matters."""
    others, steal = round(values["others"]), round(values["steal"])
    whose = " to the hypervisor" if steal else " to other processes"
    if others and steal:
        whose = f": {others} % to other processes, {steal} % to the hypervisor"
    limit = values.get("limit")
    told = f" (limit {limit:g} %)" if limit is not None else ""
    return f"{values['percent']:.0f} % of the ranks' cores were lost{whose}{told}"


def _nothing_trained(values: _Values) -> str:
    first = f"({values['first']} …)"
    told = f"none of its {values['trained']} parameters changed {first}"
    if values["by_decay"]:
        told = (
            f"only weight decay changed its {values['trained']} parameters, whose gradients are "
            f"zero {first}"
        )
    return f"rank {values['rank']}: {told}: nothing was trained"


def _unused(values: _Values) -> str:
    which = "1 parameter gets" if values["count"] == 1 else f"{values['count']} parameters get"
    return f"{which} no gradient, as the loss does not depend on them ({_first(values)})"


def _resting(how: str) -> Callable[[_Values], str]:
    why = "gradients are zero, or too small to change a value, like those of a bias before a norm"
    return lambda values: f"{_count(values)} {how} ({_some(values)}): {why}"


def _frozen(values: _Values) -> str:
    are = "is" if values["count"] == 1 else "are"
    return f"{_count(values)} {are} frozen by requires_grad=False ({_some(values)})"


def _left_out(values: _Values) -> str:
    which = "1 file" if values["count"] == 1 else f"{values['count']} files"
    were = "was" if values["count"] == 1 else "were"
    return f"{which} did not decode while training and {were} left out ({_first(values)})"


def _retried(values: _Values) -> str:
    times = "once" if values["count"] == 1 else f"{values['count']} times"
    return (
        f"rank {values['rank']}: GPU memory was full {times}, and PyTorch emptied its cache, which "
        "stops the device: lower --batch-size"
    )


def _count(values: _Values) -> str:
    return f"{values['count']} parameter{'s' * (values['count'] > 1)}"


def _some(values: _Values) -> str:
    more = " …" if values["count"] > len(values["names"]) else ""
    return f"{', '.join(values['names'])}{more}"


def _first(values: _Values) -> str:
    return f"{values['first']}{' …' if values['count'] > 1 else ''}"


def _lost_gpu(values: _Values) -> str:
    after = values.get("after_s")
    when = "" if after is None else f" {after:.0f} s into the window"
    return f"GPU {values['gpu']} was lost{when} ({values['said']})"


def _far_cores(values: _Values) -> str:
    ranks, cores = values["ranks"], " and ".join(map(str, values["core_nodes"]))
    many = f", and {len(ranks) - 1} more like it" if len(ranks) > 1 else ""
    return (
        f"rank {ranks[0]} has its GPU on NUMA node {values['gpu_node']} and its cores on {cores}"
        f"{many}: batches cross from node to node"
    )


def _rank_slow(values: _Values) -> str:
    by = {"data wait": "waits for batches", "forward": "is in forward and optimizer"}[values["of"]]
    return (
        f"rank {values['rank']} on {values['host']} is slow: it {by} for {_ms(values['lost_ms'])} "
        f"longer per step than the others (its own time is {values['skew_percent']:.0f} % longer; "
        f"{values['scatter_percent']:.1f} % may be chance), which wait for it; --profile and trace "
        "ranks tell more"
    )


def _gpu_errors(values: _Values) -> str:
    return f"GPU {values['gpu']} counted {values['count']:,} more errors ({values['of']})"


def _gpu_xid(values: _Values) -> str:
    whose = "of the board, its links or the driver" if values["fatal"] else "of a program"
    return f"the driver reported Xid {values['xid']} of GPU {values['gpu']}, an error {whose}"


def _unwatched(values: _Values) -> str:
    told = "the GPUs were not watched: the driver did not answer during the window of "
    said = f" ({values['said']})" if values.get("said") else ""
    return f"{told}{values['window_s']:.1f} s{said}"


def _throttled(values: _Values) -> str:
    why = ", ".join(values["reasons"])
    return f"GPU clocks were throttled for {values['percent']:.0f} % ({why})"


def _slow_come(values: _Values) -> str:
    return f"slow steps come every {' and every '.join(map(str, values['periods']))} steps"


def _blocks_fitted(values: _Values) -> str:
    return (
        f"{_slow_come(values)}: blocks are of {values['steps']} steps from session "
        f"{values['session']} on"
    )


def _blocks_unfit(values: _Values) -> str:
    return (
        f"{_slow_come(values)}, and blocks of {values['steps']} do not hold whole periods: use "
        f"--block-steps {values['wanted']}"
    )


def _sum_of_steps(words: str) -> Callable[[_Values], str]:
    return lambda values: (
        f"all {values['steps']} steps add up to {_seconds(values['sum_s'])} of a launch that took "
        f"{_seconds(values['lasted_s'])}: {words}"
    )


def _coarse(values: _Values) -> str:
    told = "all steps have the same length"
    if values["lengths"] > 1:
        told = (
            f"all steps are multiples of {values['tick_ns']:,} ns, which is "
            f"{values['percent']:.2g} % of one"
        )
    return f"{told}: the clock is too coarse for a margin of {values['margin']:g} %"


def _other_units(values: _Values) -> str:
    return (
        f"a step takes {_ms(values['a_ms'])} on a and {_ms(values['b_ms'])} on b, a factor of "
        f"{_factor(values['factor'])}: are both in ns?"
    )


def _unlike_earlier(values: _Values) -> str:
    return (
        f"a step of {values['of']} takes {_ms(values['now_ms'])}, and took "
        f"{_ms(values['before_ms'])} in earlier launches, a factor of "
        f"{_factor(values['factor'])}: are all in ns?"
    )


def _profile_failed(values: _Values) -> str:
    log = f" (its log: {values['log']})" if values.get("log") else ""
    return f"no profile: {values['why']}{log}"


def _disagrees(values: _Values) -> str:
    timed, profiled = (
        f"{values[what]:+.1f} % ({values[low]:+.1f} to {values[high]:+.1f})"
        for what, low, high in (("timed", "timed_low", "timed_high"), ("profiled", "low", "high"))
    )
    return (
        f"the profiled {values['of']} changes by {profiled}, the timed one by {timed}: the "
        "profiler itself changes steps; the verdict stands on the timed ones"
    )


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1e-3 else _ms(1e3 * value)


def _ms(value: float) -> str:
    """Return a time in a unit that leaves no zeros to count."""
    for unit, size in (("s", 1e3), ("ms", 1.0), ("µs", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{1e6 * value:.3g} ns"


def _factor(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"


WORDS: Final[dict[str, str | Callable[[_Values], str]]] = {
    "loss_not_finite": "rank {rank}: the loss is not finite; lower --learning-rate",
    "nothing_trained": _nothing_trained,
    "parameters_stuck": "rank {rank}: {count} parameters did not change ({first} …)",
    "batches_repeat": (
        "rank {rank}: batches repeat ({distinct} distinct, at least {expected} expected)"
    ),
    "ranks_differ": "the ranks' parameters differ: their gradients were not reduced",
    "parameters_unused": _unused,
    "parameters_idle": _resting("did not change"),
    "parameters_decayed": _resting("were only changed by weight decay"),
    "parameters_frozen": _frozen,
    "gradient_format": "weights are {weights}, gradients {gradients}",
    "files_left_out": _left_out,
    "allocator_retried": _retried,
    "cores_lost": _cores_lost,
    "lost_gpu": _lost_gpu,
    "far_cores": _far_cores,
    "rank_slow": _rank_slow,
    "gpu_errors": _gpu_errors,
    "gpu_xid": _gpu_xid,
    "throttled": _throttled,
    "foreign_process": "another process used {percent:.0f} % of a GPU",
    "power_capped": "the power cap held clocks down for {percent:.0f} %",
    "reasons_untold": (
        "the driver does not report what holds clocks down: throttling would go unnoticed"
    ),
    "gpus_unwatched": _unwatched,
    "gpus_partly_watched": (
        "only {watched} of {devices} GPUs were watched: throttling of the others would go unnoticed"
    ),
    "unchecked": (
        "neither training nor the use of the cores was checked, as its ranks did not finish"
    ),
    "host_clock": (
        "times are the host's, which runs ahead of the GPU: the GPU's own times were lost"
    ),
    "unsteady": "{why}",
    "waiting_side_busy": "the waiting side used {percent:.1f} % of its cores",
    "hurried": (
        "steps in blocks took {percent:.0f} % less than without pauses: does a loader keep "
        "working while its side waits? (--design relaunch has no pauses)"
    ),
    "relaunched": "relaunched, as {why}",
    "launched_in_turn": "launched in turn, as {why}",
    "blocks_fitted": _blocks_fitted,
    "blocks_unfit": _blocks_unfit,
    "steps_too_short": _sum_of_steps("are they in ns? (if so, let the script take more steps)"),
    "steps_too_long": _sum_of_steps("are they in ns, one line per step, from one rank?"),
    "steps_exceed_launch": (
        "the steps add up to more than the launch took: are they in ns, one line per step, and "
        "does only one process write them?"
    ),
    "clock_too_coarse": _coarse,
    "sides_in_other_units": _other_units,
    "unlike_earlier": _unlike_earlier,
    "others_busy": "other processes had {percent:.0f} % of the cores",
    "profile_failed": _profile_failed,
    "profile_interrupted": "no profile: it was interrupted after the verdict",
    "profile_unwritten": "no profile: a trace was not written ({why})",
    "profile_unread": "no profile: {why}",
    "profile_unsaved": "the profile is shown and not stored: {why}",
    "profile_skipped": "no profile: an invalid comparison has no difference to explain",
    "profile_disagrees": _disagrees,
    "told": "{text}",
}
"""The sentence of each `NoteKind`: a pattern, or a function of the values."""
