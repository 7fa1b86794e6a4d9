"""What categories mean: kineto's names, old and new, those of other makers, and of nobody."""

from pathlib import Path

import pytest

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.reading.categories import Doubt, accelerator, meaning
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made
from tests.reports.trace.words import sentences_of


@pytest.mark.parametrize(
    ("categories", "meant"),
    [
        ("cpu_op Operator OPERATOR", Kind.OPERATOR),
        ("user_annotation", Kind.ANNOTATION),
        ("kernel Kernel concurrent_kernel privateuse1_kernel npu_kernel", Kind.KERNEL),
        ("gpu_memcpy Memcpy mlu_memcpy GCU_MEMCPY", Kind.COPY),
        ("gpu_memset Memset mlu_memset", Kind.FILL),
        ("cuda_runtime Runtime runtime cuda_driver driver xpu_runtime glow_runtime", Kind.LAUNCH),
        ("mtia_runtime privateuse1_driver musa_runtime gcu_driver", Kind.LAUNCH),
        ("python_function ac2g fwdbwd gpu_user_annotation cuda_sync xpu_sync", Doubt.QUIET),
        ("overhead Trace cuda_event mtia_insight async_npu", Doubt.QUIET),
        ("mtia_ccp_events", Doubt.NOTIFIER),
        ("hpu_op", Doubt.GAUDI),
        ("collective_comm my_notes kernels", Doubt.UNKNOWN),
    ],
)
def test_meanings(categories: str, meant: Kind | Doubt) -> None:
    assert {meaning(one) for one in categories.split()} == {meant}
    assert meaning("") is Doubt.UNKNOWN


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("hpu_op", "Gaudi (HPU)"),
        ("mtia_ccp_events", "MTIA"),
        ("xpu_runtime", "XPU"),
        ("Ascend Hardware", "Ascend NPU"),
        ("NPU", "Ascend NPU"),
        ("mlu_memcpy", "MLU"),
        ("cuda_runtime", ""),
        ("input", ""),
        ("mlunch", ""),
    ],
)
def test_accelerators(told: str, name: str) -> None:
    assert accelerator(told) == name


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def work_of(category: str, runtime: str, names: tuple[str, ...] = ("matmul",)) -> Made:
    made = Made().step(0, 0, 100)
    for at, name in enumerate(names):
        made.op("aten::mm", 10 * at + 1, 5)
        made.on_gpu(category, name, 10 * at + 6, 4.5, made.launch(10 * at + 2, cat=runtime))
    return made


@pytest.mark.parametrize(
    ("category", "runtime", "name"),
    [
        ("mtia_ccp_events", "mtia_runtime", "MTIA"),
        ("hpu_op", "privateuse1_runtime", "Gaudi (HPU)"),
        ("kernel", "xpu_runtime", "XPU"),
        ("kernel", "mlu_runtime", "MLU"),
        ("gcu_kernel", "gcu_runtime", "GCU"),
        ("privateuse1_kernel", "privateuse1_runtime", "device 0"),
        ("kernel", "cuda_runtime", "device 0"),
    ],
)
def test_devices_of_other_makers(tmp_path: Path, category: str, runtime: str, name: str) -> None:
    found = reported(work_of(category, runtime, ("matmul", "add")), tmp_path)
    assert (found.on, found.alone, found.device) == (name, None, 0)
    assert found.steps.compute_ns == [9000]
    assert found.trust.linked_operator == 1
    assert found.facts == []


def test_copies_of_a_gaudi_are_told_by_their_names(tmp_path: Path) -> None:
    names = ("gemm", "DmaMemcpy", "Memcpy HtoD", "Memset (Device)")
    found = reported(work_of("hpu_op", "privateuse1_runtime", names), tmp_path)
    assert {(row.name, row.cls) for row in found.kernels if row.cls in ("copy", "fill")} == {
        ("DmaMemcpy", "copy"),
        ("Memcpy HtoD", "copy"),
        ("Memset (Device)", "fill"),
    }


def test_calls_of_a_gaudis_runtime_are_calls(tmp_path: Path) -> None:
    """`hpu_op` on the host, in the process that runs operators, is no work of the device."""
    made = Made().step(0, 0, 100).op("aten::mm", 1, 8)
    made.row("hpu_op", "Enqueue", 2, 3, args={"correlation": 77})
    made.on_gpu("hpu_op", "gemm", 20, 10, 77)
    found = reported(made, tmp_path)
    assert [(row.name, row.operator) for row in found.kernels] == [("gemm", "aten::mm")]
    assert found.trust.linked_launch == 1
    made.rows = [row for row in made.rows if row["name"] != "gemm"]
    assert reported(made, tmp_path).on == "host alone", "calls alone are no device's work"


def test_a_process_that_is_called_the_cpu_is_no_device(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).op("aten::mm", 1, 8)
    label = {"ph": "M", "name": "process_labels", "pid": 5, "tid": 0, "args": {"labels": "CPU"}}
    made.rows.append(label)
    made.row("hpu_op", "Wait", 2, 3, pid=5)
    made.on_gpu("hpu_op", "gemm", 20, 10)
    assert [row.name for row in reported(made, tmp_path).kernels] == ["gemm"]


def test_events_beside_kernels_are_no_kernels(tmp_path: Path) -> None:
    """Forks of kineto write their notifiers as `mtia_ccp_events`."""
    made = work_of("kernel", "mlu_runtime")
    made.on_gpu("mtia_ccp_events", "notifier", 30, 50).on_gpu("mtia_ccp_events", "wait", 30, 9)
    found = reported(made, tmp_path)
    assert (found.on, found.steps.compute_ns) == ("MLU", [4500])
    assert sentences_of(found) == [
        "2 rows of a device left out, as what they are is not known here: category mtia_ccp_events"
    ]


@pytest.mark.parametrize(
    ("told", "device", "header", "name"),
    [
        ([(0, "MI300X")], 2, {}, "MI300X"),
        ([(0, "MI300X"), (1, "MI300X")], 3, {"hip_runtime_version": 6}, "MI300X"),
        ([(0, "A100"), (1, "T4")], 1, {}, "T4"),
        ([(0, "A100"), (1, "T4")], 5, {}, "device 5"),
        ([(0, "MI300X"), (2, "W7900")], 2, {"roctracer_version": 4.1}, "device 2"),
        ([(0, ""), (1, None)], 1, {}, "device 1"),
        ([("0", "A100")], 0, {}, "A100"),
        ([], 0, {}, "device 0"),
    ],
)
def test_names_of_devices(
    tmp_path: Path, told: list[tuple[object, object]], device: int, header: dict, name: str
) -> None:
    made = Made(
        header={"deviceProperties": [{"id": at, "name": one} for at, one in told], **header}
    )
    args = {"device": device, "stream": 0, "correlation": made.launch(5)}
    made.row("kernel", "matmul", 10, 5, pid=device, tid=0, args=args)
    assert reported(made, tmp_path).on == name


@pytest.mark.parametrize("told", [7, None, "A100", [1], {"id": 0}, [{"name": "A100", "id": [1]}]])
def test_odd_names_of_devices(tmp_path: Path, told: object) -> None:
    made = Made(header={"deviceProperties": told}).kernel("matmul", 10, 5)
    assert reported(made, tmp_path).on in ("device 0", "A100")
