"""Do the verdicts keep what they promise? Simulated, with the shipped functions.

    python -m resnext_bench.lab.calibration [--n N] [--json FILE] [--only NAME]

Exit code 0 unless a 95 % bound contradicts a goal, then 1. With --json, finished cases are stored
in FILE as they come, and a calibration that was cut goes on from there.
"""

import argparse
import zlib
from time import perf_counter
from typing import Any

import numpy as np

from resnext_bench.lab.calibration.cases import CASES, SLOW
from resnext_bench.lab.calibration.figures import Figure
from resnext_bench.lab.kept import Kept, hardware, parser_for, read_same, store, today, versions

SEED = 0


def figures_of(case: str, n: int) -> list[Figure]:
    """Simulate one case `n` times; the seed is its name, so that it does not depend on others."""
    rng = np.random.default_rng([SEED, zlib.crc32(case.encode())])
    return CASES[case](max(n // 5, 1) if case in SLOW else n, rng)


def main() -> int:
    """Simulate what is missing, show everything, and return whether a goal was missed."""
    options = _options()
    facts = _facts(options.n)
    kept = read_same(options.json, facts) or facts | {"cases": {}}
    for case in options.only or CASES:
        if case not in kept["cases"]:
            start = perf_counter()
            rows = [figure.row for figure in figures_of(case, options.n)]
            kept["cases"][case] = {"seconds": round(perf_counter() - start, 1), "figures": rows}
            store(options.json, kept)
        _show(case, kept["cases"][case])
    rows = [row for case in kept["cases"].values() for row in case["figures"]]
    return int(any(row["outcome"] == "missed" for row in rows))


def _options() -> argparse.Namespace:
    parser = parser_for("calibration", __doc__)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--only", action="append", choices=list(CASES), metavar="NAME")
    return parser.parse_args()


def _show(case: str, done: dict[str, Any]) -> None:
    print(f"{case} ({done['seconds']} s)")
    for row in done["figures"]:
        print(Figure(**{name: value for name, value in row.items() if name != "outcome"}))


def _facts(n: int) -> Kept:
    return {
        "what": "simulated rates and biases in per cent, with 95 % bounds, against their goals",
        "date": today(),
        "hardware": hardware(),
        "versions": versions("resnext-bench", "numpy", "scipy"),
        "seed": SEED,
        "n": n,
    }


if __name__ == "__main__":
    raise SystemExit(main())
