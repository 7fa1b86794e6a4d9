"""The traps of reading traces, each by a trace made by hand that a naive reader gets wrong."""

from pathlib import Path
from statistics import stdev

import pytest

from resnext_bench.reports.render.trace.time import left_out
from resnext_bench.reports.schema.trace import ClassRow, KernelRow, TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made
from tests.reports.trace.words import kinds, sentences_of

GEMM = "ampere_sgemm_128x64_nn"


def reported(
    made: Made, folder: Path, name: str = "rank0.pt.trace.json", **dump: object
) -> TraceReport:
    return report(analyse(made.write(folder, name, **dump)))


def kernel(found: TraceReport, name: str) -> KernelRow:
    (row,) = (row for row in found.kernels if row.name == name)
    return row


def cls(found: TraceReport, name: str) -> ClassRow:
    (row,) = (row for row in found.classes if row.cls == name)
    return row


def identity_holds(found: TraceReport) -> None:
    steps = found.steps
    parts = (
        steps.compute_ns,
        steps.exposed_communication_ns,
        steps.exposed_copy_ns,
        steps.idle_ns,
    )
    assert [sum(part) for part in zip(*parts, strict=True)] == steps.step_ns
    assert sum(row.total_ns for row in found.idle) == sum(steps.idle_ns)


def test_1_statistics_come_from_the_events(tmp_path: Path) -> None:
    """A mean of the means of steps, or a maximum of sums, is another number."""
    made = Made()
    durations = [[1.0], [2.0, 9.0, 4.0]]
    for number, step in enumerate(durations):
        made.step(number, number * 100, 90)
        for at, duration in enumerate(step):
            made.kernel(GEMM, number * 100 + 10 + 20 * at, duration)
    row = kernel(reported(made, tmp_path), GEMM)
    events = [1000 * one for step in durations for one in step]
    assert (row.count, row.min_ns, row.max_ns, row.total_ns) == (4, 1000, 9000, 16000)
    assert row.median_ns == 3000
    assert row.mean_ns == pytest.approx(4000)
    assert row.std_ns == pytest.approx(stdev(events))
    assert row.p95_ns == 9000


def test_2_nanoseconds_are_whole(tmp_path: Path) -> None:
    """Rounded to whole us these copies would take nothing, and the gap 1 us."""
    made = Made().step(0, 0, 100)
    base = 4458676522690.0
    made.rows.clear()
    made.row("user_annotation", "ProfilerStep#0", base, 100)
    for at in range(3):
        correlation = made.launch(base + 10 + at)
        made.on_gpu("gpu_memcpy", "Memcpy HtoD", base + 20.655 + 0.5 * at, 0.499, correlation)
    correlation = made.launch(base + 14)
    made.on_gpu("kernel", GEMM, base + 30.001, 1.407, correlation)
    found = reported(made, tmp_path)
    assert cls(found, "copy").total_ns == 3 * 499
    assert kernel(found, GEMM).total_ns == 1407
    assert found.steps.exposed_copy_ns == [3 * 499]
    assert found.steps.step_ns == [31_408]
    identity_holds(found)


def test_3_base_time_is_added_before_ranks_are_compared(tmp_path: Path) -> None:
    """Both files show the same `ts`; one of the ranks began 5 us later."""
    moments = []
    for rank, base in enumerate((1_711_964_646_000_000_000, 1_711_964_646_000_005_000)):
        made = Made(header={"baseTimeNanoseconds": base})
        made.kernel(GEMM, 1000.5, 3)
        trace = analyse(made.write(tmp_path, f"rank{rank}.json")).trace
        moments.append(trace.origin_ns + int(trace.device.start[0]))
    assert moments[1] - moments[0] == 5000
    assert moments[0] == 1_711_964_646_000_000_000 + 1_000_500


def test_3_stamps_that_resolve_a_quarter_of_a_microsecond_are_called_so(tmp_path: Path) -> None:
    made = Made().kernel(GEMM, 1_712_867_402_348_700.25, 1.5)
    found = reported(made, tmp_path)
    assert found.trust.resolution_ns == 250
    assert any("250 ns" in one for one in sentences_of(found))


def test_4_added_up_and_busy_and_exposed_are_three_numbers(tmp_path: Path) -> None:
    """Two streams, and two kernels of one stream that overlap."""
    made = Made().step(0, 0, 100)
    made.kernel(GEMM, 10, 10).kernel(GEMM, 15, 10)  # one stream: 10..25
    made.kernel("ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)", 20, 30, stream=20)  # ..50
    found = reported(made, tmp_path)
    assert found.sums.work_ns == 50_000
    assert found.sums.busy_ns == 40_000
    assert found.sums.communication_ns == found.sums.communication_busy_ns == 30_000
    assert found.steps.exposed_communication_ns == [25_000]
    assert found.steps.compute_ns == [15_000]
    identity_holds(found)


