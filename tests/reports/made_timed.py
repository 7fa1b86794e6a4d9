"""A record of timed convolutions, as `convs time` writes it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from resnext_bench.reports.figures.convs import Side
from resnext_bench.reports.schema.convs import Cap, Convs, Plan, Problem, Timing
from tests.reports.made_convs import made_convolution, made_convs

FP32, FP32_NHWC = Side(dtype="fp32", layout="nchw"), Side(dtype="fp32", layout="nhwc")
BF16, BF16_NHWC = Side(dtype="bf16", layout="nchw"), Side(dtype="bf16", layout="nhwc")
SIDES = (FP32, FP32_NHWC, BF16, BF16_NHWC)
SHAPES = (
    {"layers": ("layer1.0.conv2", "layer1.1.conv2")},
    {"layers": ("layer2.0.conv2",), "images": (8, 256, 28, 28), "filters": 256},
)
ROUNDS = (1.0, 1.02, 0.98, 1.01)
"""What the machine does to all sides of a round."""

Times = Mapping[tuple[int, str, Side], float]
"""µs of a side by shape and operation, where they are not 1000."""


def made_plan(us: float, **changes: Any) -> Plan:
    plan = Plan(
        tag="jit:avx512_core",
        kernel="jit:avx512_core",
        samples_us=tuple(us * one for one in ROUNDS),
        error=1e-7,
        beside=0.01,
    )
    return msgspec.structs.replace(plan, **changes)


def made_timed(
    times: Times | None = None,
    *,
    sides: tuple[Side, ...] = SIDES,
    plans: Mapping[tuple[int, str, Side], Plan | str] | None = None,
    **changes: Any,
) -> Convs:
    """Every side takes 1000 µs and is right; a plan given as words is a side that fails."""
    convolutions, problems = [], []
    for at, shape in enumerate(SHAPES):
        for operation in ("forward", "input gradient", "weight gradient"):
            for side in sides:
                conv = made_convolution(**shape, dtype=side.dtype, layout=side.layout)
                if conv not in convolutions:
                    convolutions.append(conv)
                key = (at, operation, side)
                plan = (plans or {}).get(key, made_plan((times or {}).get(key, 1000.0)))
                failed = isinstance(plan, str)
                problems.append(
                    Problem(
                        convolution=convolutions.index(conv),
                        operation=operation,  # type: ignore[arg-type]
                        plans=() if isinstance(plan, str) else (plan,),
                        setting=side.setting,
                        why=str(plan) if failed else "",
                    )
                )
    return made_convs(
        task="time",
        timing=Timing(rounds=4, block_s=0.05, threads=2, caps=(Cap(isa="", uses="Intel AVX2"),)),
        libraries={"onednn": "3.13.3"},
        convolutions=tuple(convolutions),
        problems=tuple(problems),
        **changes,
    )
