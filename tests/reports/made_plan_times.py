"""A record of plans that were timed on a GPU, as `convs time` writes it there."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from resnext_bench.reports.schema.convs import OPERATIONS, Convs, Plan, Problem
from resnext_bench.reports.schema.plan_times import DeviceMemory, Fault, Mode, Times, TorchChoice
from tests.reports.made_convs import made_convolution, made_convs

ROUNDS = 12
MEMORY = DeviceMemory(cache_bytes=2**26, measured=4.2e12, documented=4.8e12)
DRAW = np.random.default_rng(0)


def samples(us: float, noise: float = 0.0, rounds: int = ROUNDS) -> tuple[float, ...]:
    return tuple(float(us * (1 + noise * one)) for one in DRAW.standard_normal(rounds))


def made_timed_plan(number: int, us: float, noise: float = 0.0, **changes: Any) -> Plan:
    plan = Plan(
        tag=f"eng{number}_k2={number}",
        workspace=0,
        samples_us=samples(us, noise),
        warm_us=samples(0.8 * us, noise),
        error=1e-3,
        kernel=f"kernel{number}",
        kernels=(f"kernel{number}",),
    )
    return msgspec.structs.replace(plan, **changes)


def made_choice(mode: Mode, number: int, us: float, kernel: int, **changes: Any) -> TorchChoice:
    times = Times(
        samples_us=samples(us),
        warm_us=samples(0.8 * us),
        error=1e-3,
        kernel=f"kernel{kernel}",
        kernels=("Memset (Device)", f"kernel{kernel}"),
    )
    choice = TorchChoice(mode=mode, number=number, search_s=0.5, times=times)
    return msgspec.structs.replace(choice, **changes)


def made_choices(off: float = 220.0, limited: float = 200.0) -> tuple[TorchChoice, ...]:
    return (
        made_choice("off", 1, off, 1),
        made_choice("limit 10", 1, limited, 2),
        made_choice("no limit", 1, 100.0, 3),
        made_choice("limit 10", 2, limited, 2),
    )


FAULTY = (
    Plan(tag="eng9_k1", faults=(Fault(kind="unbuilt", said="not supported"),)),
    Plan(tag="eng8_k1", workspace=2**40, faults=(Fault(kind="no_memory"),)),
)


def made_problem(convolution: int = 0, **changes: Any) -> Problem:
    """PyTorch takes 200 µs, and the third of its plans 100."""
    problem = Problem(
        convolution=convolution,
        operation="forward",
        plans=(
            *(made_timed_plan(1, 220.0), made_timed_plan(2, 200.0), made_timed_plan(3, 100.0)),
            *FAULTY,
        ),
        choices=made_choices(),
        sets=2,
    )
    return msgspec.structs.replace(problem, **changes)


def made_plan_times(problems: Sequence[Problem] | None = None, **changes: Any) -> Convs:
    every = [made_problem(at, operation=operation) for at in (0, 1) for operation in OPERATIONS]
    return made_convs(
        **{
            "task": "time",
            "memory": MEMORY,
            "problems": tuple(every if problems is None else problems),
            "convolutions": (
                made_convolution(layout="nhwc"),
                made_convolution(layers=("layer2.0.conv2",), layout="nhwc"),
            ),
        }
        | changes
    )
