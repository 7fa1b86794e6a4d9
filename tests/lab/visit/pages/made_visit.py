"""Results of a visit made by hand: of a GPU that there is not, with numbers that could be."""

from typing import Any, Final

import msgspec
import numpy as np

from resnext_bench.lab.visit.results import Facts, PartResult, Results, Task, Visit
from resnext_bench.reports.schema.machine import Board, GpusSeen
from tests.lab.visit.pages.made import DATE, contest, part, task, training_task
from tests.lab.visit.pages.made_convs import made_convs

FLOP_PER_S: Final = {"bf16": 6.9e14, "fp16": 7.0e14, "tf32": 3.6e14, "fp32": 5.1e13}
RATES: Final = {
    "bf16 NHWC": 1950.0,
    "bf16 NCHW": 1210.0,
    "fp16 NHWC": 1957.0,
    "TF32 NHWC": 1130.0,
    "fp32 NHWC": 610.0,
}
SPEED: Final = {
    "resnext50_32x4d": 1.0,
    "resnext101_32x4d": 0.57,
    "resnext101_32x8d": 0.36,
    "resnet50": 1.52,
}
"""Times as fast as the first."""


def made_results(**changes: Any) -> Results:
    """A whole visit; parts can be replaced."""
    parts = {
        "tests": part({"pytest": _tests()}),
        "device": part(_device()),
        "training": part(
            _training(),
            ("types/resnext101_32x8d/256", "peers/resnet50/256/bf16 NHWC"),
            "its time was over",
        ),
        "kernels": part({"resnext50_32x4d": _kernels(), "resnet50": _kernels(0.62)}),
        "convs": part(made_convs()),
        "trust": part(_trust()),
    }
    return Results(
        date=DATE[:10],
        facts=made_facts(),
        visits=(Visit(started=DATE, minutes=8.0, revision="0123456789ab"),),
        parts=parts | changes,
    )


def made_facts(kind: str = "cuda") -> Facts:
    return Facts(
        device="NVIDIA H100 80GB HBM3" if kind == "cuda" else "Example CPU",
        kind=kind,  # type: ignore[arg-type]
        cpu="Example CPU",
        cores=16,
        memory_gib=128.0,
        kernel="6.1",
        versions={
            "torch": "2.15.0+cu132",
            "cuda": "13.2",
            "driver": "590.10",
            "nvidia-cudnn-cu13": "9.26.0.51",
            "triton": "3.9.0",
            "timm": "1.0.31",
            "torchvision": "0.29.2",
        },
        boards=(
            Board(gpus=(0,), sm_max_mhz=1980, power_limit_w=700.0, default_limit_w=700.0, ecc=True),
        )
        if kind == "cuda"
        else (),
    )


def small(results: Results) -> Results:
    """The same numbers, as if of a CPU."""
    return msgspec.structs.replace(results, facts=made_facts("cpu"))


def empty() -> Results:
    """Begun, and ended at once."""
    return made_results(**dict.fromkeys(made_results().parts, PartResult()))


def cut() -> Results:
    """Two rounds of one contest, one of another, a task that failed and one that was killed."""
    one = training_task({"ours": 1950.0, "timm": 1890.0}, {"ours": {}, "timm": {}})
    one.found["seconds"] = one.found["seconds"][:1]
    two = training_task(RATES, {name: {"type": name} for name in RATES}, state="cut")
    two.found["seconds"] = two.found["seconds"][:2]
    tasks = {
        "types/resnext50_32x4d/256": two,
        "peers/resnext50_32x4d/256/bf16 NHWC": one,
        "models/256/bf16 NHWC": Task(state="failed", date=DATE, why="RuntimeError: CUDA error <x>"),
        "models/256/fp16 NHWC": Task(state="running", date=DATE),
    }
    gone = dict.fromkeys(("tests", "device", "kernels", "convs", "trust"), PartResult())
    return made_results(**gone, training=part(tasks, ("types/resnet50/256",), "interrupted"))


def _tests() -> Task:
    return task(
        {
            "passed": [f"tests/gpu/test_loaders.py::test_types[{case}]" for case in range(90)],
            "failed": {},
            "skipped": {"2 GPUs are needed": 4},
        }
    )


