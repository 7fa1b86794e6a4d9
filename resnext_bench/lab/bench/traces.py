"""What a kernel-time report costs: CPU time as ratios on one file, and memory as it grows.

    python -m resnext_bench.lab.bench.traces [--traces FOLDER] [--peer PYTHON] [--rounds N]
                          [--ranks N] [--seed N] [--json FILE]

The files are made of real traces (RESNEXT_BENCH_TRACES), repeated until they have 250 MB and up to
1 GB. The floor is our own streamed decode into structs of only the fields that the report uses,
with nothing done to them. The peer is HTA (`traceinsight`), asked for its temporal and its kernel
breakdown; --peer names the Python of an environment that has it: uv venv hta; uv pip install
--python hta/bin/python traceinsight==0.6.1. Each measurement is a process of its own, in turn.

Last, ranks of 250 MB are read by two processes on two cores, and by one: ratios of wall time within
a round, so that nothing else may run meanwhile.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from resnext_bench.lab.bench import traces_many
from resnext_bench.lab.bench.enlarged import repeat
from resnext_bench.lab.kept import (
    Kept,
    hardware,
    parser_for,
    revision,
    store,
    today,
    versions,
)

SOURCES: Final = {
    "MI300X, with shapes": ("mi300x-resnet50-ddp8-rank0.pt.trace.json.gz", 15),
    "A100, without": ("a100-resnet50-ddp2-rank0.pt.trace.json.gz", 25),
}
LARGE: Final = 4
"""How many times as long the large trace is: about 1 GB."""
_BEGIN: Final = """
import sys, time
from pathlib import Path
path = Path(sys.argv[1])
def end(began):
    taken = time.process_time() - began
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(taken, int(peak) / 1024)
"""
"""Beginning of each measured program; ru_maxrss would start at the value of the parent process."""
PROGRAMS: Final = {
    "floor": """
from resnext_bench.reports.trace.reading.pieces import Account, pieces
from resnext_bench.reports.trace.reading.source import Source
began = time.process_time()
for events in pieces(Source(path), Account()):
    pass
end(began)
""",
    "report": """
import msgspec
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
began = time.process_time()
msgspec.json.encode(report(analyse(path)))
end(began)
""",
    "peer": """
import logging, os, tempfile
logging.disable(logging.CRITICAL)
from hta.trace_analysis import TraceAnalysis
began = time.process_time()
analysis = TraceAnalysis(trace_files={0: str(path)}, trace_dir=str(path.parent))
analysis.get_temporal_breakdown(visualize=False)
analysis.get_gpu_kernel_breakdown(visualize=False)
end(began)
""",
}


def main() -> None:
    """Measure each of the sources, and store and print the results."""
    parser = parser_for("bench.traces", __doc__)
    parser.add_argument("--traces", type=Path, default=os.environ.get("RESNEXT_BENCH_TRACES"))
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.traces is None:
        parser.error("name the folder of real traces: --traces FOLDER or RESNEXT_BENCH_TRACES")
    rows = [measured(name, options) for name in SOURCES]
    for row in rows:
        print(told(row))
    many = _many(options)
    print(traces_many.told(many))
    store(options.json, facts(options) | {"rows": rows, "many": many})


def _many(options: argparse.Namespace) -> dict[str, Any]:
    """Return how much faster two processes read ranks than one."""
    traces_many.bound()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = traces_many.made(options.traces, folder, traces_many.TIMES)
        return traces_many.in_parallel(large, folder, options.ranks, options.rounds, options.seed)


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return ratios on a file of 250 MB, and the memory for one four times as large."""
    source, times = SOURCES[name]
    programs = ["floor", "report", *(["peer"] if options.peer else [])]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.json"
        events = repeat(options.traces / source, path, times)
        size = path.stat().st_size
        rounds = [
            {one: run(one, path, options.peer) for one in programs} for _ in range(options.rounds)
        ]
        larger = repeat(options.traces / source, path, LARGE * times)
        most = run("report", path, options.peer)[1]
        larger_size = path.stat().st_size
    least = median(one["report"][1] for one in rounds)
    return {
        "trace": name,
        "events": events,
        "mb": size / 1e6,
        "over_floor": [one["report"][0] / one["floor"][0] for one in rounds],
        "under_peer": [one["peer"][0] / one["report"][0] for one in rounds] if options.peer else [],
        "peak_mib": {one: median(each[one][1] for each in rounds) for one in programs},
        "larger_events": larger,
        "larger_mb": larger_size / 1e6,
        "larger_peak_mib": most,
        "bytes_per_event": (most - least) * 2**20 / (larger - events),
    }


def run(program: str, path: Path, peer: Path | None) -> tuple[float, float]:
    """Return CPU seconds and peak MiB of one process."""
    python = str(peer) if program == "peer" else sys.executable
    done = subprocess.run(
        (python, "-c", _BEGIN + PROGRAMS[program], str(path)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, mib = done.stdout.split()[-2:]
    return float(seconds), float(mib)


def told(row: dict[str, Any]) -> str:
    """Describe a row in one line."""
    peer = f", 1/{median(row['under_peer']):.1f} of HTA" if row["under_peer"] else ""
    return (
        f"{row['trace']}: {row['events']:,} events, {row['mb']:.0f} MB: "
        f"{median(row['over_floor']):.2f} x the floor{peer}; peak {row['peak_mib']['report']:.0f} "
        f"MiB; {row['larger_mb']:.0f} MB: {row['larger_peak_mib']:.0f} MiB, "
        f"{row['bytes_per_event']:.0f} bytes an event"
    )


def facts(options: argparse.Namespace) -> Kept:
    """Return the conditions under which it was measured."""
    peer = {"traceinsight": "0.6.1"} if options.peer else {}
    return {
        "what": "CPU seconds as ratios within one round on one file; peak resident memory",
        "date": today(),
        "revision": revision(),
        "hardware": hardware(),
        "versions": versions("msgspec", "numpy", "isal") | peer,
        "n": options.rounds,
    }


if __name__ == "__main__":
    main()