def lagging(steps: int = 3, lag: float = 180.0) -> Made:
    """The device runs each step's kernel 1.8 host steps after it was launched."""
    made = Made()
    for number in range(steps):
        made.step(number, number * 100, 100)
        made.kernel(GEMM, number * 100 + lag + 20, 70 + number, called=number * 100 + 10)
    return made


def test_5_work_belongs_to_the_step_that_launched_it(tmp_path: Path) -> None:
    """By the host's windows the first step would be empty and two kernels outside of all."""
    found = reported(lagging(), tmp_path)
    assert found.steps.number == [0, 1, 2]
    assert found.steps.compute_ns == [70_000, 71_000, 72_000]
    assert found.steps.step_ns[1:] == [101_000, 101_000]
    assert found.trust.lag_steps == pytest.approx(1.72, abs=0.01)
    assert found.trust.linked_step == 1
    identity_holds(found)


def test_5_what_stayed_unlinked_is_told(tmp_path: Path) -> None:
    made = lagging().on_gpu("kernel", GEMM, 5, 71, correlation=77)  # of before the trace
    found = reported(made, tmp_path)
    assert found.trust.linked_launch == pytest.approx(213 / 284)
    assert found.steps.step_ns[0] == (270 - 76) * 1000  # from when the device was free


def test_6_annotations_on_the_device_are_neither_steps_nor_kernels(tmp_path: Path) -> None:
    made = lagging()
    made.on_gpu("gpu_user_annotation", "ProfilerStep#0", 200, 70)
    made.on_gpu("gpu_user_annotation", "## forward ##", 200, 500)
    found, plain = reported(made, tmp_path), reported(lagging(), tmp_path)
    assert found.steps == plain.steps
    assert found.kernels == plain.kernels


def test_7_the_last_step_and_stream_0_count(tmp_path: Path) -> None:
    made = Made()
    for number in range(2):
        made.step(number, number * 100, 100)
        made.kernel(GEMM, number * 100 + 10, 30, stream=0)
    found = reported(made, tmp_path)
    assert found.steps.number == [0, 1]
    assert kernel(found, GEMM).count == 2


def test_8_gpu_work_is_told_by_category(tmp_path: Path) -> None:
    """Triton's operators carry a stream; synchronisation has a stream and runs nothing."""
    made = Made().step(0, 0, 100).kernel("triton_poi_fused_add_0", 10, 5)
    made.op("triton_poi_fused_add_0", 2, 60, stream=7, kernel_file="x.py")
    for stream in (4294967295, -1):
        made.on_gpu("cuda_sync", "Stream Wait Event", 20, 50, stream=stream)
    found = reported(made, tmp_path)
    assert found.sums.work_ns == found.sums.busy_ns == 5000
    assert [row.name for row in found.kernels] == ["triton_poi_fused_add_0"]


@pytest.mark.parametrize(
    "name",
    [
        "ncclKernel_AllReduce_RING_LL_Sum_float(ncclDevComm*, unsigned long)",
        "ncclDevKernel_Generic(ncclDevKernelArgsStorage<4096ul>)",
        "void multimem_all_reduce_kernel<float, 16>(float*, unsigned long)",
        "void vllm::cross_device_reduce_2stage<c10::BFloat16, 8>(x)",
        "void two_shot_all_reduce_kernel<float>(x)",
    ],
)
def test_9_communication_has_many_names(tmp_path: Path, name: str) -> None:
    found = reported(Made().step(0, 0, 100).kernel(name, 10, 30), tmp_path)
    assert found.steps.exposed_communication_ns == [30_000]
    assert found.steps.compute_ns == [0]


