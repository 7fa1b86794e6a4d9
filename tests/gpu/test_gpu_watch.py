"""The watch on a real GPU and its own driver: what it answers, and what asking costs."""

import time

import pytest
import torch

from resnext_bench.lab.bench.monitor import LIMIT_PERCENT, own_cost
from resnext_bench.launch.watch import POLL_S
from resnext_bench.machine.gpu.boards import read_boards
from resnext_bench.machine.gpu.monitor import monitor
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.machine import GpusSeen, known

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]


def busy(watch: GpuWatch, seconds: float) -> None:
    """Multiply matrices, and look twice a second."""
    one = torch.randn(4096, 4096, device="cuda")
    watch.start()
    begun = looked = time.monotonic()
    while time.monotonic() - begun < seconds:
        one @ one
        torch.cuda.synchronize()
        if time.monotonic() - looked >= POLL_S:
            looked += POLL_S
            watch.sample()


def seen() -> GpusSeen:
    with monitor() as driver:
        watch = open_watch(driver, [0])
        watch.note_residents()
        busy(watch, 5.0)
        found = watch.report()
    assert found.seen is not None
    assert (found.lost_gpus, found.tells_reasons) == ((), True)
    return found.seen


def test_answers_are_of_the_right_size() -> None:
    found = seen()
    _, (board, *_) = read_boards()
    (clock,), (power,), (heat,) = (
        known(column) for column in (found.sm_mhz, found.power_w, found.temperature_c)
    )
    assert 100 < clock <= (board.sm_max_mhz or clock)
    assert 20 < power <= 1.2 * (board.power_limit_w or power)
    assert 10 < heat < 100
    if found.energy_by == "counter":
        # The power of the driver is a mean over a second, and the first one was idle.
        assert found.mean_power_w == pytest.approx(power, rel=0.4)


def test_the_watch_costs_less_than_its_limit() -> None:
    source, cost = own_cost()
    assert source == "this machine's driver"
    assert cost.of_cores(inspect().usable_cores) < LIMIT_PERCENT
