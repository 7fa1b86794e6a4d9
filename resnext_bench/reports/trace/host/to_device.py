"""Copies to the device by who asks for them: a program that hands over a batch, or an operator."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.copies import way
from resnext_bench.reports.trace.host.rows import callers
from resnext_bench.reports.trace.reading.trace import Kind

_BATCHES: Final = re.compile(r"$|aten::(to|_to_copy|copy_|cuda|pin_memory)$")


@dataclass(frozen=True, kw_only=True)
class ToDevice:
    """Copies of the used steps."""

    batches_ns: int
    """Durations added up, of what a program hands over."""
    pageable: int
    """How many of these copy pageable memory."""
    tensors_ns: int
    """Durations added up, of what operators are given on the host and copy themselves."""


def is_batch(operator: str) -> bool:
    """Return whether what this outermost operator copies is handed over, not needed by itself."""
    return bool(_BATCHES.match(operator))


def to_device(analysis: Analysis) -> ToDevice:
    """Return both."""
    trace, device, steps = analysis.trace, analysis.trace.device, analysis.steps
    used = np.append(steps.used, False)[steps.of_device] & (device.kind == Kind.COPY)
    rows = np.flatnonzero(used & (device.device == analysis.device))
    ways = {name: way(trace.names[name]) for name in np.unique(device.name[rows]).tolist()}
    names = [name for name, one in ways.items() if one.direction == "HtoD"]
    rows = rows[np.isin(device.name[rows], names)]
    caller = callers(trace, analysis.links, analysis.links.launch[rows])
    by = np.append(trace.host.name, np.int32(-1))[caller]
    handed = [one for one in np.unique(by).tolist() if one < 0 or is_batch(trace.names[one])]
    batches = rows[np.isin(by, handed)]
    pageable = [name for name, one in ways.items() if one.memory == "pageable"]
    batches_ns = int(device.duration[batches].sum())
    return ToDevice(
        batches_ns=batches_ns,
        pageable=int(np.isin(device.name[batches], pageable).sum()),
        tensors_ns=int(device.duration[rows].sum()) - batches_ns,
    )
