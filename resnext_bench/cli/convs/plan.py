"""`convs plan`: what cuDNN offers for each convolution, and what PyTorch would take."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.cli.convs.asking import asked_of, device_of, image_size_of
from resnext_bench.cli.convs.keeping import kept
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import Pardon, conclude, say
from resnext_bench.convs.plans.planning import device_here
from resnext_bench.convs.plans.record import Order, planned
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import write_atomically

BATCH: Final = 256


def plan_command(given: Mapping[str, Any]) -> int:
    """Plan, store, show; or write the description of the GPU that is here."""
    if given["save_device"]:
        return _save_device(given["save_device"])
    form: Format = given["form"]
    folder = runs.runs_folder(given["output"])
    runs.require_usable(folder)
    machine, problems = inspect("cpu"), given["problems"]
    order = Order(
        model=problems["model"] or "",
        image_size=image_size_of(problems),
        asked=asked_of(
            problems, machine, batch=BATCH, dtype=given["dtype"], layout=given["layout"]
        ),
        device=device_of(given),
        errata=given["cudnn_errata"],
        benchmark_limit=given["cudnn_benchmark_limit"],
        deterministic=given["cudnn_deterministic"],
        command=tuple(sys.argv[1:]),
    )
    record = planned(order, "", machine)
    return conclude(kept(record, folder), form, Pardon())


def _save_device(path: Path) -> int:
    found = device_here()
    write_atomically(path, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    say(f"{path}: the description of {found.get('deviceName', 'the GPU')}")
    return 0
