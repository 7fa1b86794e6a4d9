"""A device worked, and its work is not in the trace: never a report on a CPU."""

from pathlib import Path
from typing import Any

import pytest

from resnext_bench.reports.render.trace.report import sections
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.drawn import drawn
from tests.reports.trace.made import Made
from tests.reports.trace.words import kinds, refused, sentences_of

GEMM = "ampere_sgemm_128x64_nn"
H100 = [{"id": 0, "name": "NVIDIA H100"}]


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def shown(found: TraceReport) -> str:
    return "\n".join(drawn(sections(found, 15), 120, uncut=found.file))


def on_host(**header: Any) -> Made:
    """Two steps of operators."""
    made = Made(header={"deviceProperties": H100, **header})
    for number in range(2):
        made.step(number, number * 100, 100)
        for at in range(10):
            made.op("aten::mm", number * 100 + 10 * at, 8.5)
    return made


def launched(name: str, cat: str = "cuda_runtime", **header: Any) -> Made:
    made = on_host(**header)
    for at in range(20):
        made.launch(10 * at + 1, 2, name, cat=cat)
    return made


def nothing_as_on_a_cpu(found: TraceReport) -> None:
    """No part of a step, and no word that this were a CPU."""
    assert found.on == "host alone"
    assert found.alone is not None
    assert found.steps.step_ns == found.steps.compute_ns == found.idle == found.convs == []
    text = shown(found)
    assert "on CPU" not in text
    assert "compute" not in text
    assert text.startswith("warning")
    assert kinds(found)[0] == "host_alone"


@pytest.mark.parametrize(
    ("name", "cat"),
    [
        ("cudaLaunchKernel", "cuda_runtime"),
        ("cudaLaunchKernel", "Runtime"),
        ("cuLaunchKernelEx", "cuda_driver"),
        ("cudaGraphLaunch", "cuda_runtime"),
        ("hipExtModuleLaunchKernel", "hip_runtime"),
        ("urEnqueueKernelLaunch", "xpu_runtime"),
        ("Launch", "privateuse1_runtime"),
        ("cnInvokeKernel", "mlu_driver"),
    ],
)
def test_launches_without_kernels(tmp_path: Path, name: str, cat: str) -> None:
    found = reported(launched(name, cat), tmp_path)
    nothing_as_on_a_cpu(found)
    assert found.alone
    assert (found.alone.evidence[0].kind, found.alone.evidence[0].count) == ("launches", 20)
    assert f"20 launches ({name}), and no kernel in the trace" in sentences_of(found)[0]
    assert found.alone.host_step_ns == [100_000, 100_000]
    assert "NVIDIA H100" in shown(found)
    assert [row.name for row in found.kernels] == ["aten::mm"]


def test_a_call_of_the_runtime_and_one_of_the_driver_are_one_launch(tmp_path: Path) -> None:
    made = on_host()
    for at in range(3):
        number = made.launch(10 * at + 1, 4, "cudaLaunchKernelExC")
        args = {"correlation": number}
        made.row("cuda_driver", "cuLaunchKernelEx", 10 * at + 2, 1, args=args)
    found = reported(made, tmp_path)
    assert found.alone
    assert found.alone.evidence[0].count == 3


def test_copies_without_work(tmp_path: Path) -> None:
    found = reported(launched("cudaMemcpyAsync"), tmp_path)
    nothing_as_on_a_cpu(found)
    assert "20 copies or fills (cudaMemcpyAsync)" in sentences_of(found)[0]


def test_copies_are_there_and_kernels_are_not(tmp_path: Path) -> None:
    """The copies are the device's; how a step splits is not known all the same."""
    made = launched("cudaLaunchKernel")
    made.on_gpu("gpu_memcpy", "Memcpy HtoD", 50, 5, made.launch(40, name="cudaMemcpyAsync"))
    found = reported(made, tmp_path)
    assert (found.on, found.steps.step_ns) == ("NVIDIA H100", [])
    assert [(row.cls, row.total_ns) for row in found.classes] == [("copy", 5000)]
    assert "20 launches" in sentences_of(found)[0]


def test_what_the_profiler_says_is_the_reason(tmp_path: Path) -> None:
    line = "WARNING:2025 function failed with error CUPTI_ERROR_INSUFFICIENT_PRIVILEGES (35)"
    found = reported(launched("cudaLaunchKernel", WARNING=[line]), tmp_path)
    assert "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES" in sentences_of(found)[0]
    assert "possible reasons" not in sentences_of(found)[0]


def test_what_was_captured_or_is_no_kernel_was_not_launched(tmp_path: Path) -> None:
    made = on_host().row("cuda_runtime", "cudaStreamBeginCapture", 1, 1)
    for at in range(3):
        made.launch(10 + at)
    made.row("cuda_runtime", "cudaStreamEndCapture", 50, 1)
    for at in range(3):
        made.launch(60 + at, name="cudaLaunchHostFunc")
        made.launch(70 + at, name="cudaDeviceSynchronize")
    found = reported(made, tmp_path)
    assert (found.on, found.alone) == ("CPU", None)
    assert "names NVIDIA H100, and holds no work" in " ".join(sentences_of(found))


