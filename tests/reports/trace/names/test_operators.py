"""Classes of operators by their names, and rows that are none."""

import pytest

from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.names.markers import is_marker
from resnext_bench.reports.trace.names.operators import operator

OPERATORS = {
    Class.CONV_FORWARD: """
        aten::conv2d aten::mkldnn_convolution aten::_slow_conv2d_forward aten::slow_conv_dilated2d
        mkldnn::_convolution_pointwise quantized::conv2d_relu onednn::qconv2d_pointwise
        prepacked::conv2d_clamp_run aten::_nnpack_spatial_convolution
        torch_ipex::convolution_forward
    """,
    Class.CONV_INPUT: "aten::cudnn_convolution_backward_input",
    Class.CONV_WEIGHT: "aten::cudnn_convolution_backward_weight",
    Class.CONV_BACKWARD: """
        aten::convolution_backward aten::mkldnn_convolution_backward aten::_slow_conv2d_backward
    """,
    Class.ATTENTION: """
        aten::scaled_dot_product_attention aten::_scaled_dot_product_flash_attention_for_cpu
        aten::_scaled_dot_product_efficient_attention_backward aten::_flash_attention_forward
        aten::_efficient_attention_forward flash_attn::_flash_attn_forward
        aten::_scaled_dot_product_cudnn_attention xformers::efficient_attention_forward_cutlass
        vllm::unified_attention_with_output
    """,
    Class.MATMUL: """
        aten::addmm aten::mm aten::bmm aten::linear quantized::linear_relu aten::_scaled_mm
        mkldnn::_linear_pointwise aten::_weight_int4pack_mm aten::_grouped_mm aten::einsum
    """,
    Class.NORM: "aten::native_batch_norm_backward aten::rms_norm aten::native_group_norm",
    Class.POOLING: "aten::max_pool2d_with_indices_backward aten::adaptive_avg_pool2d",
    Class.LOSS: "aten::_log_softmax aten::binary_cross_entropy_with_logits aten::nll_loss_forward",
    Class.ELEMENTWISE: """
        aten::threshold_backward aten::add_ aten::_foreach_add_ aten::_foreach_mul_ aten::rsub
        aten::upsample_bilinear2d aten::gelu_backward graph_0_cpp_fused_add_relu_1
        torch::distributed::reducer::mul_out
    """,
    Class.REDUCTION: """
        aten::sum aten::cumsum aten::_foreach_norm aten::linalg_vector_norm cpp_fused_mean_2
        fbgemm::asynchronous_complete_cumsum
    """,
    Class.OPTIMIZER: "aten::_fused_adamw_ aten::_fused_sgd_",
    Class.COPY: """
        aten::copy_ aten::_copy_from aten::cat aten::_pin_memory aten::constant_pad_nd
        torch.distributed.ddp.reducer::copy_bucket_to_grad fsdp::all_gather_copy_in
        fsdp::split_with_sizes_copy fsdp::chunk_cat
    """,
    Class.FILL: "aten::zero_ aten::_foreach_zero_",
    Class.RANDOM: "aten::native_dropout aten::normal_ aten::bernoulli_",
    Class.INDEXING: """
        aten::index_select aten::embedding_dense_backward aten::sort fbgemm::permute_2D_sparse_data
        fbgemm::permute_pooled_embs_auto_grad aten::bucketize
        fbgemm::split_embedding_codegen_lookup_sgd_function
    """,
    Class.COMMUNICATION: """
        gloo:all_reduce c10d::allreduce_ _c10d_functional::all_gather_into_tensor hccl:all_to_all
        xccl:all_reduce ucc:alltoall symm_mem::one_shot_all_reduce_copy _C_custom_ar::all_reduce
        _dtensor::shard_dim_alltoall record_param_comms vllm::flashinfer_trtllm_fused_allreduce_norm
    """,
    Class.FRAMEWORK: """
        aten::empty_strided aten::view aten::split_with_sizes aten::record_stream
        quantized::linear_prepack ConvolutionBackward0 torch::autograd::AccumulateGrad
        ProfilerStep#3 Optimizer.step#SGD.step aten::_fused_sdp_choice
    """,
    Class.OTHER: "mine::operator",
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [(name, cls) for cls, names in OPERATORS.items() for name in names.split()],
)
def test_operators(name: str, expected: Class) -> None:
    assert operator(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ProfilerStep#17", True),
        ("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", True),
        ("enumerate(DataPipe)#Batcher", True),
        ("_MultiProcessingDataLoaderIter.__next__", True),
        ("Optimizer.zero_grad#Adam.zero_grad", True),
        ("## backward ##", True),
        ("## layer1.0.conv1: Conv2d ##", True),
        ("Torch-Compiled Region: 9/1", True),
        ("## Call CompiledFxGraph fed4ov6qe57tzjn5yggz6dav3tn4vnbpeuuzyim6fjrswsfn4qe6 ##", True),
        ("DistributedDataParallel.forward", True),
        ("nn.Module: Linear_3", True),
        ("[param|pytorch.model.alex_net|4|20|0|measure|forward]", True),
        ("aten::conv2d", False),
        ("autograd::engine::evaluate_function: ConvolutionBackward0", False),
        ("ReluBackward0", False),
        ("nccl:all_reduce", False),
        ("torch.distributed.ddp.reducer::copy_bucket_to_grad", False),
        ("mine::operator", False),
        ("", False),
    ],
)
def test_marks(name: str, expected: bool) -> None:
    assert is_marker(name) is expected
    assert not expected or operator(name) is Class.FRAMEWORK
