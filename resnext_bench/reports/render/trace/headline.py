"""The first line of a kernel-time report: how long a step takes, and its two largest parts."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.reports.render.model import Line
from resnext_bench.reports.render.trace.words import each, period, span
from resnext_bench.reports.schema.trace import TraceReport

_WAITS: Final = {
    "data loading": "waits for data for",
    "synchronisation": "does nothing while the host synchronises for",
    "host between launches": "waits for the host for",
    "launch latency, dependency": "waits for launched work to start for",
    "within replays of graphs": "waits between kernels of a graph for",
}
"""What a device does that has nothing to do, by the cause of it."""
_MOST: Final = 0.5
"""Share of the idle time from which on its largest cause stands for it."""
_WORTH: Final = 0.05
"""Share of a step from which on the second part is told as well."""


def headline(report: TraceReport) -> Iterator[Line]:
    """Yield what a step comes to in one sentence; nothing where no step is known."""
    step_ns = sum(report.steps.step_ns)
    if not step_ns:
        return
    parts = sorted(_parts(report), key=lambda part: -part[1])
    told = [
        f"{what} {each(report, ns)} ms ({100 * ns / step_ns:.0f} %)"
        for number, (_, ns, what) in enumerate(parts)
        if ns and number < 2 and (not number or ns >= _WORTH * step_ns)
    ]
    both_of_device = all(subject == _DEVICE for subject, _, _ in parts[: len(told)])
    subjects = [subject for subject, _, _ in parts]
    if both_of_device:
        subjects[1:] = [""] * len(subjects[1:])
    said = " and ".join(
        f"{subject} {words}".strip() for subject, words in zip(subjects, told, strict=False)
    )
    yield Line(text=f"{_whole(report)}{said}", tone="strong", is_headline=True)


_DEVICE: Final = "the device"


def _whole(report: TraceReport) -> str:
    step = each(report, sum(report.steps.step_ns))
    match period(report):
        case "range":
            return f"in the range {span(report)} "
        case "trace":
            return f"the whole trace takes {step} ms: "
    return f"a step takes {step} ms: "


def _parts(report: TraceReport) -> Iterator[tuple[str, int, str]]:
    """Yield who does what, and for how long, ns; idle time by the cause of most of it."""
    steps, on_device = report.steps, report.device is not None
    idle_ns = sum(steps.idle_ns)
    idle, computes = ("", "no operator runs for"), ("", "operators run for")
    if on_device:
        idle, computes = (_DEVICE, "does nothing for"), (_DEVICE, "computes for")
        if report.idle and report.idle[0].total_ns >= _MOST * idle_ns:
            most = report.idle[0]
            if told := _WAITS.get(most.cause):
                idle, idle_ns = (_DEVICE, told), most.total_ns
    yield computes[0], sum(steps.compute_ns), computes[1]
    yield "", sum(steps.exposed_communication_ns), "nothing runs but communication for"
    yield "", sum(steps.exposed_copy_ns), "nothing runs but copies for"
    yield idle[0], idle_ns, idle[1]
