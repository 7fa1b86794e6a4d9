"""Sides of a small convolution."""

from typing import Any

import msgspec

from resnext_bench.convs.times.sides import Setting, TimedSide
from tests.reports.made_convs import made_convolution

SMALL = {"images": (2, 32, 14, 14), "filters": 32, "groups": 4, "dtype": "fp32"}


def made_side(operation: str = "forward", setting: Setting | None = None, **conv: Any) -> TimedSide:
    convolution = msgspec.structs.replace(made_convolution(**SMALL), **conv)
    return TimedSide(
        convolution=convolution,
        operation=operation,  # type: ignore[arg-type]
        setting=setting or Setting(),
    )
