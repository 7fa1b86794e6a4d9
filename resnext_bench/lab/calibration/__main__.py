"""Do the verdicts keep what they promise? Simulated, with the shipped functions.

    python -m resnext_bench.lab.calibration [--n N] [--json FILE] [--only NAME]

Exit code 0 unless a 95 % bound contradicts a goal, then 1. With --json, finished cases are kept in
FILE as they come, and a calibration that was cut goes on from there.
"""

import argparse
import json
import platform
import zlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from resnext_bench.lab.calibration.cases import CASES, SLOW
from resnext_bench.lab.calibration.figures import Figure
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.store.files import write_atomically

SEED = 0
PACKAGES = ("resnext-bench", "numpy", "scipy")


def figures_of(case: str, n: int) -> list[Figure]:
    """Simulate one case `n` times, seeded by its name, so that others may come and go."""
    rng = np.random.default_rng([SEED, zlib.crc32(case.encode())])
    return CASES[case](max(n // 5, 1) if case in SLOW else n, rng)


def main() -> int:
    options = _options()
    kept = _load(options)
    for case in options.only or CASES:
        if case not in kept["cases"]:
            start = perf_counter()
            rows = [figure.row for figure in figures_of(case, options.n)]
            kept["cases"][case] = {"seconds": round(perf_counter() - start, 1), "figures": rows}
            if options.json:
                write_atomically(options.json, json.dumps(kept, indent=1).encode() + b"\n")
        _show(case, kept["cases"][case])
    rows = [row for case in kept["cases"].values() for row in case["figures"]]
    return int(any(row["outcome"] == "missed" for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m resnext_bench.lab.calibration", description=__doc__
    )
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", action="append", choices=list(CASES), metavar="NAME")
    return parser.parse_args()


def _show(case: str, done: dict[str, Any]) -> None:
    print(f"{case} ({done['seconds']} s)")
    for row in done["figures"]:
        print(Figure(**{name: value for name, value in row.items() if name != "outcome"}))


def _load(options: argparse.Namespace) -> dict[str, Any]:
    """Cases finished before under the same conditions; others are not to be mixed in."""
    facts = _facts(options.n)
    if not (options.json and options.json.exists()):
        return facts | {"cases": {}}
    kept: dict[str, Any] = json.loads(options.json.read_text())
    if any(kept.get(name) != value for name, value in facts.items() if name != "date"):
        raise SystemExit(f"{options.json} holds other conditions; name another file, or remove it")
    return kept


def _facts(n: int) -> dict[str, Any]:
    machine = inspect()
    return {
        "what": "simulated rates and biases in per cent, with 95 % bounds, against their goals",
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": f"{machine.cpu_name}, {machine.usable_cores} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "seed": SEED,
        "n": n,
    }


if __name__ == "__main__":
    raise SystemExit(main())
