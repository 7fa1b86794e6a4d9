"""Communication by name: of every backend, and of nothing that only speaks of it."""

import pytest

from resnext_bench.reports.trace.names.communication import is_communication, is_span

TALKS = """
    nccl:all_reduce
    hccl:all_to_all
    xccl:_reduce_scatter_base
    gloo:broadcast
    mpi:send
    ucc:barrier
    record_param_comms
    c10d::_allgather_base_
    _c10d_functional::all_reduce
    c10d_functional::wait_tensor
    deep_ep::intranode::dispatch
    mylib::ep::intranode::barrier<8>(int)
    HcclAllreduce
"""
SILENT = """
    void at::native::reduce_kernel<512>(x)
    aten::sum
    aten::gather
    aten::scatter_add_
    void splitKreduce_kernel<float>(x)
    triton_poi_fused__c10d_functional_all_reduce_wait_tensor_add_3
    triton_red_fused_all_gather_into_tensor_sum_1
    fsdp::all_gather_copy_in
    FSDP::all_gather (layers.3)
    ## all2all_data:kjt lengths ##
    autograd::engine::evaluate_function: _AllReduceBackward
    _AllGatherBackward
    All2All_Pooled_Wait
    void at::native::vectorized_elementwise_kernel<4, all_reduce>(int)
    moe_sum_reduce_kernel
    successful_kernel
"""


@pytest.mark.parametrize("name", TALKS.strip().split("\n"))
def test_communication(name: str) -> None:
    assert is_communication(name.strip())


@pytest.mark.parametrize("name", SILENT.strip().split("\n"))
def test_silence(name: str) -> None:
    assert not is_communication(name.strip())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nccl:all_reduce", True),
        ("hccl:all_to_all", True),
        ("ccl:allreduce", True),
        ("all_reduce of my gradients", False),
        ("## all2all ##", False),
        ("c10d::allreduce_", False),
    ],
)
def test_spans(name: str, expected: bool) -> None:
    assert is_span(name) is expected
