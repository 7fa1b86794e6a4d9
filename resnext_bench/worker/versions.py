"""Versions and device that a worker ran with."""

import sys
from importlib.metadata import PackageNotFoundError, version

import torch

from resnext_bench.machine.inventory import inspect


def versions() -> dict[str, str]:
    """Return versions that can change figures, by name; what is not installed is left out."""
    found = {"torch": str(torch.__version__), "cuda": torch.version.cuda or ""}
    if torch.backends.cudnn.is_available():
        found["cudnn"] = str(torch.backends.cudnn.version())
    if torch.cuda.is_available():
        found["nccl"] = ".".join(str(part) for part in torch.cuda.nccl.version())
    for module, packages in {"nvidia.dali": ("nvidia-dali-cuda130", "nvidia-dali-cuda120")}.items():
        if module in sys.modules:
            found["dali"] = next(filter(None, map(_version, packages)), "")
    for name in ("deepspeed", "torchvision", "timm"):
        if name in sys.modules:
            found[name] = _version(name)
    return {name: text for name, text in found.items() if text}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def device_name(device: torch.device) -> str:
    """Return the GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return inspect("cpu").cpu_name
