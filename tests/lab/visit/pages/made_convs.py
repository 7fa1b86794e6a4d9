"""Grouped convolutions of a made visit: a shape in each stage, with choices that are not stable."""

from typing import Any, Final

import numpy as np

from resnext_bench.lab.visit.results import Task

SHAPES: Final = (
    (128, 56, 1, 3),
    (256, 56, 2, 1),
    (256, 28, 1, 3),
    (512, 14, 1, 5),
    (1024, 7, 1, 2),
)
"""Channels, edge, stride, and layers of that shape."""
OVER: Final = {"forward": 1.6, "input gradient": 2.1, "weight gradient": 4.4}
"""Times the floor in NHWC at the first shape."""
NAMES: Final = {"forward": "fprop", "input gradient": "dgrad", "weight gradient": "wgrad"}
KERNEL: Final = (
    "sm80_xmma_{}_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x64x32_stage3_"
    "warpsize2x2x1_g{}_tensor16x8x16_kernel"
)
MODES: Final = (("off", 1.5), ("limit 10", 1.04), ("no limit", 1.0))


def made_convs(choices: int = 3) -> dict[str, Task]:
    return {
        f"bf16/{channels}@{size}{f'/{stride}' if stride > 1 else ''}": _layer(
            channels, size, stride, count, choices
        )
        for channels, size, stride, count in SHAPES
    }


def _layer(channels: int, size: int, stride: int, count: int, choices: int) -> Task:
    random = np.random.default_rng(channels + size)
    moved = 2 * 256 * channels * (size**2 + (size // stride) ** 2)
    times: dict[str, float] = {}
    told: dict[str, dict[str, Any]] = {}
    for direction, over in OVER.items():
        for layout, tax in (("NHWC", 1.0), ("NCHW", 1.7 if channels < 1024 else 0.93)):
            for mode, slower in MODES:
                for choice in range(1, 1 + (1 if mode == "off" else choices)):
                    name = f"{direction} {layout} {mode} {choice}"
                    # One choice in a while is another kernel, and slower.
                    other = mode == "limit 10" and choice == 2 and channels < 300
                    times[name] = moved / 2.85e12 * over * (600 / (500 + channels)) * tax * slower
                    times[name] *= 1.3 if other else 1.0
                    told[name] = {
                        "direction": direction,
                        "layout": layout,
                        "mode": mode,
                        "choice": choice,
                        "kernels": [[KERNEL.format(NAMES[direction], 8 if other else 4), 900]],
                        "search_s": 0.0 if mode == "off" else 0.21 if mode == "limit 10" else 0.6,
                        "off": 1.9e-3,
                        "poisoned": False,
                    }
    seconds = np.array(list(times.values())) * np.exp(random.normal(0, 0.004, (6, len(times))))
    layer = {"channels": channels, "size": size, "stride": stride, "groups": 32, "batch": 256}
    found = {
        "type": "bf16",
        "layer": layer | {"names": [f"layer1.{place}.conv2" for place in range(count)]},
        "bytes": dict.fromkeys(OVER, moved),
        "flop": 2 * 256 * channels * 4 * 9 * (size // stride) ** 2,
        "unit": "calls",
        "sides": list(times),
        "units": [1] * len(times),
        "seconds": seconds.round(9).tolist(),
        "choices": told,
        "left_out": {},
    }
    return Task(state="done", date="2026-03-01T10:20:00+00:00", found=found)
