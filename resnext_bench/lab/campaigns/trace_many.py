"""Many large traces: eight ranks on two cores against one, and the memory over 64 files.

    python -m resnext_bench.lab.campaigns.trace_many [--traces FOLDER] [--files N] [--many N]
                          [--times N] [--rounds N] [--seed N] [--json FILE]

Ratios are of wall time within one round, whose order is drawn; so nothing else may run meanwhile.
Memory is that of all processes of the program, with shared pages counted once.
"""

import argparse
import os
import tempfile
from pathlib import Path

from resnext_bench.lab.bench import traces_many
from resnext_bench.lab.kept import Kept, hardware, parser_for, revision, store, today, versions


def main() -> None:
    """Measure both, and store and print the results."""
    parser = parser_for("campaigns.trace_many", __doc__)
    parser.add_argument("--traces", type=Path, default=os.environ.get("RESNEXT_BENCH_TRACES"))
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--many", type=int, default=64)
    parser.add_argument("--times", type=int, default=traces_many.TIMES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.traces is None:
        parser.error("name the folder of real traces: --traces FOLDER or RESNEXT_BENCH_TRACES")
    traces_many.bound()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = traces_many.made(options.traces, folder, options.times)
        rows = [traces_many.in_parallel(large, folder, options.files, options.rounds, options.seed)]
        print(traces_many.told(rows[0]), flush=True)
        for command in ("ranks", "report"):
            rows.append(traces_many.over_files(large, folder, options.many, command))
            print(traces_many.told(rows[-1]), flush=True)
    store(options.json, facts(options) | {"rows": rows})


def facts(options: argparse.Namespace) -> Kept:
    """Return the conditions under which it was measured."""
    return {
        "what": (
            "wall time of one process over that of two, within one round; memory of all processes "
            "(PSS, sampled every 0.2 s), MB"
        ),
        "date": today(),
        "revision": revision(),
        "hardware": hardware(),
        "versions": versions("msgspec", "numpy", "isal"),
        "n": options.rounds,
        "seed": options.seed,
    }


if __name__ == "__main__":
    main()
