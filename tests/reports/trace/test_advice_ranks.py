"""How ranks talk: what is exposed, and what DistributedDataParallel does beside the model."""

from pathlib import Path

import pytest

from resnext_bench.reports.schema.trace_host import Advice, AdviceKind
from tests.reports.trace.made import BACKWARD, MAIN, Made
from tests.reports.trace.test_advice import TENSOR, K, reported, step

BROADCAST = "ncclDevKernel_Broadcast_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
REDUCE = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
COPY = "void at::native::vectorized_elementwise_kernel<4, at::native::copy_device>(int)"
FORWARD = "DistributedDataParallel.forward"


def found(made: Made, folder: Path, kind: AdviceKind) -> Advice | None:
    return next((one for one in reported(made, folder).advice if one.kind is kind), None)


def called(made: Made, name: str, kernel: str, at: float, lasts: float, tid: int = MAIN) -> None:
    """An operator that launches a kernel of 2 us, 3 us after it began."""
    made.op(name, at, lasts, tid=tid)
    call = made.launch(at + 1, tid=tid)
    made.on_gpu("kernel", kernel, at + 3, 2, call)


def with_buffers(first: str = "aten::conv2d", sends: str = "c10d::broadcast_") -> Made:
    """DDP sends buffers from 100 to 200; the model's kernel, launched then, is 5 us later."""
    made = step().row("user_annotation", FORWARD, 100, 300)
    called(made, "aten::flatten_dense_tensors", COPY, 110, 10)
    called(made, sends, BROADCAST, 130, 10)
    made.op("record_param_comms", 145, 5)
    made.op("aten::unflatten_dense_tensors", 150, 10)
    for at in (165, 175, 185):
        called(made, "aten::copy_", COPY, at, 8)
    made.op(first, 200, 50)
    return made.kernel(TENSOR, 205, 700, called=201.0)


def test_buffers_that_are_sent_before_the_model(tmp_path: Path) -> None:
    """The host takes 100 us for them; five kernels of 2 us ran in these."""
    one = found(with_buffers(), tmp_path, K.BUFFERS)
    assert one is not None
    assert (one.evidence["count"], one.evidence["host_ns"]) == (1, 100_000)
    assert (one.evidence["idle_ns"], one.evidence["alone_ns"]) == (90_000, 10_000)
    assert one.evidence["ended_ns"] == (190 - 10 - 4 * 2 - 2) * 1000
    assert one.gain_ns == 110_000


@pytest.mark.parametrize("sends", ["nccl:broadcast", "gloo:broadcast", "c10d::_broadcast_oop"])
def test_other_words_for_sending(tmp_path: Path, sends: str) -> None:
    assert found(with_buffers(sends=sends), tmp_path, K.BUFFERS)


@pytest.mark.parametrize("first", ["aten::cat", "aten::linear", "## stem ##", "MyFunction"])
def test_what_the_model_begins_with(tmp_path: Path, first: str) -> None:
    one = found(with_buffers(first), tmp_path, K.BUFFERS)
    assert one is not None
    assert one.evidence["host_ns"] == 100_000


def test_versions_that_do_not_name_how_tensors_are_laid_end_to_end(tmp_path: Path) -> None:
    made = with_buffers()
    for row in made.rows:
        row["name"] = row["name"].replace("aten::flatten_dense_tensors", "aten::cat")
        row["name"] = row["name"].replace("aten::unflatten_dense_tensors", "aten::narrow")
    one = found(made, tmp_path, K.BUFFERS)
    assert one is not None
    assert one.evidence["host_ns"] == 100_000


def test_what_the_model_itself_sends_is_none_of_its_buffers(tmp_path: Path) -> None:
    made = with_buffers()
    made.rows = [row for row in made.rows if "dense_tensors" not in row["name"]]
    made.rows.insert(2, {**made.rows[1], "cat": "cpu_op", "name": "aten::conv2d", "ts": 101})
    made.rows[2]["dur"] = 5
    assert found(made, tmp_path, K.BUFFERS) is None


def test_no_sending_no_advice(tmp_path: Path) -> None:
    made = with_buffers()
    for row in made.rows:
        row["name"] = row["name"].replace("c10d::broadcast_", "aten::copy_")
    assert found(made, tmp_path, K.BUFFERS) is None


def test_work_that_overlaps_is_not_alone(tmp_path: Path) -> None:
    """A kernel of another stream runs meanwhile: nothing would be saved."""
    made = with_buffers().kernel(TENSOR, 10, 890, called=1.0, stream=9)
    assert found(made, tmp_path, K.BUFFERS) is None


