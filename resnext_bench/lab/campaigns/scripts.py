"""Users' scripts, one slower by an operation or not at all: how often does `compare` err?

    python -m resnext_bench.lab.campaigns.scripts [slower=20] [same=10] [--json FILE]

The script allocates and frees arrays of 1.5 MB in each step, as eager training does; in `slower`
side b does 16 operations instead of 15. It is run by the shipped `compare --script` with at most
ten sessions. With --json every finished comparison is stored in FILE, and a campaign that was cut
goes on from there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from resnext_bench.lab.checkout import ROOT
from resnext_bench.lab.kept import (
    Kept,
    count_by_case,
    hardware,
    parser_for,
    read_same,
    revision,
    store,
    today,
    versions,
)

SCRIPT = """
import os, sys, time
import numpy as np
operations, steps = int(sys.argv[1]), 100
samples = open(os.environ["RESNEXT_BENCH_SAMPLES"], "a", buffering=1)
weights = np.random.default_rng(0).random(400_000, dtype=np.float32)
for _ in range(steps):
    start = time.perf_counter_ns()
    kept = [weights]
    for _ in range(operations):
        kept.append(np.sqrt(kept[-1] * weights + 1.0))
    del kept
    samples.write(f"{time.perf_counter_ns() - start}\\n")
"""
OPERATIONS = {"slower": (15, 16), "same": (15, 15)}
SESSIONS = 10
WANTED = ("slower=20", "same=10")


def compared(case: str) -> dict[str, Any]:
    """Return the record of one comparison, started as users start it."""
    a, b = OPERATIONS[case]
    with tempfile.TemporaryDirectory(prefix="scripts-") as folder:
        (Path(folder) / "train.py").write_text(SCRIPT)
        command = (sys.executable, "-m", "resnext_bench.cli.main", "compare", "--json")
        sides = ("--script", f"{sys.executable} train.py", "--a", str(a), "--b", str(b))
        limits = ("--max-sessions", str(SESSIONS), "--output", f"{folder}/runs", "--wait", "60")
        done = subprocess.run(
            (*command, *sides, *limits),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout:
            raise SystemExit(done.stderr)
        record: dict[str, Any] = json.loads(done.stdout)
        return record | {"exit_code": done.returncode}


def row_of(record: dict[str, Any]) -> dict[str, object]:
    """Return what is stored of a comparison."""
    change = record["change"] or {}
    return {
        "verdict": record["verdict"] or record["status"],
        "exit_code": record["exit_code"],
        "why": record["why"],
        "carried_by": record["carried_by"],
        "sessions": len(record["pairs"]),
        "percent": change.get("percent"),
        "low": change.get("low_percent"),
        "high": change.get("high_percent"),
        "middle_percent": (record["middle"] or {}).get("percent"),
        "faults_per_step": [
            [launch["faults_per_step"] for launch in pair["launches"]] for pair in record["pairs"]
        ],
        "seconds": record["duration_s"],
        "revision": revision(),
    }


def main() -> None:
    """Measure what is still missing, cases in turn."""
    options = _options()
    wanted = count_by_case(options.cases)
    facts = _facts()
    kept = read_same(options.json, facts) or facts | {"comparisons": {}}
    found: dict[str, list[dict[str, object]]] = kept["comparisons"]
    while missing := [case for case, n in wanted.items() if len(found.setdefault(case, [])) < n]:
        case = min(missing, key=lambda case: len(found[case]) / wanted[case])
        found[case].append(row_of(compared(case)))
        print(case, len(found[case]), found[case][-1], flush=True)
        kept["counts"] = {
            name: dict(Counter(str(row["verdict"]) for row in rows)) for name, rows in found.items()
        }
        store(options.json, kept)
    print(json.dumps(kept.get("counts", {}), indent=1))


def _options() -> argparse.Namespace:
    parser = parser_for("campaigns.scripts", __doc__)
    parser.add_argument("cases", nargs="*", default=list(WANTED), metavar="CASE=N")
    return parser.parse_args()


def _facts() -> Kept:
    return {
        "what": "verdicts of compare --script; slower: 16 operations a step instead of 15",
        "date": today(),
        "hardware": hardware(whole=True),
        "versions": versions("resnext-bench", "numpy", "scipy"),
        "seed": 0,
        "sessions": SESSIONS,
    }


if __name__ == "__main__":
    main()
