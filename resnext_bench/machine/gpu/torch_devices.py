"""Asks torch for its GPUs, in a process of its own: this program loads no torch before a run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from resnext_bench.machine.gpu.attachment import Attachment
from resnext_bench.machine.gpu.facts import GpuFacts
from resnext_bench.machine.gpu.vendors import VENDORS, Vendor

_PATIENCE_S: Final = 120.0
"""Seconds that torch may take: its files may come from a slow disk."""
_QUESTION: Final = """
import json, sys
try:
    import torch
except Exception as error:
    print(json.dumps({"why": f"torch cannot be imported: {error}"}))
    sys.exit()
runtime = next((one for one in sys.argv[1:] if getattr(torch.version, one, None)), "")
if not runtime:
    print(json.dumps({"why": f"PyTorch {torch.__version__} is built for CPUs"}))
    sys.exit()
try:
    torch.cuda.init()
    count = torch.cuda.device_count()
    found = [torch.cuda.get_device_properties(index) for index in range(count)]
except Exception as error:
    print(json.dumps({"why": str(error)}))
    sys.exit()
print(json.dumps({"runtime": runtime, "devices": [
    {"name": one.name, "bytes": one.total_memory, "uuid": str(getattr(one, "uuid", "")),
     "capability": [one.major, one.minor],
     "bus": [getattr(one, f"pci_{part}_id", None) for part in ("domain", "bus", "device")]}
    for one in found
]}))
"""
Answer = tuple[GpuFacts, ...] | str
"""The GPUs that torch can use, or why it cannot use any."""


def ask_torch() -> Answer:
    """Return the GPUs that torch lists, in NVML's order, or why there are none."""
    try:
        answer = subprocess.run(
            (sys.executable, "-P", "-c", _QUESTION, *(one.runtime for one in VENDORS)),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
            env=os.environ | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"torch did not answer: {error}"
    return read_answer(answer.stdout, answer.stderr)


def read_answer(out: str, errors: str) -> Answer:
    """Read the last line of the answer; a crash leaves none."""
    lines = out.strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        last = errors.strip().splitlines()
        return f"torch ended without an answer: {last[-1] if last else 'it said nothing'}"
    if why := found.get("why"):
        return _first_sentence(str(why))
    devices, runtime = found["devices"], found["runtime"]
    vendor = next(one for one in VENDORS if one.runtime == runtime)
    facts = tuple(_facts(vendor, device) for device in devices)
    return facts or "torch lists no GPU"


def _first_sentence(text: str) -> str:
    """Return what is wrong; PyTorch adds advice, which the program gives itself."""
    line = " ".join(text.partition("\n")[0].split())
    return re.split(r"\.\s+(?=[A-Z])", line, maxsplit=1)[0].rstrip(".")


def _facts(vendor: Vendor, device: dict[str, Any]) -> GpuFacts:
    """Return a GPU; where no capability says so, all that PyTorch is built for multiply bf16."""
    return GpuFacts(
        name=device["name"],
        vendor=vendor,
        memory_gib=device["bytes"] / 2**30,
        capability=tuple(device["capability"]) if vendor.has_capability else None,
        bf16=None if vendor.has_capability else True,
        uuid=_with_prefix(device["uuid"]),
        attachment=Attachment(address=_address(device.get("bus", ()))),
    )


def _address(bus: Sequence[int | None]) -> str:
    """Return an address as the kernel writes it, where this release of torch reports one."""
    numbers = [part for part in bus if part is not None]
    return "{:04x}:{:02x}:{:02x}.0".format(*numbers) if len(numbers) == 3 else ""


def _with_prefix(uuid: str) -> str:
    """Return a UUID as CUDA_VISIBLE_DEVICES takes it; torch leaves the prefix of a board out."""
    return uuid if not uuid or uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
