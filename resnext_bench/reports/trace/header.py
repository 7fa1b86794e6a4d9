"""What the fields of a trace beside its rows say: which device, which rank."""

import ast
from collections.abc import Mapping
from typing import Any

from resnext_bench.reports.trace.reading.trace import Trace


def device_name(trace: Trace, device: int | None) -> str:
    """Return the name of a device, or of the only kind that there is; empty: it is not known.

    ROCm counts devices of rows from the first after the host's sockets (2 is GPU 0), and the names
    from 0: with several kinds in one machine its numbers say nothing.
    """
    told = _devices(trace.header)
    names = set(told.values())
    if len(names) == 1:
        return names.pop()
    if device in told and not _is_rocm(trace.header):
        return told[device]
    return trace.accelerator


def devices_named(header: Mapping[str, Any]) -> list[str]:
    """Return the names of the devices of the machine, each once."""
    return sorted(set(_devices(header).values()))


def _devices(header: Mapping[str, Any]) -> dict[object, str]:
    told = header.get("deviceProperties")
    known = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return {
        _hashable(one.get("id"), at): name
        for at, one in enumerate(known)
        if (name := text(one.get("name")))
    }


def _hashable(number: object, at: int) -> object:
    return number if isinstance(number, int) else f"no number, {at}"


def _is_rocm(header: Mapping[str, Any]) -> bool:
    return any(one.startswith(("roctracer", "rocprofiler", "hip_")) for one in header)


def distributed_info(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `distributedInfo`, which some versions write as Python's text instead of JSON."""
    told = header.get("distributedInfo")
    if isinstance(told, str):
        try:
            told = ast.literal_eval(told)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return {}
    return told if isinstance(told, dict) else {}


def whole_number(value: object) -> int | None:
    """Return a number; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(value: object) -> str | None:
    """Return a text that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None