def test_11_launches_by_runtime_or_driver_and_by_graphs(tmp_path: Path) -> None:
    """One graph launch has many kernels; a driver's launch is as good as the runtime's."""
    made = Made().step(0, 0, 100).op("aten::mm", 4, 8).op("aten::add", 20, 8)
    by_driver = made.launch(5, name="cuLaunchKernel", cat="cuda_driver")
    made.on_gpu("kernel", GEMM, 30, 5, by_driver)
    graph = made.launch(21, name="cudaGraphLaunch")
    for at in range(40):
        made.on_gpu("kernel", "graph_kernel", 40 + at, 0.5, graph)
    made.on_gpu("kernel", "nobody_knows", 36, 1, 424242)
    found = reported(made, tmp_path)
    assert kernel(found, GEMM).operator == "aten::mm"
    assert (kernel(found, "graph_kernel").count, kernel(found, "graph_kernel").operator) == (
        40,
        "aten::add",
    )
    assert kernel(found, "nobody_knows").operator == ""
    assert found.trust.linked_launch == pytest.approx(25 / 26)
    assert found.trust.by_time == 1


def test_11_external_ids_serve_where_no_launch_is(tmp_path: Path) -> None:
    """In a trace of the device and operators alone; in older ones they match nothing."""
    made = Made().op("aten::mm", 4, 8, **{"External id": 17})
    made.rows.append(
        {"ph": "X", "cat": "kernel", "name": GEMM, "pid": 0, "tid": 7, "ts": 20, "dur": 5}
        | {"args": {"device": 0, "stream": 7, "correlation": 5, "External id": 17}}
    )
    assert kernel(reported(made, tmp_path), GEMM).operator == "aten::mm"


def test_12_records_that_the_profiler_dropped_are_told(tmp_path: Path) -> None:
    line = (
        "INFO:2024-05-22 17:15:23 1:1 CuptiActivityProfiler.cpp:333] Record counts: Out-of-range = "
        "4181, Blocklisted runtime = 37458, Invalid ext correlations = 2, CPU GPU out-of-order = 0"
    )
    made = Made(header={"INFO": ["INFO: something", line]}).kernel(GEMM, 10, 5)
    dropped = reported(made, tmp_path).trust.dropped
    assert dropped == {"Out-of-range": 4181, "Invalid ext correlations": 2}


def test_12_a_step_whose_kernels_are_missing_is_left_out(tmp_path: Path) -> None:
    made = lagging()
    made.step(3, 300, 100)
    made.launch(310), made.launch(320)
    made.kernel(GEMM, 520, 5, called=330)
    found = reported(made, tmp_path)
    assert found.steps.number == [0, 1, 2]
    assert list(map(left_out, found.trust.excluded)) == [
        "step 3: 67% of its launches have no kernel in the trace"
    ]


def old(name: str, ts: int, dur: int, **more: object) -> dict[str, object]:
    return {"ph": "X", "name": name, "ts": ts, "dur": dur, **more}


def test_13_the_words_of_old_versions(tmp_path: Path) -> None:
    made = Made(header={})
    made.rows = [
        old("ProfilerStep#5", 0, 100, cat="Operator", pid=9, tid="9", args={"External id": 4}),
        old("aten::mm", 4, 10, cat="Operator", pid=9, tid="9", args={"External id": 5}),
        old("cudaLaunchKernel", 5, 2, cat="Runtime", pid=9, tid="9", args={"correlation": 3}),
        old(GEMM, 30, 0, cat="Kernel", pid=0, tid="stream 7", args={"correlation": 3}),
        old(GEMM, 40, 5, cat="Kernel", pid=0, tid="stream 7", args={"external id": 5}),
        {
            "ph": "f",
            "id": 3,
            "pid": 0,
            "tid": "stream 7",
            "ts": 30,
            "cat": "async",
            "name": "launch",
        },
        old(
            "PyTorch Profiler (0)", 0, 90, cat="Trace", pid="Spans", tid="PyTorch Profiler", args={}
        ),
    ]
    analysis = analyse(made.write(tmp_path))
    found = report(analysis)
    assert set(analysis.trace.device.stream.tolist()) == {7}
    assert (kernel(found, GEMM).count, kernel(found, GEMM).min_ns) == (2, 0)
    assert kernel(found, GEMM).operator == "aten::mm"
    assert found.trust.steps_marked == 1
    assert (found.rank, found.world_size, found.device) == (None, None, 0)


@pytest.mark.parametrize("dump", [{}, {"indent": 1}, {"indent": 7}, {"separators": (",", ":")}])
@pytest.mark.parametrize("name", ["r.json", "r.json.gz"])
def test_13_indentation_does_not_matter(tmp_path: Path, dump: dict[str, object], name: str) -> None:
    found, plain = (
        reported(lagging(40, 180.5), tmp_path, name, **dump),
        reported(lagging(40, 180.5), tmp_path),
    )
    assert found.events == plain.events
    assert found.steps == plain.steps
    assert found.facts == plain.facts == []


