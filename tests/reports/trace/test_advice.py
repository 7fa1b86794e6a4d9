"""What to change first: each kind by a trace that shows it, bounds that hold, no contradictions."""

from pathlib import Path

import pytest

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice, AdviceKind
from resnext_bench.reports.trace.advice import LEAST, MOST
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made

TENSOR = "sm80_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x32"
SGEMM = "ampere_sgemm_128x64_nn"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float> >(int)"
NORM = "void at::native::batch_norm_collect_statistics_kernel<float, float>(int)"
NCCL = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
LAYOUT = "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(int)"
A100 = {"deviceProperties": [{"id": 0, "name": "NVIDIA A100-SXM4-40GB", "computeMajor": 8}]}
GTX = {"deviceProperties": [{"id": 0, "name": "NVIDIA GeForce GTX 1080", "computeMajor": 6}]}
K = AdviceKind


def reported(made: Made, folder: Path) -> TraceReport:
    found = report(analyse(made.write(folder)))
    assert len(found.advice) <= MOST
    gains = [one.gain_ns for one in found.advice]
    assert gains == sorted(gains, reverse=True)
    for one in found.advice:
        assert one.gain_ns <= found.sums.step_ns
        assert one.share >= LEAST or one.kind is K.UNTRUSTED
        assert one.share == pytest.approx(one.gain_ns / found.sums.step_ns)
    return found


def kinds(made: Made, folder: Path) -> list[AdviceKind]:
    return [one.kind for one in reported(made, folder).advice]


def only(made: Made, folder: Path) -> Advice:
    (one,) = reported(made, folder).advice
    return one


def step(header: dict[str, object] | None = None) -> Made:
    """A step that begins at 0 with a kernel on tensor cores; it ends with its work."""
    return Made(header=dict(header or {})).step(0, 0, 2000).kernel(TENSOR, 0, 10, called=0.0)


def launched_late(count: int = 40) -> Made:
    """Kernels of 4 us, 25 us apart: the device waits for each launch."""
    made = step()
    for at in range(1, count):
        made.kernel(TENSOR, 25.0 * at, 4)
    return made


def busy(kernel: str, part: float, header: dict[str, object] | None = None) -> Made:
    """A device that is never idle; so much of a step of 1000 us is this kernel."""
    made = step(header)
    made.kernel(TENSOR, 10, 990 - part, called=1.0)
    return made.kernel(kernel, 1000 - part, part, called=2.0)


def test_a_busy_device_on_tensor_cores_needs_nothing(tmp_path: Path) -> None:
    assert kinds(busy(TENSOR, 500), tmp_path) == []


def test_launches_one_by_one(tmp_path: Path) -> None:
    found = reported(launched_late(), tmp_path)
    (one,) = found.advice
    assert one.kind is K.LAUNCHES
    assert one.gain_ns == sum(found.steps.idle_ns)
    assert (one.evidence["median_ns"], one.evidence["kernels"]) == (4000, 40)
    assert (one.evidence["operators"], one.evidence["calls_ns"]) == (0, 40_000)


def test_operators_of_threads_that_launch(tmp_path: Path) -> None:
    """One within another counts, but its time once; threads that launch nothing do not count."""
    made = launched_late().op("aten::linear", 20, 15).op("aten::addmm", 21, 10)
    made.op("aten::add", 50, 20).op("aten::stack", 50, 900, tid=300)
    one = only(made, tmp_path)
    assert (one.evidence["operators"], one.evidence["operators_ns"]) == (3, 35_000)


def test_launches_of_what_is_compiled_and_of_graphs(tmp_path: Path) -> None:
    made = launched_late().kernel("triton_poi_fused_add_0", 995, 4)
    graph = made.launch(1008, name="cudaGraphLaunch")
    one = only(made.on_gpu("kernel", TENSOR, 1020, 4, graph), tmp_path)
    assert (one.kind, one.evidence["compiled"], one.evidence["graphs"]) == (K.LAUNCHES, 1, 1)


def test_kernels_that_begin_late_are_no_matter_of_the_host(tmp_path: Path) -> None:
    """All are launched in the first 40 us, and 6 us pass between each two of them."""
    made = step()
    for at in range(1, 40):
        made.kernel(TENSOR, 16.0 * at, 10, called=float(at))
    one = only(made, tmp_path)
    assert (one.kind, one.gain_ns) == (K.LATENCY, 39 * 6000)


