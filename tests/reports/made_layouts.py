"""A record of layouts, as `convs layouts` writes it."""

from typing import Any

import msgspec

from resnext_bench.reports.schema.convs import Convs, PlannedDevice, Timing
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.layouts import (
    InStep,
    LayoutRow,
    Layouts,
    Mix,
    Parts,
    Versus,
    WholeSteps,
)
from tests.reports.made_convs import made_convolution, made_convs

OPERATIONS = ("forward", "input gradient", "weight gradient")


def about(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def made_row(operation: str, at: int = 0, **changes: Any) -> LayoutRow:
    row = LayoutRow(
        convolution=at,
        operation=operation,  # type: ignore[arg-type]
        dtype="bf16",
        nhwc_us=5000.0,
        nchw_us=8000.0,
        ratio=about(0.62, 0.03),
        p=0.001,
        q=0.002,
        kernels=("brg_conv_fwd", "jit"),
    )
    return msgspec.structs.replace(row, **changes)


def made_mix(**changes: Any) -> Mix:
    """A mix that was predicted to gain 12 ms over NHWC, and gained 4."""
    mix = Mix(
        dtype="bf16",
        sides=("nhwc", "nchw", "mixed"),
        base="nhwc",
        other_layout="layer1.0.conv2,layer4",
        nchw=("layer1.0.conv2",),
        nhwc=("layer1.1.conv2", "layer2.0.conv2"),
        converted=3,
        parts=(
            Parts(convolutions=300.0, others=60.0, conversions=0.0),
            Parts(convolutions=420.0, others=70.0, conversions=0.0),
            Parts(convolutions=284.0, others=60.0, conversions=4.0),
        ),
        versus=(
            Versus(side="mixed", over="nhwc", predicted_ms=about(12, 2), measured_ms=about(4, 3)),
            Versus(
                side="mixed", over="nchw", predicted_ms=about(142, 5), measured_ms=about(140, 9)
            ),
            Versus(side="nhwc", over="nchw", predicted_ms=about(130, 5), measured_ms=about(136, 9)),
        ),
        steps=WholeSteps(
            step_ms=((500.0, 636.0, 496.0), (500.0, 636.0, 496.0)),
            block_steps=(2, 2, 2),
            quiet_percent=0.2,
            in_step=(
                InStep(convolutions=310.0, others=66.0, conversions=0.0, rest=124.0),
                InStep(convolutions=436.0, others=74.0, conversions=0.0, rest=126.0),
                InStep(convolutions=294.0, others=66.0, conversions=11.0, rest=125.0),
            ),
        ),
    )
    return msgspec.structs.replace(mix, **changes)


def made_layouts(*mixes: Mix, **changes: Any) -> Convs:
    rows = (
        *(made_row(operation) for operation in OPERATIONS[:2]),
        made_row("weight gradient", ratio=about(1.01, 0.05), p=0.6, q=0.6),
        made_row("forward", 1, ratio=about(1.3, 0.1), p=0.01, q=0.015),
    )
    plain = made_convolution(layers=("layer1.0.conv1",), groups=1, kernel=(1, 1), padding=(0, 0))
    record = made_convs(
        task="layouts",
        image_size=64,
        command=("convs", "layouts", "resnext50_32x4d"),
        device=PlannedDevice(name="Example CPU", source="this machine", fields={}),
        libraries={"onednn": "3.10.0"},
        convolutions=(made_convolution(layout="nhwc"), plain),
        problems=(),
        timing=Timing(rounds=12, block_s=0.03, threads=2),
        layouts=Layouts(everything=False, rows=rows, others=(), mixes=mixes),
    )
    return msgspec.structs.replace(record, **changes)