def test_13_no_steps_is_one_window_and_told(tmp_path: Path) -> None:
    found = reported(Made().kernel(GEMM, 10, 5).kernel(GEMM, 25, 5), tmp_path)
    assert (found.steps.step_ns, found.steps.idle_ns) == ([20_000], [10_000])
    assert (found.trust.steps_marked, found.trust.steps_used) == (0, 0)
    assert "steps_unmarked" in kinds(found)


def test_14_tensor_cores_are_yes_no_or_unknown(tmp_path: Path) -> None:
    made = Made().step(0, 0, 200)
    made.kernel("sm80_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize", 10, 5)
    made.kernel("ampere_sgemm_128x64_nn", 30, 7)
    made.op("aten::mm", 45, 5)
    made.kernel("some_new_gemm_of_2031_kernel", 60, 11, called=46)
    cores = reported(made, tmp_path).tensor_cores
    assert cores
    assert (cores.used_ns, cores.not_used_ns, cores.unknown_ns) == (5000, 7000, 11_000)
    assert cores.eligible_ns == 23_000


def test_15_layout_transforms_are_a_tax_and_somebody_pays(tmp_path: Path) -> None:
    made = Made().step(0, 0, 200).op("aten::cudnn_convolution", 5, 20)
    made.kernel("void cudnn::ops::nchwToNhwcKernel<float, float>(x)", 30, 10, called=6)
    made.kernel("sm80_xmma_fprop_implicit_gemm_f32_nhwc", 40, 30, called=8)
    tax = reported(made, tmp_path).layout
    assert tax.share_of_compute == 0.25
    assert [(row.payer, row.total_ns) for row in tax.rows] == [("aten::cudnn_convolution", 10_000)]


def grouped(direction: str) -> Made:
    """A grouped convolution of 32 groups, as the profiler records its arguments."""
    more: dict[str, object]
    if direction == "forward":
        dims, kernels = [[8, 128, 56, 56], [128, 4, 3, 3], [], [], [], [], [], [], []], ["fprop"]
        inputs = ["", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "False", "[0, 0]", "32"]
        name = "aten::convolution"
    else:
        data = [8, 128, 56, 56]
        dims = [data, data, [128, 4, 3, 3], [], [], [], [], [], [], [], []]
        ones = ["[1, 1]", "[1, 1]", "[1, 1]"]
        inputs = ["", "", "", "[0]", *ones, "False", "[0, 0]", "32", "[True, True, False]"]
        name, kernels = "aten::convolution_backward", ["dgrad", "wgrad"]
    more = {"Input Dims": dims, "Concrete Inputs": inputs}
    more["Input type"] = ["c10::BFloat16"] * 2
    more["Input Strides"] = [[401408, 1, 7168, 128], [36, 1, 12, 4]]
    if direction == "backward":
        more["Input type"] = ["c10::BFloat16"] * 3
        more["Input Strides"] = [[401408, 1, 7168, 128]] * 2 + [[36, 1, 12, 4]]
    made = Made().step(0, 0, 900).op(name, 5, 50, **more)
    for at, one in enumerate(kernels):
        made.kernel(
            f"sm80_xmma_{one}_implicit_gemm_bf16_nhwc_g4", 100 + 200 * at, 100, called=10 + at
        )
    return made


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_16_groups_count_in_every_direction(tmp_path: Path, direction: str) -> None:
    """Without the division by groups the weight gradient would be told as 32 times as fast."""
    rows = reported(grouped(direction), tmp_path).convs
    flops = 2 * 8 * 56 * 56 * 128 * 4 * 9
    assert [row.tflops for row in rows] == pytest.approx([flops / 100e-6 / 1e12] * len(rows))
    directions = {"forward"} if direction == "forward" else {"input gradient", "weight gradient"}
    assert {row.direction for row in rows} == directions
    assert {(row.groups, row.width, row.input_format, row.dtype) for row in rows} == {
        (32, 4, "NHWC", "bf16")
    }


def test_17_a_row_has_its_share_its_count_and_its_median(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100)
    for at, duration in enumerate((16, 17, 18)):
        made.kernel(GEMM, 10 + 30 * at, duration)
    row = kernel(reported(made, tmp_path), GEMM)
    assert row.share == pytest.approx(51 / 88)
    assert (row.count, row.median_ns) == (3, 17_000)


def test_identities_hold_in_all_of_these(tmp_path: Path) -> None:
    for made in (lagging(), grouped("forward"), grouped("backward")):
        identity_holds(reported(made, tmp_path))