def test_a_few_long_gaps_are_no_matter_of_launches(tmp_path: Path) -> None:
    made = step().row("user_annotation", "## checkpoint ##", 20, 850)
    one = only(made.kernel(TENSOR, 900, 100), tmp_path)
    assert (one.kind, one.gain_ns) == (K.LONG_GAPS, 890_000)
    assert (one.evidence["doing"], one.evidence["gaps"]) == ("## checkpoint ##", 1)


@pytest.mark.parametrize(
    "where", ["_SingleProcessDataLoaderIter", "_MultiProcessingDataLoaderIter"]
)
def test_waiting_for_batches(tmp_path: Path, where: str) -> None:
    """Loading takes 600 us, of which the device idles for 590."""
    made = step().row("user_annotation", f"enumerate(DataLoader)#{where}.__next__", 0.5, 600)
    made.kernel(TENSOR, 600.5, 399.5, called=600.5)
    one = only(made, tmp_path)
    assert (one.kind, one.gain_ns) == (K.LOADING, 590_500)
    assert one.evidence["alone"] == int("Single" in where)


def test_loading_beside_a_busy_device_costs_nothing(tmp_path: Path) -> None:
    made = busy(TENSOR, 500)
    made.row("user_annotation", "enumerate(DataLoader)#_X.__next__", 100, 800)
    assert kinds(made, tmp_path) == []


def waits(call: str, operator: str) -> Made:
    """The host waits until the kernel before has ended, and is late with the next one."""
    made = step().kernel(TENSOR, 10, 600, called=1.0)
    made.op(operator, 20, 610).row("cuda_runtime", call, 25, 600)
    return made.kernel(TENSOR, 700, 300, called=690.0)


@pytest.mark.parametrize(
    ("call", "operator"),
    [
        ("cudaStreamSynchronize", "aten::item"),
        ("cudaStreamSynchronize", "aten::nonzero"),
        ("hipMemcpyWithStream", "aten::is_nonzero"),
    ],
)
def test_calls_that_wait(tmp_path: Path, call: str, operator: str) -> None:
    found = reported(waits(call, operator), tmp_path)
    one = next(one for one in found.advice if one.kind is K.BLOCKING)
    assert one.gain_ns == sum(found.steps.idle_ns) == 90_000, "no more than the device idles"
    assert (one.evidence["operator"], one.evidence["total_ns"]) == (operator, 600_000)


def test_the_synchronisation_that_ends_our_own_steps_is_none(tmp_path: Path) -> None:
    made = waits("cudaDeviceSynchronize", "## copy ##")
    made.rows = [row for row in made.rows if row["name"] != "## copy ##"]
    assert K.BLOCKING in kinds(made, tmp_path)
    made.row("user_annotation", "## next batch ##", 1, 1)
    assert K.BLOCKING not in kinds(made, tmp_path)


@pytest.mark.parametrize("call", ["cudaMalloc", "cudaFree", "hipMalloc"])
def test_allocation_in_the_step(tmp_path: Path, call: str) -> None:
    assert K.ALLOCATION in kinds(waits(call, "aten::empty"), tmp_path)
    assert K.BLOCKING not in kinds(waits(call, "aten::empty"), tmp_path)


def copied(name: str, synchronises: bool) -> Made:
    made = step().op("aten::to", 11, 300)
    made.on_gpu("gpu_memcpy", name, 20, 280, made.launch(12, dur=8, name="cudaMemcpyAsync"))
    if synchronises:
        made.row("cuda_runtime", "cudaStreamSynchronize", 20.5, 285)
    return made.kernel(TENSOR, 330, 670, called=320.0)


def test_copies_of_pageable_memory(tmp_path: Path) -> None:
    """The copy is exposed for 280 us, and the host waits; the device idles for 40 us."""
    found = reported(copied("Memcpy HtoD (Pageable -> Device)", synchronises=True), tmp_path)
    one = found.advice[0]
    assert (one.kind, one.gain_ns) == (K.COPIES, 320_000)
    assert (one.evidence["exposed_ns"], one.evidence["pageable"]) == (280_000, 1)
    assert K.BLOCKING not in {one.kind for one in found.advice}


def test_pinned_copies_that_nothing_overlaps(tmp_path: Path) -> None:
    one = reported(copied("Memcpy HtoD (Pinned -> Device)", synchronises=False), tmp_path).advice[0]
    assert (one.kind, one.gain_ns, one.evidence["pageable"]) == (K.COPIES, 280_000, 0)


def test_copies_to_the_host_are_results_that_are_read(tmp_path: Path) -> None:
    found = kinds(copied("Memcpy DtoH (Device -> Pageable)", synchronises=True), tmp_path)
    assert K.BLOCKING in found
    assert K.COPIES not in found


