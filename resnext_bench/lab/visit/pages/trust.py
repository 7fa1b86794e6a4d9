"""What the harness itself costs, and how small a change it can show."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from resnext_bench.lab.bench.intervals import cost_of, ratio_of
from resnext_bench.lab.visit.pages.tables import footnotes, headed
from resnext_bench.lab.visit.pages.words import NONE, Notes, number, one_line, remarks
from resnext_bench.lab.visit.results import Results
from resnext_bench.reports.render.model import Section, summary

LOOP = "loop"
"""Case with a network of a single layer: what the loop adds to any step, in µs."""


def trust(results: Results) -> Iterator[Section]:
    """Yield a line for each question that was asked."""
    notes = Notes()
    rows = [(f"{name}{notes.mark(marks)}", one_line(text)) for name, text, marks in _lines(results)]
    if rows:
        body = (summary(rows), *footnotes(notes))
        yield from headed("What the harness costs, and can tell", body)


def _lines(results: Results) -> Iterator[tuple[str, str, list[str]]]:
    told = {
        "fidelity": ("ours / bare loop", _fidelity),
        "monitor": ("the monitor", _monitor),
        "duet": ("a thing against itself", _duet),
        "nodes": ("two emulated nodes", _nodes),
        "dali": ("DALI", _dali),
    }
    for key, task in results.told("trust").items():
        kind, _, case = key.partition("/")
        if kind in told and not task.wrong:
            name, words = told[kind]
            text = words(case, task.found)
            said = (task.found.get("record") or {}).get("notes", ())
            if text:
                yield f"{name}, {case}" if case else name, text, [*remarks(task), *said]


def _fidelity(case: str, found: Mapping[str, Any]) -> str:
    sessions = [session for session in found.get("sessions", ()) if session]
    if not sessions:
        return ""
    count = f"{len(sessions)} session{'s' * (len(sessions) > 1)}"
    if len(sessions) < 2:
        logs = sorted(math.log(ours / bare) for ours, bare in sessions[0])
        return f"{math.exp(logs[len(logs) // 2]):.4f} ({NONE}), {count}: can't tell"
    if case == LOOP and found.get("steps"):
        cost = cost_of(sessions, found["steps"])
        low, high = cost.low_us, cost.high_us
        return f"{cost.estimate_us:.1f} µs a step (99 % {low:.1f} to {high:.1f}), {count}"
    ratio = ratio_of(sessions)
    return (
        f"{ratio.estimate:.4f} (99 % {ratio.low:.4f} to {ratio.high:.4f}), {count}, "
        f"a bound of 1 %: {ratio.verdict}"
    )


def _monitor(_: str, found: Mapping[str, Any]) -> str:
    if "core_percent" not in found:
        return ""
    told = {"GPUs watched": "gpus", "driver": "source"}
    more = ", ".join(f"{name}: {found[key]}" for name, key in told.items() if key in found)
    return f"{number(found['core_percent'], 3)} % of a core{f' ({more})' if more else ''}"


def _duet(_: str, found: Mapping[str, Any]) -> str:
    record = found.get("record") or {}
    if not record:
        return ""
    change = record.get("change") or {}
    names = ("percent", "low_percent", "high_percent", "confidence_percent")
    size = ""
    if all(name in change for name in names):
        percent, low, high, confidence = (change[name] for name in names)
        size = f"; {percent:+.2f} % ({confidence:g} % {low:+.2f} to {high:+.2f})"
    word = record.get("verdict") or f"no verdict: {record.get('why') or record.get('status', NONE)}"
    why = f" ({record['why']})" if record.get("why") and record.get("verdict") else ""
    pairs = record.get("pairs")
    count = f", {len(pairs)} sessions" if isinstance(pairs, list | tuple) else ""
    return f"{word}{why}{size}{count}; no change is right"


def _nodes(_: str, found: Mapping[str, Any]) -> str:
    rate = _figures(found.get("record") or {})
    return f"{rate}; both share one device: it works, and is no scaling" if rate else ""


def _dali(_: str, found: Mapping[str, Any]) -> str:
    return _figures(found) or _figures(found.get("record") or {})


def _figures(found: Mapping[str, Any]) -> str:
    """Return a record's figures, whether they are in it or below it, or why it does not count."""
    if found.get("status", "ok") != "ok":
        return f"{found['status']}: {found.get('why') or NONE}"
    figures = found if "images_per_s" in found else found.get("figures") or {}
    if "images_per_s" not in figures:
        return ""
    wait = figures.get("data_wait_ms")
    step = figures.get("step_ms_p50")
    return ", ".join(
        (
            f"{number(figures['images_per_s'])} images/s",
            *([f"{number(step)} ms/step (median)"] if step is not None else []),
            *([f"data wait {number(wait)} ms"] if wait is not None else []),
        )
    )
