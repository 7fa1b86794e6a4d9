"""A record of convolutions, as `convs plan` writes it."""

from typing import Any

import msgspec

from resnext_bench.reports.schema.convs import (
    Convolution,
    Convs,
    Plan,
    PlannedDevice,
    Problem,
    TorchSettings,
    wrong_results,
)
from tests.reports.made_results import made_record

CONVS_ID = "20260302-101500-convs_resnext50_32x4d-c04f"


def made_convolution(**changes: Any) -> Convolution:
    conv = Convolution(
        layers=("layer1.0.conv2", "layer1.1.conv2"),
        images=(256, 128, 56, 56),
        filters=128,
        groups=32,
        kernel=(3, 3),
        stride=(1, 1),
        padding=(1, 1),
        dtype="bf16",
        layout="nchw",
    )
    return msgspec.structs.replace(conv, **changes)


def made_plans(**first: Any) -> tuple[Plan, ...]:
    best = Plan(tag="eng22_k2=5", workspace=411_051_024, notes=("tensor_core",))
    return (
        msgspec.structs.replace(best, **first),
        Plan(tag="eng67_k2=2", workspace=822_102_163, notes=("tensor_core",)),
        Plan(tag="eng5", excluded="unbuilt", why="not supported"),
        Plan(tag="eng0", source="fallback", workspace=0, notes=("nondeterministic",)),
    )


def made_problem(**changes: Any) -> Problem:
    problem = Problem(convolution=0, operation="forward", plans=made_plans())
    return msgspec.structs.replace(problem, **changes)


def made_convs(**changes: Any) -> Convs:
    operations = ("forward", "input gradient", "weight gradient")
    record = Convs(
        id=CONVS_ID,
        status="ok",
        tool_version="0.1.0",
        created="2026-03-02T10:15:00+00:00",
        duration_s=1.5,
        command=("convs", "plan", "resnext50_32x4d"),
        model="resnext50_32x4d",
        device=PlannedDevice(
            name="NVIDIA H200",
            source="h200",
            fields={"deviceName": "NVIDIA H200", "deviceVer": 900, "maxBlockSize": [1024, 64]},
            assumed=("driverVer",),
        ),
        libraries={"cudnn": "9.26.0", "cudnn-frontend": "1.28.0"},
        settings=TorchSettings(
            torch="2.15.0", benchmark_limit=2, deterministic=False, rules=1, rules_from="torch"
        ),
        convolutions=(made_convolution(), made_convolution(layers=("layer2.0.conv2",))),
        problems=tuple(
            made_problem(convolution=at, operation=operation)  # type: ignore[arg-type]
            for at in (0, 1)
            for operation in operations
        ),
        environment=made_record().environment,
    )
    changed = msgspec.structs.replace(record, **changes)
    return msgspec.structs.replace(changed, wrong=wrong_results(changed.problems))
