"""Turns steps of a trace that launched kernels one by one into replays of a captured graph.

Rows of the file are all that is looked at, and nothing of the program: kernels, copies and fills of
a step get the number of one graph launch, and what the host did in the step is taken out.
"""

import bisect
import gzip
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

DEVICE = {"kernel", "gpu_memcpy", "gpu_memset", "Kernel", "Memcpy", "Memset"}
RUNTIME = {"cuda_runtime", "cuda_driver", "Runtime"}
STEP = "ProfilerStep#"
Row = dict[str, Any]


@dataclass
class Recorded:
    """Rows of a trace with a duration, and in which step each launch is."""

    header: Row
    rows: list[Row]
    steps: list[Row] = field(default_factory=list)
    step_of: dict[int, int] = field(default_factory=dict)
    """Step of each launch, by its correlation number."""

    @classmethod
    def of(cls, path: Path) -> "Recorded":
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path) as file:
            told = json.load(file)
        rows = [row for row in told.pop("traceEvents") if row.get("ph") == "X"]
        marks = [row for row in rows if row["name"].startswith(STEP) and is_host(row)]
        steps = sorted(marks, key=lambda row: float(row["ts"]))
        found = cls(header=told, rows=rows, steps=steps)
        for row in rows:
            if row.get("cat") in RUNTIME and (at := found.step(row)) >= 0:
                found.step_of[row["args"]["correlation"]] = at
        return found

    def step(self, row: Row) -> int:
        """Return in which step a row of the host begins; -1: in none."""
        moment = float(row["ts"])
        at = bisect.bisect_right(self.starts, moment) - 1
        return at if at >= 0 and moment < self.starts[at] + float(self.steps[at]["dur"]) else -1

    @cached_property
    def starts(self) -> list[float]:
        """When each step begins."""
        return [float(one["ts"]) for one in self.steps]


def is_host(row: Row) -> bool:
    return row.get("cat") not in DEVICE and row.get("cat") != "gpu_user_annotation"


@dataclass
class Replaying:
    """A trace in which steps from `first` on are replays."""

    header: Row
    rows: list[Row]
    was: list[int]
    """Of each row of the device its correlation number when it was launched by itself."""


def replaying(
    recorded: Recorded,
    steps: Sequence[int],
    *,
    nodes: bool,
    scattered: bool = False,
    low: bool = False,
) -> Replaying:
    """Return a trace in which these steps are replays.

    `nodes`: with the numbers of nodes, of which only the lower half is recorded if `low`.
    `scattered`: kernels run on streams that the executor chose.
    """
    chosen = set(steps)
    launched = sorted(
        (row for row in recorded.rows if row.get("cat") in RUNTIME),
        key=lambda row: float(row["ts"]),
    )
    order = {row["args"]["correlation"]: at for at, row in enumerate(launched)}
    chance = random.Random(1)
    kept: list[Row] = []
    was: list[int] = []
    mark = {at: 10_000_000 + at for at in chosen}
    node: dict[int, int] = {}
    device = [row for row in recorded.rows if row.get("cat") in DEVICE]
    for at in chosen:
        mine = [row for row in device if recorded.step_of.get(_number(row), -1) == at]
        mine.sort(key=lambda row: (order[_number(row)], float(row["ts"])))
        node |= {id(row): number for number, row in enumerate(mine)}
    for row in recorded.rows:
        if row.get("cat") in DEVICE:
            was.append(_number(row))
            at = recorded.step_of.get(_number(row), -1)
            kept.append(_replayed(row, mark[at]) if at in chosen else row)
            if at in chosen:
                args = kept[-1]["args"]
                if nodes:
                    args["graph node id"] = node[id(row)] + 1 + (0 if low else (7 << 32))
                if scattered and row["cat"].lower() == "kernel":
                    args["stream"] = kept[-1]["tid"] = 100 + chance.randrange(3)
        elif recorded.step(row) not in chosen or row["name"].startswith(STEP):
            kept.append(row)
    kept += [_launch(recorded, at, mark[at]) for at in sorted(chosen)]
    return Replaying(header=recorded.header, rows=kept, was=was)


def _number(row: Row) -> int:
    args = row["args"]
    return int(args.get("correlation", args.get("External id", -1)))


def _replayed(row: Row, mark: int) -> Row:
    args = {k: v for k, v in row["args"].items() if k.lower() != "external id"}
    return {**row, "args": {**args, "correlation": mark}}


def _launch(recorded: Recorded, at: int, mark: int) -> Row:
    """Return the call that launches a step's graph, in the place of its first launch."""
    mine = [
        row
        for row in recorded.rows
        if row.get("cat") in RUNTIME and recorded.step_of.get(row["args"]["correlation"]) == at
    ]
    first = min(mine, key=lambda row: float(row["ts"]))
    return {
        **first,
        "name": "cudaGraphLaunch",
        "args": {"correlation": mark},
    }


def written(one: Replaying, path: Path) -> Path:
    path.write_text(json.dumps({**one.header, "traceEvents": one.rows}))
    return path


def without_step(one: Replaying, recorded: Recorded, step: int) -> Replaying:
    """Return the trace without all rows of a step, of host and device."""
    return _filtered(
        one, lambda row: not (_is_of(recorded, row, step) or _ran(recorded, row, step))
    )


def as_capture(one: Replaying, recorded: Recorded, step: int) -> Replaying:
    """Return the trace with a step that was captured: nothing ran, and its mark is no step's."""
    mark = recorded.steps[step]
    kept = _filtered(one, lambda row: not _ran(recorded, row, step) and row is not mark)
    begin, end = float(mark["ts"]), float(mark["ts"]) + float(mark["dur"])
    for number, (name, moment) in enumerate(
        (("cudaStreamBeginCapture", begin), ("cudaStreamEndCapture", end - 1))
    ):
        like = next(row for row in recorded.rows if row.get("cat") in RUNTIME)
        args = {"correlation": 20_000_000 + number}
        kept.rows.append({**like, "name": name, "ts": moment, "dur": 1, "args": args})
    return kept


def _filtered(one: Replaying, keeps: Callable[[Row], bool]) -> Replaying:
    return Replaying(header=one.header, rows=[row for row in one.rows if keeps(row)], was=[])


def _is_of(recorded: Recorded, row: Row, step: int) -> bool:
    return is_host(row) and recorded.step(row) == step


def _ran(recorded: Recorded, row: Row, step: int) -> bool:
    return row.get("cat") in DEVICE and recorded.step_of.get(_number(row), -1) == step
