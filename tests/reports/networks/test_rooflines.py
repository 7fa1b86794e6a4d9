"""The table of floors: rows, sums, and what follows for MFU."""

import pytest

from resnext_bench.reports.networks.rooflines import roofline
from resnext_bench.reports.schema.networks import Roofline
from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.roofline import Roof, layer_work, optimizer_work


def found(name: str = "resnext50_32x4d", tflops: float = 989.4, gb: float = 4300.0) -> Roofline:
    return roofline(
        draw(parse(name), 224),
        Roof(flop_per_s=tflops * 1e12, bytes_per_s=gb * 1e9),
        model=name,
        form="c",
        batch=256,
        dtype="bf16",
        layout="nhwc",
        device="a device",
        source="its data sheet",
    )


def test_rows_hold_every_layer_once() -> None:
    layers = [layer.name for layer in draw(parse("resnext50_32x4d"), 224)]
    rows = [name for row in found().rows for name in row.layers]
    assert sorted(rows) == sorted(layers)


def test_a_step_is_its_rows_and_the_optimizer() -> None:
    table = found()
    total_us = sum(row.total_us for row in table.rows) + table.optimizer_us
    assert table.step_ms == pytest.approx(total_us / 1e3)
    assert table.images_per_s == pytest.approx(256 / (table.step_ms / 1e3))
    work = layer_work(draw(parse("resnext50_32x4d"), 224), 256, "bf16")
    roof = Roof(flop_per_s=989.4e12, bytes_per_s=4.3e12)
    seconds = sum(one.seconds(roof) for one in work)
    optimizer = optimizer_work(draw(parse("resnext50_32x4d"), 224)).seconds(roof)
    assert table.step_ms == pytest.approx(1e3 * (seconds + optimizer))


def test_the_grouped_convolution_of_the_first_stage() -> None:
    row = next(row for row in found().rows if row.shape == "3x3 g32" and row.reads == "128 @ 56")
    assert (row.kind, row.gives, len(row.layers), row.bound) == ("conv", "128 @ 56", 3, "memory")
    assert row.forward_us == pytest.approx(95.6, abs=0.05)
    assert row.total_us == pytest.approx(3 * 3 * 95.6, abs=0.5)
    flop = 2 * 9 * 4 * 128 * 56 * 56 * 256
    assert row.flop_per_byte == pytest.approx(flop / (2 * 2 * 128 * 56 * 56 * 256), rel=0.001)


def test_mfu_at_most() -> None:
    table = found()
    products_ms = 1e3 * 256 * total_flops(draw(parse("resnext50_32x4d"), 224)).total / 989.4e12
    assert table.products_ms == pytest.approx(products_ms)
    assert table.mfu_percent == pytest.approx(100 * products_ms / table.step_ms)


def test_memory_that_costs_nothing_leaves_products() -> None:
    fast = found(gb=1e9)
    assert fast.mfu_percent == pytest.approx(100, abs=0.01)
    assert fast.memory_bound_percent < 0.01
    slow = found(tflops=1e9)
    assert slow.memory_bound_percent == pytest.approx(100)
    assert {row.bound for row in slow.rows} == {"memory"}