def test_exposed_communication(tmp_path: Path) -> None:
    one = only(busy(NCCL, 200), tmp_path)
    assert (one.kind, one.gain_ns) == (K.COMMUNICATION, 200_000)


def test_communication_that_is_overlapped(tmp_path: Path) -> None:
    made = busy(TENSOR, 500)
    made.on_gpu("kernel", NCCL, 100, 800, made.launch(3), stream=20)
    assert kinds(made, tmp_path) == []


def test_layout_transforms(tmp_path: Path) -> None:
    one = only(busy(LAYOUT, 130), tmp_path)
    assert (one.kind, one.gain_ns, one.evidence["known"]) == (K.LAYOUT, 130_000, 0)


@pytest.mark.parametrize(
    ("strides", "proposed"), [((200704, 196, 14, 1), True), ((200704, 1, 14336, 1024), False)]
)
def test_layout_of_what_is_in_that_format_already(
    tmp_path: Path, strides: tuple[int, ...], proposed: bool
) -> None:
    """NHWC already: turning it into NHWC saves nothing."""
    made = busy(LAYOUT, 130)
    shapes = {
        "Input Dims": [[256, 1024, 14, 14], [1024, 1024, 1, 1], [], [], [], [], [], [], []],
        "Input Strides": [list(strides), [1024, 1, 1, 1], [], [], [], [], [], [], []],
        "Input type": ["c10::BFloat16", "c10::BFloat16", "", "ScalarList"],
        "Concrete Inputs": ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "False", "[0, 0]", "1"],
    }
    made.rows.insert(1, {**made.rows[0], "cat": "cpu_op", "name": "aten::convolution", "dur": 20})
    made.rows[1] = {**made.rows[1], "ts": 0, "args": shapes}
    assert (K.LAYOUT in kinds(made, tmp_path)) is proposed


@pytest.mark.parametrize(
    "name",
    [
        SGEMM,
        "void implicit_convolve_sgemm<float, float, 1024, 5, 5, 3, 3>(int)",
        "volta_scudnn_128x32_relu",
    ],
)
def test_products_off_the_tensor_cores(tmp_path: Path, name: str) -> None:
    one = only(busy(name, 400, A100), tmp_path)
    assert (one.kind, one.gain_ns, one.evidence["tf32"]) == (K.PRECISION, 400_000, 1)
    assert one.evidence["type"] == "bf16"


@pytest.mark.parametrize(
    ("name", "major", "tensor", "told"),
    [
        ("Tesla V100-SXM2-32GB", None, False, "fp16"),
        ("Tesla V100-DGXS-32GB", 7, False, "fp16"),
        ("Quadro RTX 6000", None, True, "fp16"),
        ("NVIDIA RTX A6000", 8, False, "bf16"),
        ("AMD Instinct MI300X", None, False, "bf16"),
        ("Some accelerator", None, True, ""),
    ],
)
def test_types_of_tensor_cores(
    tmp_path: Path, name: str, major: int | None, tensor: bool, told: str
) -> None:
    """Volta and Turing know no bf16; of devices without a data sheet the header tells."""
    header = {"deviceProperties": [{"id": 0, "name": name, "computeMajor": major}]}
    made = busy(SGEMM, 400, header)
    if not tensor:
        made = Made(header=dict(header)).step(0, 0, 1000).kernel(SGEMM, 0, 1000, called=0.0)
    one = only(made, tmp_path)
    assert (one.kind, one.evidence["type"]) == (K.PRECISION, told)


def test_no_tensor_cores_no_advice_to_use_them(tmp_path: Path) -> None:
    made = Made(header=GTX).step(0, 0, 1000).kernel(SGEMM, 0, 1000, called=0.0)
    assert kinds(made, tmp_path) == []
    half = "void gemv2T_kernel_val<int, int, __half, __half, float, 128>(int)"
    assert kinds(busy(half, 400, A100), tmp_path) == [], "it is not fp32"


def test_kernels_that_a_compiler_would_fuse(tmp_path: Path) -> None:
    made = busy(ADD, 300).kernel(NORM, 1000, 100, called=3.0)
    one = only(made, tmp_path)
    assert (one.kind, one.gain_ns) == (K.FUSION, 400_000)
    assert (one.evidence["elementwise_ns"], one.evidence["norm_ns"]) == (300_000, 100_000)


def test_what_is_compiled_is_not_to_be_compiled(tmp_path: Path) -> None:
    made = busy(ADD, 300).kernel("triton_poi_fused_add_0", 1000, 100, called=3.0)
    assert kinds(made, tmp_path) == []


