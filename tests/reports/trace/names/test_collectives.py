"""What collectives do, and how often their bytes cross links."""

import pytest

from resnext_bench.reports.trace.names.collectives import (
    bus_factor,
    bytes_of_element,
    ends_together,
    kind_of,
    message_elements,
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("allreduce", "all-reduce"),
        ("allreduce_coalesced", "all-reduce"),
        ("nccl:all_reduce_barrier", "all-reduce"),
        ("ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)", "all-reduce"),
        ("_allgather_base", "all-gather"),
        ("all_gather_into_tensor_coalesced", "all-gather"),
        ("_reduce_scatter_base", "reduce-scatter"),
        ("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL", "reduce-scatter"),
        ("all_to_allv", "all-to-all"),
        ("alltoall_base", "all-to-all"),
        ("ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t", "all-to-all"),
        ("gloo:broadcast", "broadcast"),
        ("reduce", "reduce"),
        ("gather", "gather"),
        ("scatter", "scatter"),
        ("nccl:barrier", "barrier"),
        ("send", "send, receive"),
        ("nccl:recv 0<-1", "send, receive"),
        ("ncclDevKernel_Generic(ncclDevKernelArgsStorage<4096ul>)", "other"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_the_bus_of_a_ring() -> None:
    """As nccl-tests have it: https://github.com/NVIDIA/nccl-tests, doc/PERFORMANCE.md."""
    assert bus_factor("all-reduce", 8) == 14 / 8
    assert bus_factor("all-gather", 8) == bus_factor("reduce-scatter", 8) == 7 / 8
    assert bus_factor("all-to-all", 8) == 7 / 8
    assert bus_factor("broadcast", 8) == bus_factor("reduce", 8) == 1
    assert bus_factor("barrier", 8) is bus_factor("other", 8) is bus_factor("all-reduce", 1) is None


def test_messages_that_are_put_together_count_as_a_whole() -> None:
    assert message_elements("all-gather", 10, 80) == 80
    assert message_elements("reduce-scatter", 80, 10) == 80
    assert message_elements("all-reduce", 80, 80) == 80
    assert message_elements("broadcast", 80, 0) == 80


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("Float", 4), ("c10::BFloat16", 2), ("long int", 8), ("Byte", 1), ("Float8_e4m3fn", 1)],
)
def test_sizes_of_elements(dtype: str, size: int) -> None:
    assert bytes_of_element(dtype) == size


def test_types_that_are_not_known_have_no_size() -> None:
    assert bytes_of_element("Quaternion") is None


def test_a_broadcast_may_end_before_others_begin() -> None:
    assert not ends_together("broadcast")
    assert ends_together("all-reduce")
