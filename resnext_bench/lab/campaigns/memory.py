"""Predicted peak memory of a training step against what the allocator says, and resident memory.

    python -m resnext_bench.lab.campaigns.memory [--json FILE]

Three networks, three batches, two precisions, two layouts, each in a process of its own. The peak
is that of live bytes in torch's CPU allocator, from the profiler's memory events, with parameters,
optimizer and batch; resident memory is the kernel's, with Python and all libraries in it. Not a
measurement of time: other work beside it does not matter.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from resnext_bench.lab.campaigns.verdicts import revision
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.store.files import write_atomically

NAMES: Final = ("resnext50_32x4d", "resnet101", "googlenet")
BATCHES: Final = (4, 8, 16)
IMAGE_SIZE: Final = 128
_MIB: Final = 2**20


def main() -> None:
    options = _options()
    if options.one:
        print(json.dumps(_measured(**json.loads(options.one))))
        return
    kept = _facts()
    for name, mixed, channels_last, batch in itertools.product(
        NAMES, (False, True), (True, False), BATCHES
    ):
        case = {"name": name, "batch": batch, "mixed": mixed, "channels_last": channels_last}
        kept["rows"].append(case | _apart(case))
        print(kept["rows"][-1], flush=True)
    if options.json:
        write_atomically(options.json, json.dumps(kept, indent=1).encode() + b"\n")
    print(table(kept["rows"]))


def _apart(case: dict[str, Any]) -> dict[str, float]:
    """Measured in a process that holds nothing else."""
    command = (
        sys.executable,
        "-m",
        "resnext_bench.lab.campaigns.memory",
        "--one",
        json.dumps(case),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measured(*, name: str, batch: int, mixed: bool, channels_last: bool) -> dict[str, float]:
    import torch

    from resnext_bench.lab.campaigns.live import live_bytes
    from resnext_bench.machine.host.memory import peak_memory_gib
    from resnext_bench.resnext.draw import draw
    from resnext_bench.resnext.memory import Setting, training_memory
    from resnext_bench.resnext.names import parse

    torch.set_num_threads(1)
    setting = Setting(batch=batch, mixed=mixed)
    live = live_bytes(parse(name), IMAGE_SIZE, setting, channels_last=channels_last)
    predicted = training_memory(draw(parse(name), IMAGE_SIZE), setting)
    return {
        "predicted_mib": round(predicted.peak / _MIB, 2),
        "measured_mib": round(live.peak / _MIB, 2),
        "at_rest_mib": round(live.at_rest / _MIB, 2),
        "resident_mib": round(1024 * peak_memory_gib(), 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line for each network, precision and layout; figures by batch."""
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
    """In per cent; what rounds to nothing has no sign of its own."""
    percent = 100 * (row["predicted_mib"] / row["measured_mib"] - 1)
    return f"{round(percent, 1) + 0.0:+.1f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m resnext_bench.lab.campaigns.memory", description=__doc__
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def _facts() -> dict[str, Any]:
    machine = inspect()
    return {
        "what": "peak of live bytes of a training step (SGD, momentum), predicted and measured",
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": f"{machine.cpu_name}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("resnext-bench", "torch")},
        },
        "seed": 0,
        "n": 1,
        "image_size": IMAGE_SIZE,
        "revision": revision(),
        "rows": [],
    }


if __name__ == "__main__":
    main()
