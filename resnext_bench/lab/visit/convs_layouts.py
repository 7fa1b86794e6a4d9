"""`convs layouts` as its users run it: NHWC against NCHW layer by layer, mixed, and in whole steps.

The program runs it in a process of its own; what is kept is the record without single samples.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from resnext_bench.lab.visit.program import recorded
from resnext_bench.lab.visit.sizes import LAYOUTS
from resnext_bench.lab.visit.tasks import Box, Findings, Planned

ROOMS_S: Final = (90.0, 300.0)
"""Seconds on a GPU of the small batch and of the large one; nobody has measured them."""
SHORT: Final = ("--rounds", "8")


def tasks(box: Box) -> Iterator[Planned]:
    """Yield a task for each batch, the small one first."""
    for batch, room_s in zip(box.sizes.layouts, ROOMS_S, strict=False):
        key = f"{LAYOUTS}/{batch}"
        yield Planned(
            key=key, run=partial(_measured, batch, box), room_s=box.room_s(room_s, 20), kind=key
        )


def _measured(batch: int, box: Box, findings: Findings) -> None:
    sizes = box.sizes
    types = ("bf16", "tf32") if box.kind == "cuda" else ("fp32",)
    record = recorded(
        *("convs", "layouts", sizes.conv_model, "--batch-size", str(batch)),
        *("--image-size", str(sizes.conv_size), "--device", box.kind, *SHORT),
        *(word for one in types for word in ("--dtype", one)),
        box=box,
    )
    findings.found["record"] = short(record)
    if count := record["wrong"]:
        findings.wrong.append(f"{count} of the convolutions that were timed")


def short(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without samples of single calls and without plans."""
    found = record["layouts"] or {}
    return record | {
        "problems": [],
        "files": [],
        "layouts": found | {"others": []} if found else None,
    }