def test_one_launch_alone_may_have_run_after_the_trace(tmp_path: Path) -> None:
    made = on_host()
    made.launch(5)
    found = reported(made, tmp_path)
    assert found.alone
    assert (found.on, found.alone.is_certain) == ("host alone", False)
    assert found.steps.step_ns == [100_000, 100_000]
    assert "on CPU" not in shown(found)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (on_host(distributedInfo={"backend": "nccl", "rank": 0, "world_size": 2}), "backend"),
        (on_host().row("user_annotation", "nccl:all_reduce", 3, 2), "annotations"),
        (on_host().op("aten::cudnn_convolution", 9, 1), "operators"),
        (on_host().op("aten::_flash_attention_forward", 9, 1), "operators"),
        (on_host().row("mtia_runtime", "synchronize", 9, 1), "calls"),
    ],
)
def test_signs_of_a_device(tmp_path: Path, made: Made, kind: str) -> None:
    """Nothing of a device is in the trace, but only one with a device has such words."""
    found = reported(made, tmp_path)
    assert found.alone
    assert (found.on, found.alone.is_certain) == ("host alone", False)
    assert [one.kind for one in found.alone.evidence] == [kind]
    text = shown(found)
    assert text.startswith("warning a device worked")
    assert "on CPU" not in text
    assert "compute" not in text


@pytest.mark.parametrize("backend", ["gloo", "mpi", "ucc", "cpu:gloo,cuda:nccl", None, 7])
def test_a_cpu_is_a_cpu(tmp_path: Path, backend: object) -> None:
    made = on_host(distributedInfo={"backend": backend, "rank": 0, "world_size": 1})
    made.header.pop("deviceProperties")
    made.op("aten::_scaled_dot_product_flash_attention_for_cpu", 9, 1)
    made.row("user_annotation", "gloo:all_reduce", 3, 2, tid=9)
    found = reported(made, tmp_path)
    assert (found.on, found.alone, found.facts) == ("CPU", None, [])


def ascend(process: str, label: str = "", cat: str = "") -> Made:
    made = on_host()
    for name, key, told in (("process_name", "name", process), ("process_labels", "labels", label)):
        made.rows.insert(0, {"ph": "M", "name": name, "pid": 8, "tid": 0, "args": {key: told}})
    for at in range(4):
        row = {"ph": "X", "name": "MatMulV2", "pid": 8, "tid": 3, "ts": 10.0 * at, "dur": 5.5}
        made.rows.append(row | ({"cat": cat} if cat else {}) | {"args": {"Stream Id": 3}})
    return made


@pytest.mark.parametrize(
    ("process", "label", "cat"),
    [
        ("Ascend Hardware", "", ""),
        ("Ascend Hardware", "NPU", ""),
        ("Hardware", "", ""),
        ("NPU 0", "", ""),
        ("python", "TPU 1", ""),
        ("HCCL", "", ""),
        ("Communication", "NPU", ""),
        ("python", "CPU", "aicore"),
        ("", "", "vpu_task"),
        ("accelerator", "", "tasks"),
    ],
)
def test_rows_of_a_device_that_is_not_understood(
    tmp_path: Path, process: str, label: str, cat: str
) -> None:
    found = reported(ascend(process, label, cat), tmp_path)
    nothing_as_on_a_cpu(found)
    assert found.alone
    (evidence,) = found.alone.evidence
    assert (evidence.kind, evidence.count, evidence.duration_ns) == ("rows", 4, 22_000)
    assert (cat or process) in sentences_of(found)[0]


def test_rows_that_name_a_stream_are_of_a_device(tmp_path: Path) -> None:
    made = on_host()
    for at in range(3):
        made.on_gpu("some_new_work", GEMM, 10 * at, 5)
    nothing_as_on_a_cpu(reported(made, tmp_path))


def test_unknown_rows_of_the_host_are_counted_and_told(tmp_path: Path) -> None:
    made = on_host().kernel(GEMM, 10, 5).row("my_notes", "x", 3, 4).row("my_notes", "y", 5, 4)
    found = reported(made, tmp_path)
    assert (found.on, found.alone) == ("NVIDIA H100", None)
    assert sentences_of(found) == [
        "2 rows left out, as what they are is not known here: category my_notes"
    ]


def test_rows_of_another_device_beside_kernels_are_told(tmp_path: Path) -> None:
    made = ascend("Ascend Hardware").kernel(GEMM, 10, 5)
    found = reported(made, tmp_path)
    assert (found.on, found.alone) == ("NVIDIA H100", None)
    assert sentences_of(found) == [
        "4 rows of a device left out, as what they are is not known here: process 'Ascend Hardware'"
    ]


def test_nothing_but_rows_of_a_device_that_is_not_understood(tmp_path: Path) -> None:
    made = ascend("Ascend Hardware")
    made.rows = [row for row in made.rows if row.get("cat") not in ("cpu_op", "user_annotation")]
    told = refused(lambda: reported(made, tmp_path))
    assert "4 rows of a device left out" in told
    assert "process 'Ascend Hardware'" in told


def test_names_of_processes_in_rows_with_a_category(tmp_path: Path) -> None:
    """Chrome's own format gives them one."""
    made = ascend("Ascend Hardware")
    for row in made.rows[:2]:
        row["cat"] = "__metadata"
    nothing_as_on_a_cpu(reported(made, tmp_path))


def test_a_recurrent_layer_on_a_cpu_is_no_sign_of_a_device(tmp_path: Path) -> None:
    """PyTorch asks for each of them whether cuDNN would take it."""
    made = Made()
    for number in range(2):
        made.step(number, number * 100, 100)
        made.op("aten::gru", number * 100, 80)
        made.op("aten::_cudnn_is_acceptable", number * 100 + 1, 1)
        made.op("aten::cudnn_is_acceptable", number * 100 + 3, 1)
    found = reported(made, tmp_path)
    assert (found.on, found.alone) == ("CPU", None)
