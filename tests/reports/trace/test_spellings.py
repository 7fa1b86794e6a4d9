"""The same trace in the words of old versions gives the same report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import BACKWARD, Made
from tests.reports.trace.real import real_trace

OLD = {
    "cpu_op": "Operator",
    "user_annotation": "Operator",
    "kernel": "Kernel",
    "gpu_memcpy": "Memcpy",
    "gpu_memset": "Memset",
    "cuda_runtime": "Runtime",
    "cuda_driver": "Driver",
    "ac2g": "async",
    "python_function": "Python",
}
NEWEST = {"cuda_runtime": "runtime", "cuda_driver": "driver"}
Row = dict[str, Any]


def gpu() -> Made:
    made = Made(header={"deviceProperties": [{"id": 0, "name": "A100"}]})
    for number in range(3):
        at = number * 1000.5
        made.step(number, at, 1000)
        made.row("user_annotation", "enumerate(DataLoader)#_SingleProcess.__next__", at + 1, 30)
        made.op("aten::to", at + 40, 9, **{"External id": 10 * number + 1})
        copy = made.launch(at + 42, name="cudaMemcpyAsync")
        made.on_gpu("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", at + 50, 7.5, copy)
        made.row("user_annotation", "## forward ##", at + 60, 300)
        made.op("aten::convolution", at + 70, 40, **{"External id": 10 * number + 2})
        made.kernel("sm80_xmma_fprop_implicit_gemm_f32_nhwc", at + 120, 100, called=at + 75)
        made.op("ConvolutionBackward0", at + 400, 90, tid=BACKWARD, **{"Sequence number": 5})
        made.on_gpu("gpu_memset", "Memset (Device)", at + 450, 5, made.launch(at + 410))
        made.kernel("sm80_xmma_dgrad_implicit_gemm_f32_nhwc", at + 460, 200, called=at + 420)
        made.row("user_annotation", "Optimizer.step#SGD.step", at + 700, 100)
        made.op("aten::_foreach_add_", at + 710, 50)
        made.kernel("multi_tensor_apply_kernel", at + 800, 60, called=at + 715, stream=20)
    return made


def cpu() -> Made:
    made = Made(header={"distributedInfo": {"backend": "gloo", "rank": 0, "world_size": 2}})
    for number in range(3):
        at = number * 1000.5
        made.step(number, at, 1000)
        made.row("user_annotation", "enumerate(DataLoader)#_SingleProcess.__next__", at + 1, 30)
        made.row("user_annotation", "## forward ##", at + 60, 300)
        made.row("user_annotation", "my block (stem)", at + 65, 280)
        made.op("aten::conv2d", at + 70, 240).op("aten::mkldnn_convolution", at + 80, 200)
        made.row("user_annotation", "DistributedDataParallel.forward", at + 320, 30)
        made.op("ConvolutionBackward0", at + 400, 190, tid=BACKWARD)
        made.row("user_annotation", "gloo:all_reduce", at + 500, 150, tid=300)
        made.row("user_annotation", "Optimizer.step#SGD.step", at + 700, 100)
        made.op("aten::_foreach_add_", at + 710, 50)
    return made


def respelled(row: Row, words: dict[str, str]) -> Row:
    """One row in other words; on a device also `stream 7` for 7."""
    if "cat" not in row:
        return row
    on_gpu = row["cat"] in ("kernel", "gpu_memcpy", "gpu_memset")
    args = {
        {"External id": "external id"}.get(key, key): value
        for key, value in row.get("args", {}).items()
        if not (on_gpu and key in ("stream", "device"))
    }
    more = {"tid": f"stream {row['tid']}"} if on_gpu else {"tid": str(row["tid"])}
    return row | more | {"cat": words.get(row["cat"], row["cat"]), "args": args}


def figures(path: Path) -> dict[str, Any]:
    found = msgspec.to_builtins(report(analyse(path)))
    del found["file"], found["size"]
    return found


@pytest.mark.parametrize("words", [OLD, NEWEST, {one: one.upper() for one in OLD}])
@pytest.mark.parametrize("made", [gpu, cpu])
def test_old_and_new_words(tmp_path: Path, made: Callable[[], Made], words: dict[str, str]) -> None:
    new, old = made(), made()
    old.rows = [respelled(row, words) for row in old.rows]
    told = figures(new.write(tmp_path, "new.json"))
    assert told["steps"]["step_ns"]
    assert figures(old.write(tmp_path, "old.json")) == told


@pytest.mark.parametrize(
    "name",
    [
        "a100-resnet50-ddp2-rank0.pt.trace.json.gz",
        "v100x8-dlrm/rank0.pt.trace.json.gz",
        "no-gpu-events.pt.trace.json.gz",
    ],
)
def test_real_traces_in_old_words(tmp_path: Path, name: str) -> None:
    """Annotations of users' own stay a category: nothing else tells them from operators."""
    import gzip
    import json

    told = json.loads(gzip.decompress(real_trace(name).read_bytes()))
    words = {key: word for key, word in OLD.items() if key != "user_annotation"}
    for row in told["traceEvents"]:
        if row.get("cat") == "user_annotation" and row["name"].startswith("ProfilerStep#"):
            row["cat"] = "Operator"
    rows = [respelled(row, words) for row in told["traceEvents"]]
    (tmp_path / "old.json").write_text(json.dumps({**told, "traceEvents": rows}))
    assert figures(tmp_path / "old.json") == figures(real_trace(name))
