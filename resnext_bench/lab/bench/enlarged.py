"""Large traces, made by repeating a real one."""

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_IDS = ("correlation", "External id", "external id", "Sequence number", "Ev Idx")


def repeat(source: Path, target: Path, times: int, without: Sequence[str] = ()) -> int:
    """Write `times` copies of a trace one after another, as kineto indents; returns the events.

    `without`: fields that it has beside the events, which are left out.
    """
    with gzip.open(source) as file:
        trace = json.load(file)
    events = trace.pop("traceEvents")
    trace = {name: value for name, value in trace.items() if name not in without}
    timed = [event for event in events if event.get("ph") != "M"]
    span = max(event["ts"] + event.get("dur", 0) for event in timed) - min(e["ts"] for e in timed)
    with target.open("w") as file:
        file.write(json.dumps(trace, indent=2)[:-2] + ',\n  "traceEvents": [\n')
        for number in range(times):
            moved = [_moved(event, number, span + 50.0) for event in events]
            file.write(",\n".join(map(_text, moved)) + (",\n" if number < times - 1 else "\n"))
        file.write("  ]\n}\n")
    return len(events) * times


def _moved(event: dict[str, Any], number: int, span: float) -> dict[str, Any]:
    args = event.get("args", {})
    ids = {key: args[key] + number * 10_000_000 for key in _IDS if isinstance(args.get(key), int)}
    name = re.sub(
        r"(?<=^ProfilerStep#)\d+",
        lambda step: str(int(step[0]) + 100 * number),
        event.get("name", ""),
    )
    moved = {**event, "name": name, "ts": round(event.get("ts", 0) + number * span, 3)}
    return {**moved, "args": {**args, **ids}} if args else moved


def _text(event: dict[str, Any]) -> str:
    """Return an event as kineto writes it: some fields per line, the arguments below."""
    args = event.pop("args", None)
    head = json.dumps(event)[1:-1].replace(', "ts"', ',\n    "ts"')
    if args is None:
        return "  {\n    " + head + "\n  }"
    inside = json.dumps(args)[1:-1]
    return "  {\n    " + head + ',\n    "args": {\n      ' + inside + "\n    }\n  }"