def with_gradients(name: str) -> Made:
    """Ten copies of 10 us, 12 us apart, each with a kernel of 2 us."""
    made = step().kernel(TENSOR, 10, 90, called=1.0)
    for at in range(10):
        called(made, name, COPY, 100 + 12.0 * at, 10, BACKWARD)
    return made.kernel(TENSOR, 220, 300, called=219.0)


@pytest.mark.parametrize(
    "name",
    [
        "torch.distributed.ddp.reducer::copy_bucket_to_grad",
        "torch::distributed::reducer::copy_bucket_to_grad",
        "torch::distributed::reducer::copy_",
    ],
)
def test_gradients_that_are_copied_one_by_one(tmp_path: Path, name: str) -> None:
    one = found(with_gradients(name), tmp_path, K.BUCKET_VIEW)
    assert one is not None
    assert (one.evidence["count"], one.evidence["host_ns"]) == (10, 118_000)
    assert one.evidence["alone_ns"] == 20_000
    assert one.gain_ns == 100_000 + 20_000, "idle time, and kernels"


def test_the_time_to_the_next_one_counts_only_where_nothing_else_is_done(tmp_path: Path) -> None:
    made = with_gradients("torch.distributed.ddp.reducer::copy_bucket_to_grad")
    for at in range(10):
        made.op("aten::add", 110.5 + 12 * at, 1, tid=BACKWARD)
    one = found(made, tmp_path, K.BUCKET_VIEW)
    assert one is not None
    assert one.evidence["host_ns"] == 100_000


def test_dividing_stays(tmp_path: Path) -> None:
    made = with_gradients("torch::distributed::reducer::mul_out")
    assert found(made, tmp_path, K.BUCKET_VIEW) is None


def talking(kernel: str, operator: str = "", around: str = "", name: str = "") -> Made:
    """A device that is busy, for a fifth of the time with communication."""
    made = step().kernel(TENSOR, 10, 790, called=1.0)
    if around:
        made.row("cpu_op", around, 2, 20)
    if operator:
        made.op(operator, 3, 10)
    if name:
        made.row("user_annotation", name, 30, 1)
    return made.on_gpu("kernel", kernel, 800, 200, made.launch(4), stream=20)


@pytest.mark.parametrize(
    ("kernel", "operator", "told"),
    [
        (REDUCE, "", "all-reduce"),
        ("ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(int)", "", "all-to-all"),
        ("ncclKernel_AllGather_RING_LL_Sum_int8_t(int)", "", "all-gather, reduce-scatter"),
        ("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(int)", "", "all-gather, reduce-scatter"),
        (BROADCAST, "", "broadcast"),
        ("ncclDevKernel_Generic_1(int)", "c10d::allreduce_", "all-reduce"),
        ("ncclDevKernel_Generic_1(int)", "c10d::alltoall_base_", "all-to-all"),
        ("ncclDevKernel_Generic_1(int)", "nccl:send", "all-to-all"),
        ("ncclDevKernel_Generic_1(int)", "", "other"),
    ],
)
def test_which_collective_is_exposed(tmp_path: Path, kernel: str, operator: str, told: str) -> None:
    one = found(talking(kernel, operator), tmp_path, K.COMMUNICATION)
    assert one is not None
    assert (one.evidence["collective"], one.evidence["collective_ns"]) == (told, 200_000)
    assert (one.evidence["backward"], one.evidence["ddp"], one.evidence["fsdp"]) == (0, 0, 0)


def test_in_which_pass_and_by_whom(tmp_path: Path) -> None:
    node = "autograd::engine::evaluate_function: ConvolutionBackward0"
    made = talking(REDUCE, "c10d::allreduce_", node, FORWARD)
    one = found(made, tmp_path, K.COMMUNICATION)
    assert one is not None
    assert (one.evidence["backward"], one.evidence["ddp"]) == (1, 1)
    made = talking(BROADCAST, name="FullyShardedDataParallel.forward")
    one = found(made, tmp_path, K.COMMUNICATION)
    assert one is not None
    assert (one.evidence["fsdp"], one.evidence["ddp"]) == (1, 0)


def test_the_kind_that_is_exposed_most_counts(tmp_path: Path) -> None:
    """All-reduce runs for longer, but overlapped."""
    made = talking("ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(int)")
    made.on_gpu("kernel", REDUCE, 10, 700, made.launch(5), 21)
    one = found(made, tmp_path, K.COMMUNICATION)
    assert one is not None
    assert one.evidence["collective"] == "all-to-all"
