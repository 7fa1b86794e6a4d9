"""The device and its rates: clocks, bandwidth, matrix products."""

import base64
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import torch

from resnext_bench.convs.measuring.checks import TYPES, is_right, off, set_precision
from resnext_bench.convs.measuring.choices import settle
from resnext_bench.lab.visit.tasks import Box, Findings, Planned, Skip
from resnext_bench.lab.visit.turns import Call, Side, take_turns, times_in
from resnext_bench.resnext.traffic import Dtype

ROWS: Final = 64
"""Number of rows of a product that are compared with float64."""
_TOLD: Final = (
    *("name", "total_memory", "multi_processor_count", "L2_cache_size", "warp_size"),
    *("major", "minor", "clock_rate", "memory_clock_rate", "memory_bus_width"),
)


def tasks(box: Box) -> list[Planned]:
    """Return the tasks in order of value."""
    device = torch.device(box.kind)
    return [
        Planned(key="facts", run=lambda f: _facts(f, device), room_s=box.room_s(1, 0.2)),
        Planned(key="properties", run=lambda f: _properties(f, device), room_s=box.room_s(1, 0.2)),
        Planned(key="copy", run=lambda f: _copy(box, f, device), room_s=box.room_s(8, 1)),
        Planned(key="products", run=lambda f: _products(box, f, device), room_s=box.room_s(14, 1)),
        Planned(key="load", run=lambda f: _load(box, f, device), room_s=box.room_s(4, 0.5)),
    ]


def _facts(findings: Findings, device: torch.device) -> None:
    found: dict[str, Any] = {"threads": torch.get_num_threads()}
    if device.type == "cuda":
        told = torch.cuda.get_device_properties(device)
        found = {name: getattr(told, name) for name in _TOLD if hasattr(told, name)}
        found["free_memory"], _ = torch.cuda.mem_get_info(device)
    findings.found |= found


def _copy(box: Box, findings: Findings, device: torch.device) -> None:
    """Time copies of noise in bytes read and written; memory may compress what repeats."""
    count = box.sizes.copy_bytes // 4
    source = torch.randn(count, device=device)
    target = torch.full_like(source, float("nan"))
    part = count // 8
    sides = [
        _moving("copy", lambda: target.copy_(source), 2 * 4 * count, box, device),
        _moving("copy, 1/8", lambda: target[:part].copy_(source[:part]), 8 * part, box, device),
        _moving("write", lambda: target.fill_(1.0), 4 * count, box, device),
        _moving("read", source.sum, 4 * count, box, device),
    ]
    _require_copied(findings, source, target)
    take_turns(sides, "bytes", box, findings, device)
    _require_copied(findings, source, target)


def _moving(name: str, call: Call, bytes_: int, box: Box, device: torch.device) -> Side:
    train = _often(call)
    count = times_in(train, box.sizes.block_s / 2, device)
    return Side(name=name, train=train, count=count, units=bytes_)


def _often(call: Call) -> Callable[[int], None]:
    def train(count: int) -> None:
        for _ in range(count):
            call()

    return train


def _require_copied(findings: Findings, source: torch.Tensor, target: torch.Tensor) -> None:
    target.fill_(float("nan"))
    target.copy_(source)
    if not torch.equal(source, target):
        findings.wrong.append("copy: what was copied is not what was there")


def _products(box: Box, findings: Findings, device: torch.device) -> None:
    """Time products of square matrices of noise: with constants a GPU draws less power."""
    findings.found |= {"edge": box.sizes.edge, "off": {}}
    sides = [_product(dtype, box, findings, device) for dtype in TYPES]
    take_turns(sides, "FLOP", box, findings, device)


def _product(dtype: Dtype, box: Box, findings: Findings, device: torch.device) -> Side:
    edge = box.sizes.edge
    generator = torch.Generator(device).manual_seed(0)
    a, b = (
        torch.randn(edge, edge, device=device, generator=generator).to(TYPES[dtype])
        for _ in range(2)
    )
    c = torch.full_like(a, float("nan"))
    train = _often(lambda: torch.mm(a, b, out=c))
    set_precision(dtype)
    train(1)
    error = off(c[:ROWS], a[:ROWS].double() @ b.double())
    findings.found["off"][dtype] = error
    if not is_right(error, dtype):
        findings.wrong.append(f"product in {dtype}: off by {error:.1e} of float64's")
    return Side(
        name=dtype,
        train=train,
        count=times_in(train, box.sizes.block_s, device),
        units=2 * edge**3,
        before=lambda: set_precision(dtype),
    )


def _load(box: Box, findings: Findings, device: torch.device) -> None:
    """Store what the driver reports while the GPU is fully busy."""
    edge = box.sizes.edge
    a, b = (torch.randn(edge, edge, device=device).to(torch.bfloat16) for _ in range(2))
    _busy(a, b, box.sizes.load_s / 4)  # or the first look would find it idle
    with findings.watched():
        products, took = _busy(a, b, box.sizes.load_s)
    findings.found |= {"products": products, "seconds": round(took, 3), "edge": edge}


def _busy(a: torch.Tensor, b: torch.Tensor, seconds: float) -> tuple[int, float]:
    """Multiply for a number of seconds; return how often, and the time it took."""
    products, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        torch.mm(a, b)
        settle(a.device)
        products += 1
    return products, time.monotonic() - begun


def _properties(findings: Findings, device: torch.device) -> None:
    """Store the description by which cuDNN's frontend can plan without a GPU."""
    if device.type != "cuda":
        raise Skip("a GPU's properties, and this is none")
    if find_spec("cudnn") is None:
        raise Skip("nvidia-cudnn-frontend is not installed")
    import cudnn  # noqa: PLC0415  (where it is installed)

    told = bytes(cudnn.create_device_properties(device.index or 0).serialize())
    try:
        findings.found["properties"] = told.decode()
    except UnicodeDecodeError:
        findings.found["properties_base64"] = base64.b64encode(told).decode()
