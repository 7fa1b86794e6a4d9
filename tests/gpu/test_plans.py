"""cuDNN's plans through its frontend, on a real GPU."""

from importlib.util import find_spec

import pytest
import torch

from resnext_bench.convs.measuring.checks import is_right, keep_memory
from resnext_bench.convs.measuring.device import Cuda
from resnext_bench.convs.measuring.frontend import Frontend
from resnext_bench.convs.measuring.problem import Wanted, time_problem
from resnext_bench.convs.plans.planning import device_here
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution
from resnext_bench.reports.schema.plan_times import NOT_TIMED
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype, Layout

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
    pytest.mark.skipif(find_spec("cudnn") is None, reason="nvidia-cudnn-frontend is not installed"),
]
GPU = torch.device("cuda", 0)
WANTED = Wanted(rounds=4, block_s=0.001, repeats=1)


def made(dtype: Dtype, layout: Layout, batch: int = 16) -> Convolution:
    return Convolution(
        layers=("given",),
        images=(batch, 256, 28, 28),
        filters=256,
        groups=32,
        kernel=(3, 3),
        stride=(1, 1),
        padding=(1, 1),
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize(
    ("dtype", "layout"), [("bf16", "nhwc"), ("bf16", "nchw"), ("fp32", "nhwc")]
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_plans_run_are_right_and_are_captured(
    dtype: Dtype, layout: Layout, operation: Operation
) -> None:
    import cudnn

    keep_memory()
    device = Cuda(GPU)
    frontend = Frontend(cudnn, device.stream)
    found = time_problem(made(dtype, layout), operation, WANTED, device, frontend)
    assert device.answers()
    good = [plan for plan in found.plans if not plan.times.faults]
    assert good, [plan.times.faults for plan in found.plans]
    for plan in good:
        assert plan.times.error is not None
        assert is_right(plan.times.error, dtype)
        assert len(plan.times.samples_us) == WANTED.rounds
        assert plan.times.kernels
        assert bool(plan.times.warm_us) == (found.sets > 1)
    for one in found.choices:
        assert not {fault.kind for fault in one.times.faults} & set(NOT_TIMED)
        assert one.times.kernels
    frontend.close()


def test_a_small_problem_has_sets_and_is_quicker_when_warm() -> None:
    import cudnn

    device = Cuda(GPU)
    frontend = Frontend(cudnn, device.stream)
    found = time_problem(made("bf16", "nhwc", batch=8), "forward", WANTED, device, frontend)
    assert found.sets > 1
    timed = [plan.times for plan in found.plans if plan.times.warm_us]
    assert min(min(one.warm_us) for one in timed) < 1.1 * min(min(one.samples_us) for one in timed)
    frontend.close()


def test_what_runs_without_a_search_has_the_kernels_of_a_plan() -> None:
    import cudnn

    device = Cuda(GPU)
    frontend = Frontend(cudnn, device.stream)
    found = time_problem(made("bf16", "nhwc"), "forward", WANTED, device, frontend)
    (off,) = [one for one in found.choices if one.mode == "off"]
    known = {name for plan in found.plans for name in plan.times.kernels}
    assert known & set(off.times.kernels)
    frontend.close()


def test_the_device_describes_itself() -> None:
    major, minor = torch.cuda.get_device_capability(GPU)
    assert device_here("--device cuda")["deviceVer"] == 100 * major + 10 * minor
