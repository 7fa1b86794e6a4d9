"""Eight real ranks, against what their raw JSON says by plain arithmetic."""

import gzip
import json
from collections import defaultdict
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.reports.store.trace_files import find_traces
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.ranks.rank import rank_of
from resnext_bench.reports.trace.ranks.times import times
from tests.reports.trace.real import real_trace

DLRM = "v100x8-dlrm"
SIZES = {"float": 4, "long int": 8, "int": 4}
KINDS = {"nccl:all_to_all": "all-to-all", "nccl:all_reduce": "all-reduce"}


@cache
def spoken(path: Path) -> list[tuple[int, int, str, int]]:
    """Start, end, kind and bytes of what was launched within the steps, us."""
    rows = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    rows = [row for row in rows if row.get("ph") == "X"]
    steps = [row for row in rows if row["name"].startswith("ProfilerStep#")]
    begin = min(row["ts"] for row in steps)
    end = max(row["ts"] + row["dur"] for row in steps)
    launches = {row["args"]["correlation"]: row for row in rows if row.get("cat") == "cuda_runtime"}
    spans = [row for row in rows if row["name"] in KINDS and row["cat"] == "user_annotation"]
    found = []
    for row in rows:
        if row.get("cat") != "kernel" or "nccl" not in row["name"]:
            continue
        launch = launches.get(row["args"]["correlation"])
        if launch is not None and begin <= launch["ts"] < end:
            span = next(one for one in spans if _around(one, launch))
            told = zip(span["args"]["Input Dims"], span["args"]["Input type"], strict=True)
            size = sum(prod(dims) * SIZES[of] for dims, of in told)
            found.append((row["ts"], row["ts"] + row["dur"], KINDS[span["name"]], size))
    return sorted(found)


def _around(span: dict[str, Any], row: dict[str, Any]) -> bool:
    inside = span["ts"] <= row["ts"] <= span["ts"] + span["dur"]
    return bool(span["tid"] == row["tid"] and inside)


def test_waiting_and_transfer_of_eight_ranks() -> None:
    files = find_traces(str(real_trace(DLRM)), None).files
    transfer: dict[tuple[str, int], int] = defaultdict(int)
    waiting: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * 8)
    for every in zip(*(spoken(file.path) for file in files), strict=True):
        moved = max(0, min(one[1] for one in every) - max(one[0] for one in every))
        key = (every[0][2], max(one[3] for one in every))
        transfer[key] += moved
        for at, (start, end, *_) in enumerate(every):
            waiting[key][at] += end - start - moved
    found = times([rank_of(analyse(file.path, details=True, layers=False), file) for file in files])
    rows = {(row.kind, row.bytes): row for row in found.collectives}
    assert {key: row.transfer_ns for key, row in rows.items()} == {
        key: 1000 * us for key, us in transfer.items()
    }
    assert {key: row.waiting_ns for key, row in rows.items()} == {
        key: [1000 * us for us in each] for key, each in waiting.items()
    }
    assert [row.waits_ns for row in found.ranks] == [
        1000 * sum(each[at] for each in waiting.values()) for at in range(8)
    ]


def test_one_step_names_no_rank_and_eight_clocks_agree() -> None:
    files = find_traces(str(real_trace(DLRM)), None).files
    found = times([rank_of(analyse(file.path, details=True, layers=False), file) for file in files])
    assert (found.stragglers, found.smallest_skew, found.unmatched) == ([], None, 0)
    assert all(row.clock and not row.clock.is_off for row in found.ranks)
    assert all(row.link_gb_per_s == 150 for row in found.collectives)


@pytest.mark.parametrize("name", ["a100-resnet50-ddp2-rank0", "mi300x-resnet50-ddp8-rank0"])
def test_messages_of_nccl_and_rccl(name: str) -> None:
    """Kernels of the A100 tell their messages; on the MI300X operators around launches do."""
    path = real_trace(f"{name}.pt.trace.json.gz")
    (file,) = find_traces(str(path), None).files
    found = rank_of(analyse(path, details=True, layers=False), file)
    kinds = {one.kind for one in found.talks.messages}
    assert kinds == {"all-reduce", "broadcast"}
    assert all(one.bytes and one.members for one in found.talks.messages)
