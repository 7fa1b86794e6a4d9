"""`convs time` on a GPU: cuDNN's plans, and what PyTorch chooses among them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resnext_bench.cli.convs.asking import asked_of, image_size_of
from resnext_bench.cli.convs.plan import BATCH
from resnext_bench.convs.plans.planning import device_here
from resnext_bench.convs.plans.record import Order
from resnext_bench.convs.problems import Asked
from resnext_bench.convs.times.device_record import timed_on_device
from resnext_bench.convs.times.device_timing import Orders, Tell
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.convs import Convs, PlannedDevice
from resnext_bench.resnext.traffic import Dtype, Layout

BLOCK_S: Final = 0.01
REPEATS: Final = 3
LIMIT: Final = 10
"""PyTorch's own limit of plans, which is one of the modes that are timed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is to be timed, and how."""

    model: str
    image_size: int
    """Side of the images of a network of ours; 0 for others."""
    asked: Sequence[Asked]
    orders: Orders


def ordered(given: Mapping[str, Any], machine: Machine) -> Wanted:
    """Return what the options ask for, or raise UsageError."""
    for name in ("threads", "isa"):
        if given[name]:
            raise UsageError(f"--{name} is about a CPU; leave it out with --device cuda")
    if given["onednn"] != "on":
        raise UsageError("--onednn is about a CPU; leave it out with --device cuda")
    dtypes: Sequence[Dtype] = list(dict.fromkeys(given["dtype"] or ("bf16",)))
    layouts: Sequence[Layout] = list(dict.fromkeys(given["layout"] or ("nhwc",)))
    once = asked_of(given["problems"], machine, batch=BATCH, dtype=dtypes[0], layout=layouts[0])
    asked = [one.in_(dtype, layout) for dtype in dtypes for layout in layouts for one in once]
    return Wanted(
        model=given["problems"]["model"] or "",
        image_size=image_size_of(given["problems"]),
        asked=asked,
        orders=Orders(rounds=given["rounds"], block_s=BLOCK_S, repeats=REPEATS),
    )


def timed_here(wanted: Wanted, machine: Machine, tell: Tell) -> Convs:
    """Plan for this machine's first GPU, time all plans, and return the record."""
    fields = device_here("--device cuda")
    order = Order(
        model=wanted.model,
        image_size=wanted.image_size,
        asked=wanted.asked,
        device=PlannedDevice(
            name=str(fields.get("deviceName", "the GPU")), source="this machine", fields=fields
        ),
        benchmark_limit=LIMIT,
        deterministic=False,
        command=tuple(sys.argv[1:]),
    )
    return timed_on_device(order, wanted.orders, "", machine, tell)