def optimizer(kernel: str, count: int, name: str = "SGD") -> Made:
    """So many kernels of 2 us, 5 us apart, below the optimizer's annotation."""
    made = busy(TENSOR, 500)
    made.row("user_annotation", f"Optimizer.step#{name}.step", 1000, 5.0 * count + 5)
    for at in range(count):
        made.kernel(kernel, 1005 + 5.0 * at, 2)
    return made


FOREACH = "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<BinaryOp>(int)"
FUSED = (
    "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedSgdMathFunctor>(int)"
)


@pytest.mark.parametrize(
    ("kernel", "count", "name", "proposed"),
    [
        (ADD, 100, "SGD", True),
        (ADD, 100, "Muon", True),
        (FOREACH, 20, "AdamW", True),
        (FOREACH, 20, "Muon", False),
        (FUSED, 20, "SGD", False),
    ],
)
def test_optimizers_in_many_kernels(
    tmp_path: Path, kernel: str, count: int, name: str, proposed: bool
) -> None:
    found = reported(optimizer(kernel, count, name), tmp_path)
    mine = [one for one in found.advice if one.kind is K.OPTIMIZER]
    assert bool(mine) is proposed
    if mine:
        busy_ns, idle_ns = 2000 * count, 3000 * (count - 1) + 5000
        assert mine[0].gain_ns == busy_ns + idle_ns
        assert mine[0].evidence["fusable"] == int(name != "Muon")


def test_python_on_a_cpu(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).op("aten::add", 0, 10).op("aten::mul", 80, 20)
    one = only(made, tmp_path)
    assert (one.kind, one.gain_ns) == (K.PYTHON, 70_000)


# What cannot be trusted.


def test_kernels_that_are_missing(tmp_path: Path) -> None:
    made = launched_late()
    for at in range(4):
        made.launch(500.5 + at)
    assert [one.kind for one in reported(made, tmp_path).advice] == [K.UNTRUSTED]


def test_launches_that_are_missing(tmp_path: Path) -> None:
    made = launched_late()
    made.on_gpu("kernel", TENSOR, 905, 60, 77)
    one = only(made, tmp_path)
    assert (one.kind, one.evidence["reason"], one.gain_ns) == (K.UNTRUSTED, "unlinked", 0)


def test_a_trace_of_the_device_alone(tmp_path: Path) -> None:
    made = Made().on_gpu("kernel", ADD, 0, 10).on_gpu("kernel", ADD, 90, 10)
    assert only(made, tmp_path).evidence["reason"] == "no launches"


@pytest.mark.parametrize(
    "call", ["cudaLaunchKernel", "hipExtModuleLaunchKernel", "cudaGraphLaunch"]
)
def test_launches_without_a_kernel_anywhere(tmp_path: Path, call: str) -> None:
    made = Made().step(0, 0, 100).op("aten::add", 0, 10)
    made.launch(1, name=call)
    found = reported(made.op("aten::mul", 80, 20), tmp_path)
    if found.device is None:
        assert [one.kind for one in found.advice] == [K.UNTRUSTED]


# Advice that would contradict other advice.


@pytest.mark.parametrize("kernel", [LAYOUT, ADD, NORM, SGEMM])
def test_an_idle_device_needs_no_shorter_kernels(tmp_path: Path, kernel: str) -> None:
    made = Made(header=dict(A100)).step(0, 0, 2000)
    for at in range(40):
        made.kernel(kernel, 25.0 * at, 8)
    assert kinds(made, tmp_path) == [K.LAUNCHES]


def test_loading_or_launching_but_not_both_for_the_same_time(tmp_path: Path) -> None:
    """Most of the idle time is loading: that the launches are late as well is not said."""
    made = step().row("user_annotation", "enumerate(DataLoader)#_X.__next__", 11, 700)
    for at in range(12):
        made.kernel(TENSOR, 720 + 25.0 * at, 4)
    assert kinds(made, tmp_path) == [K.LOADING]


def test_small_gains_are_not_told(tmp_path: Path) -> None:
    assert kinds(busy(NCCL, 25), tmp_path) == []
    assert kinds(busy(NCCL, 31), tmp_path) == [K.COMMUNICATION]


def test_three_at_most(tmp_path: Path) -> None:
    made = step(dict(A100)).kernel(TENSOR, 10, 100, called=1.0)
    for at, kernel in enumerate((ADD, LAYOUT, SGEMM, NCCL)):
        made.kernel(kernel, 110 + 100 * at, 100 - at, called=2.0 + at)
    assert len(kinds(made, tmp_path)) == MOST
