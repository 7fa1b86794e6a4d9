"""Real traces counted three times: by `trace report`, from the raw JSON, and by HTA.

    python -m resnext_bench.lab.campaigns.trace_figures [--traces FOLDER] [--peer PYTHON]
                          [--json FILE]

The count from the raw JSON is the plainest that could be written: it uses nothing of ours, sweeps
over sorted intervals, and knows a communication kernel by `nccl` in its name. HTA
(`traceinsight`) runs in an environment of its own, whose Python is given by --peer: uv venv hta;
uv pip install --python hta/bin/python traceinsight==0.6.1. Figures are of the whole file, as HTA
knows no steps; those that differ are listed in docs/traces.md with the reason.
"""

import argparse
import gzip
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from resnext_bench.lab.kept import Kept, hardware, parser_for, revision, store, today, versions
from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.time.identity import communication

Figures = dict[str, float]
Row = dict[str, Any]

DEVICE: Final = {"kernel", "gpu_memcpy", "gpu_memset", "memcpy", "memset"}
_US: Final = 1e3

HTA: Final = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from hta.trace_analysis import TraceAnalysis
path = sys.argv[1]
analysis = TraceAnalysis(trace_files={0: path}, trace_dir=path.rpartition("/")[0])
row = analysis.get_temporal_breakdown(visualize=False).iloc[0]
kinds, kernels = analysis.get_gpu_kernel_breakdown(visualize=False, num_kernels=10)
sums = dict(zip(kinds["kernel_type"], kinds["sum"]))
found = {
    "window": float(row["kernel_time(us)"]),
    "idle": float(row["idle_time(us)"]),
    "compute": float(row["compute_time(us)"]),
    "compute_sum": float(sums.get("COMPUTATION", 0)),
    "communication_sum": float(sums.get("COMMUNICATION", 0)),
    "copy_sum": float(sums.get("MEMORY", 0)),
}
print(json.dumps(found))
"""


def main() -> None:
    """Count each trace, and keep and print what was found."""
    parser = parser_for("campaigns.trace_figures", __doc__)
    parser.add_argument("--traces", type=Path, default=os.environ.get("RESNEXT_BENCH_TRACES"))
    parser.add_argument("--peer", type=Path)
    options = parser.parse_args()
    if options.traces is None:
        parser.error("name the folder of real traces: --traces FOLDER or RESNEXT_BENCH_TRACES")
    rows = [
        row
        for path in sorted(options.traces.rglob("*.pt.trace.json*"))
        for row in compared(path, options.traces, options.peer)
    ]
    for row in rows:
        print(told(row))
    store(options.json, _facts(options) | {"rows": rows})


def compared(path: Path, root: Path, peer: Path | None) -> list[Row]:
    """Return a row for each figure of one trace, in us; None: that program has no answer."""
    ours, raw = counted_by_us(analyse(path)), counted(rows_of(path))
    hta = asked(path, peer) if peer else {}
    return [
        {
            "trace": str(path.relative_to(root)),
            "figure": figure,
            "ours": ours[figure],
            "raw": raw[figure],
            "hta": hta.get(figure),
        }
        for figure in ours
    ]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the device with a start and a duration, from the raw JSON."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    content = json.loads(text)
    events = content["traceEvents"] if isinstance(content, dict) else content
    return [one for one in events if str(one.get("cat", "")).lower() in DEVICE and "dur" in one]


def counted(rows: Sequence[dict[str, Any]]) -> Figures:
    """Return the figures of these rows, counted the plain way, us."""
    kernels = [one for one in rows if one["cat"].lower() == "kernel"]
    talks = [one for one in kernels if "nccl" in one["name"].lower()]
    work = [one for one in kernels if "nccl" not in one["name"].lower()]
    busy, compute = swept(rows), swept(work)
    ends = [one["ts"] + one["dur"] for one in rows]
    window = max(ends, default=0) - min((one["ts"] for one in rows), default=0)
    by_name: Counter[str] = Counter()
    for one in kernels:
        by_name[one["name"]] += one["dur"]
    return {
        "rows": float(len(rows)),
        "kernels": float(len(kernels)),
        "window": window,
        "idle": window - busy,
        "compute": compute,
        "compute_sum": sum(one["dur"] for one in work),
        "exposed_communication": swept([*work, *talks]) - compute,
        "communication_sum": sum(one["dur"] for one in talks),
        "copy_sum": sum(one["dur"] for one in rows) - sum(one["dur"] for one in kernels),
        "largest_kernel": max(by_name.values(), default=0),
    }


def swept(rows: Iterable[dict[str, Any]]) -> float:
    """Return how long at least one of these rows ran, us."""
    total, reach = 0.0, float("-inf")
    for start, end in sorted((one["ts"], one["ts"] + one["dur"]) for one in rows):
        if end > reach:
            total += end - max(start, reach)
            reach = end
    return total


def counted_by_us(analysis: Analysis) -> Figures:
    """Return the same figures as `trace report` knows them, us."""
    device, busy, trace = analysis.trace.device, analysis.busy, analysis.trace
    kernel = device.kind == Kind.KERNEL
    talks = kernel & communication(trace)[device.name]
    window = int(device.end.max() - device.start.min()) if len(device) else 0
    both = busy.compute | busy.communication
    of_names = np.bincount(device.name[kernel], weights=device.duration[kernel])
    figures = {
        "window": window,
        "idle": window - busy.any.length if len(device) else 0,
        "compute": busy.compute.length if len(device) else 0,
        "compute_sum": device.duration[kernel & ~talks].sum(),
        "exposed_communication": both.length - busy.compute.length if len(device) else 0,
        "communication_sum": device.duration[talks].sum(),
        "copy_sum": device.duration[~kernel].sum(),
        "largest_kernel": of_names.max(initial=0),
    }
    counts = {"rows": float(len(device)), "kernels": float(kernel.sum())}
    return counts | {name: float(ns) / _US for name, ns in figures.items()}


def asked(path: Path, peer: Path) -> Figures:
    """Return what HTA finds, us; nothing where it fails."""
    done = subprocess.run(
        (str(peer), "-c", HTA, str(path)), capture_output=True, text=True, check=False
    )
    found: Figures = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    return found


def told(row: Row) -> str:
    """Return a row as a line."""
    cells = (f"{row[one]:14,.3f}" if row[one] is not None else f"{'-':>14}" for one in _COUNTERS)
    return f"{row['trace'][:34]:34} {row['figure']:22} {' '.join(cells)}"


_COUNTERS: Final = ("ours", "raw", "hta")


def _facts(options: argparse.Namespace) -> Kept:
    peer = {"traceinsight": "0.6.1"} if options.peer else {}
    return {
        "what": "figures of whole traces in us, by trace report, from the raw JSON, by HTA",
        "date": today(),
        "revision": revision(),
        "hardware": hardware(),
        "versions": versions("resnext-bench", "msgspec", "numpy") | peer,
    }


if __name__ == "__main__":
    main()
