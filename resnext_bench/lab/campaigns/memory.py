"""Predicted peak memory of a training step against what the allocator says, and resident memory.

    python -m resnext_bench.lab.campaigns.memory [--json FILE]

Three networks, three batches, two precisions, two layouts, each in a process of its own. The peak
is that of live bytes in torch's CPU allocator, from the profiler's memory events, with parameters,
optimizer and batch; resident memory is the kernel's, with Python and all libraries in it. Not a
measurement of time: other work beside it does not matter.
"""

import itertools
import json
import subprocess
import sys
from typing import Any, Final

from resnext_bench.lab.kept import (
    Kept,
    hardware,
    parser_for,
    revision,
    store,
    today,
    versions,
)

NAMES: Final = ("resnext50_32x4d", "resnet101", "googlenet")
BATCHES: Final = (4, 8, 16)
IMAGE_SIZE: Final = 128


def main() -> None:
    """Measure all cases, and print the table."""
    options = parser_for("campaigns.memory", __doc__).parse_args()
    kept = _nothing_yet()
    for name, mixed, channels_last, batch in itertools.product(
        NAMES, (False, True), (True, False), BATCHES
    ):
        case = {"name": name, "batch": batch, "mixed": mixed, "channels_last": channels_last}
        kept["rows"].append(case | _apart(case))
        print(kept["rows"][-1], flush=True)
    store(options.json, kept)
    print(table(kept["rows"]))


def _apart(case: dict[str, Any]) -> dict[str, float]:
    """Return a case measured in a process that holds nothing else."""
    module = "resnext_bench.lab.campaigns.memory_case"
    command = (sys.executable, "-m", module, json.dumps(case))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Return Markdown with a line for each network, precision and layout; figures are by batch."""
    head = "| network | precision | layout | predicted, MiB | measured | error | resident set |\n"
    head += "|---|---|---|---|---|---|---|\n"
    groups = itertools.groupby(
        rows, key=lambda row: (row["name"], row["mixed"], row["channels_last"])
    )
    return head + "\n".join(_line(key, list(group)) for key, group in groups)


def _line(key: tuple[str, bool, bool], rows: list[dict[str, Any]]) -> str:
    name, mixed, channels_last = key
    columns = [
        ", ".join(f"{row[column]:,.0f}" for row in rows)
        for column in ("predicted_mib", "measured_mib")
    ]
    errors = ", ".join(_error(row) for row in rows)
    resident = ", ".join(f"{row['resident_mib']:,.0f}" for row in rows)
    kind = "bf16" if mixed else "fp32"
    layout = "NHWC" if channels_last else "NCHW"
    return f"| `{name}` | {kind} | {layout} | {' | '.join(columns)} | {errors} % | {resident} |"


def _error(row: dict[str, Any]) -> str:
    """Return the error in per cent; one that rounds to nothing has no sign."""
    percent = 100 * (row["predicted_mib"] / row["measured_mib"] - 1)
    return f"{round(percent, 1) + 0.0:+.1f}"


def _nothing_yet() -> Kept:
    return {
        "what": "peak of live bytes of a training step (SGD, momentum), predicted and measured",
        "date": today(),
        "hardware": hardware(whole=True),
        "versions": versions("resnext-bench", "torch"),
        "seed": 0,
        "n": 1,
        "image_size": IMAGE_SIZE,
        "revision": revision(),
        "rows": [],
    }


if __name__ == "__main__":
    main()