def _device() -> dict[str, Task]:
    moved = {"copy": 2.85e12, "copy, 1/8": 2.71e12, "write": 3.0e12, "read": 2.9e12}
    seen = GpusSeen(
        index=(0,),
        samples=(7,),
        sm_mhz=(1590.0,),
        sm_least_mhz=(1485.0,),
        sm_most_mhz=(1980.0,),
        power_w=(672.0,),
        power_peak_w=(699.0,),
        temperature_c=(64.0,),
        reasons_percent={"power cap": (86.0,)},
    )
    capped = ("clocks moved between 1,485 and 1,980 MHz", "power cap in 86 % of the samples")
    products = contest("FLOP", FLOP_PER_S, seed=3)
    off = {"bf16": 1.7e-3, "fp16": 2.1e-4, "tf32": 2.5e-4, "fp32": 3.1e-7}
    return {
        "facts": task({"total_memory": 85_000_000_000, "multi_processor_count": 132}),
        "copy": task(contest("bytes", moved, seed=2)),
        "products": task(products | {"edge": 8192, "off": off}, notes=capped),
        "load": task({"products": 1800, "seconds": 3.0, "edge": 8192}, seen=seen),
        "properties": Task(state="skipped", date=DATE, why="nvidia-cudnn-frontend is missing"),
    }


def _training() -> dict[str, Task]:
    found: dict[str, Task] = {}
    for seed, (model, speed) in enumerate(list(SPEED.items())[:2], 10):
        rates = {name: rate * speed for name, rate in RATES.items()}
        left_out = {} if seed == 10 else {"fp32 NHWC": "out of memory"}
        rates = {name: rate for name, rate in rates.items() if name not in left_out}
        cells = {name: {"model": model, "type": name} for name in rates}
        found[f"types/{model}/256"] = training_task(rates, cells, left_out, seed)
    capped = ("power cap in 71 % of the samples",)
    models = {name: 1950 * speed for name, speed in SPEED.items()}
    found["models/256/bf16 NHWC"] = training_task(
        models, {name: {"model": name} for name in models}, seed=20, notes=capped
    )
    rivals = {"ours": 1950.0, "torchvision": 1946.0, "timm": 1893.0}
    compilers = {"compilers": ("compile", 2410.0), "autotune": ("max-autotune", 2440.0)}
    first = {"eager": 1.9, "compile": 41.0, "max-autotune": 163.0}
    sources = {name: {"source": name} for name in rivals}
    found["peers/resnext50_32x4d/256/bf16 NHWC"] = training_task(rivals, sources, seed=30)
    for kind, (mode, rate) in compilers.items():
        compiled: dict[str, dict[str, Any]] = {
            name: {"compiler": name, "first_s": first[name]} for name in ("eager", mode)
        }
        found[f"{kind}/resnext50_32x4d/256/bf16 NHWC"] = training_task(
            {"eager": 1950.0, mode: rate}, compiled, seed=40
        )
    return found


def _kernels(times: float = 1.0) -> Task:
    step_ns = int(131.9e6 * times)
    classes = {
        **{"conv forward": 0.13, "conv input gradient": 0.15, "conv weight gradient": 0.21},
        **{"normalisation": 0.24, "elementwise": 0.19, "copy": 0.011, "optimizer": 0.004},
        **{"pooling": 0.012, "layout transform": 0.006, "matrix product": 0.003},
    }
    report = {
        "on": "NVIDIA H100 80GB HBM3",
        "trust": {"steps_used": 2},
        "sums": {"step_ns": 2 * step_ns},
        "classes": [{"class": name, "share": share} for name, share in classes.items()],
        "layout": {"share_of_step": 0.006},
        "tensor_cores": {
            "eligible_ns": step_ns,
            "used_ns": int(0.83 * step_ns),
            "not_used_ns": int(0.17 * step_ns),
            "unknown_ns": 0,
        },
        "idle": [{"cause": "host between launches", "share": 0.044}],
        "warnings": [],
    }
    ms = 131.3 * times
    found: dict[str, Any] = {
        "batch": 256,
        "type": "bf16 NHWC",
        "step_ms": ms,
        "profiled_ms": ms * 1.012,
    }
    return task(found | {"trace": "resnext50_32x4d-bf16.json.gz", "report": report})


def _trust() -> dict[str, Task]:
    random = np.random.default_rng(7)
    sessions = [
        [[0.4 * float(np.exp(x)), 0.4] for x in random.normal(0.001, 0.002, 20)] for _ in range(3)
    ]
    change = {"percent": 0.11, "low_percent": -0.4, "high_percent": 0.6, "confidence_percent": 99.0}
    record = {"verdict": "same", "status": "ok", "why": "", "change": change, "pairs": [{}, {}, {}]}
    nodes: dict[str, Any] = {
        "figures": {"images_per_s": 1880.0, "data_wait_ms": 0.02},
        "status": "ok",
    }
    return {
        "fidelity/synthetic-1": task({"sessions": sessions, "steps": 10}),
        "monitor": task({"core_percent": 0.61, "gpus": 1, "source": "NVML", "cores": 16}),
        "duet": task({"record": record}),
        "nodes": task({"record": nodes}),
        "dali/mixed": task({"images_per_s": 1710.0, "data_wait_ms": 14.2}),
    }
