"""What a device's tensor cores take, as far as its name and the trace's header tell."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.resnext.devices import recognised

_NVIDIA: Final = re.compile(r"NVIDIA|Tesla|Quadro|GeForce|RTX|TITAN")
_BEFORE_AMPERE: Final = re.compile(
    r"V100|\bT4\b|TITAN (V|RTX)|Quadro (GV|RTX)|RTX 20\d\d|T4G|Quadro T\d|\bT(400|600|1000|1200)\b"
)
"""Volta and Turing: their tensor cores know fp16 alone."""
_VOLTA, _AMPERE = 7, 8
"""Major numbers of compute capability."""


@dataclass(frozen=True, kw_only=True)
class Cores:
    """Types that they take, of those that replace fp32."""

    any: bool
    tf32: bool = False
    half: Literal["bf16", "fp16", ""] = ""
    """The best type of two bytes; empty: not known."""


def tensor_cores(report: TraceReport, analysis: Analysis) -> Cores:
    """Return what is known; where nothing is, kernels that use them show that there are some."""
    if known := recognised(report.on):
        faster = {kind for kind, rate in known.tflops.items() if rate > known.tflops["fp32"]}
        half: Literal["bf16", "fp16", ""] = (
            "bf16" if "bf16" in faster else "fp16" if "fp16" in faster else ""
        )
        return Cores(any=bool(faster & {"tf32", "fp16"}), tf32="tf32" in faster, half=half)
    major = _major(report, analysis)
    if _NVIDIA.search(report.on) and not re.search(r"GTX", report.on) and major is not None:
        newer = major >= _AMPERE
        return Cores(any=major >= _VOLTA, tf32=newer, half="bf16" if newer else "fp16")
    used = bool(report.tensor_cores and report.tensor_cores.used_ns)
    return Cores(any=used, half="fp16" if _BEFORE_AMPERE.search(report.on) else "")


def _major(report: TraceReport, analysis: Analysis) -> int | None:
    told = analysis.trace.header.get("deviceProperties")
    majors = [
        one.get("computeMajor")
        for one in (told if isinstance(told, list) else [])
        if isinstance(one, dict) and one.get("id") == report.device
    ]
    return majors[0] if majors and isinstance(majors[0], int) else None
