# ruff: noqa: E501 - names are as long as they are
"""Names of kernels as traces of public projects show them, some shortened, and what they are."""

from resnext_bench.reports.trace.names.classes import Class, TensorCore

YES, NO, UNKNOWN = TensorCore.YES, TensorCore.NO, TensorCore.UNKNOWN

_TABLE: dict[tuple[Class, TensorCore], str] = {
    (Class.COMMUNICATION, NO): """
        ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)
        ncclDevKernel_Generic_4(ncclDevKernelArgsStorage<4096ul>)
        ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(ncclDevComm*, unsigned long, ncclWork*)
        mscclpp::allreduce7<__half>(P)
        void deep_ep::intranode::cached_notify_combine<8>(void**, int*)
        void primus_turbo::deep_ep::intranode::cached_notify_dispatch<8>(int const*)
        void deep_ep::internode_ll::dispatch<(bool)1, (bool)1, (int)6144>(void *, void *)
        void dpsk::ep::internode::combine<false, 8, __nv_bfloat16, 8, 2, 16, 24>(int4*, float*)
        void dpsk::ep::internode::notify_dispatch<false, 8>(int const*, long*)
        void vllm::cross_device_reduce_1stage<__nv_bfloat16, 2>(vllm::RankData*)
        void aiter::cross_device_reduce_2stage_naive<__hip_bfloat16, 8>(aiter::RankData*)
        void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<(P)1>(P)
        void flashinfer::trtllm_mnnvl_allreduce::twoshotAllreduceKernel<8, __nv_bfloat16>(P)
        void tensorrt_llm::kernels::mnnvl::rmsNormLamport<8, __nv_bfloat16>(P)
        void tensorrt_llm::kernels::ar_fusion::allreduce_fusion_kernel_twoshot_sync<1, 4>(P)
        void (anonymous namespace)::all_reduce_one_shot_push_kernel<__nv_bfloat16, 2u, true>(P)
        void (anonymous namespace)::two_shot_all_reduce_kernel_inplace<c10::BFloat16, 16, 2>(P)
        void (anonymous namespace)::multimem_all_reduce_kernel<c10::BFloat16, 16>(c10::BFloat16*)
        void (anonymous namespace)::multimem_one_shot_reduce_kernel<float, 16>(P)
        quickreduce::allreduce_prototype_twoshot<AllReduceTwoshot<__half, CodecQ4<__half,8>, true>>
        void allreduce_prototype_twoshot<AllReduceTwoshot<__half, CodecQ4<__half, 8> >, __half>(P)
        void mori::moe::EpDispatchIntraNodeKernel<__hip_bfloat16>(P)
        EpCombineInterNodeV1Kernel_bf16
        moeA2ADispatchKernel(int const*, DispatchKernelPointers)
        void moeA2ACombineKernel<__nv_bfloat16, 8>(P)
        kuserbuffers_pushrecv(int, int, int*, int*, int)
        void userbuffers_fp16_sum_inplace_gpu_mc_rs_oop<8>(int, int, int)
        void nvshmemi_proxy_quiet(bool)
        nvshmemi_init_array_kernel
        oneccl_allreduce_pcie
        void oneRankReduce<FuncPreMulSum<float> >(void*, void*)
        hcom_allReduce__503_0_1
        hcom_reduceScatter__842_0_1
        allreduceAicpuKernel
        void pplx::(anonymous namespace)::dispatchKernel<10, true>(P)
        void c10d::put_signal_kernel(unsigned int**)
    """,
    (Class.MATMUL, YES): """
        ampere_fp16_s16816gemm_fp16_128x64_ldg8_f2f_stages_64x4_tn
        ampere_bf16_s16816gemm_bf16_256x128_ldg8_f2f_stages_64x3_nn
        volta_h884gemm_128x64_ldg8_nn
        turing_fp16_s1688gemm_fp16_128x128_ldg8_f2f_nn
        nvjet_tst_128x128_64x6_2x1_v_bz_TNT
        nvjet_sm100_tst_64x16_64x16_2x2_2cta_h_bz_TNT
        nvjet_sm90_hss_64x8_64x16_1x1_h_bz_splitK_NNT
        void cutlass::Kernel<cutlass_80_tensorop_s1688gemm_256x64_16x4_nn_align4>(P)
        void cutlass::Kernel2<cutlass_80_wmma_tensorop_bf16_s161616gemm_bf16_32x32_128x2_tn>(P)
        sm80_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_stage3_execute_kernel__5x_cublas
        sm90_xmma_gemm_e4m3bf16_e4m3f32_f32_tn_n_tilesize128x128x128_execute_kernel__5x_cublas
        cutlass3x_sm100_tensorop_s128x256x16gemm_bgrada_f16_f16_f32_f16_f16_128x256x64
        void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<Sm90TmaGmmaWarpSpecial> >
        void cutlass::device_kernel<flashinfer::gemm::DeviceGemmFp4GemmSm100<int> >(P)
        void cutlass::device_kernel<at::cuda::detail::enable_3x_kernel_for_sm9x<cutlass::gemm::kernel::GemmUniversal<cute::tuple<int>, cutlass::gemm::collective::CollectiveMma<MainloopSm90TmaGmma> > > >(P)
        bmm_MxE4m3_MxE2m1MxE4m3_Fp32_t128x16x256u2_s3_et128x16_m128x16x32_cga1x1x1_TN_sm100f
        bmm_Bfloat16_E2m1E2m1_Fp32_t128x8x512_s4_et128x8_m128x8x64_cga1x1x1_16dp256b_TN_sm100a
        bmm_E4m3_E4m3E4m3_Fp32_t128x16x128u2_s6_et64x16_m64x16x32_c1x1x1_rM_TN_transOut_sm100f
        void deep_gemm::sm90_fp8_gemm_1d2d_impl<(cute::UMMA::Major)0, 0u, 4096u, 1024u>(float*)
        void deep_gemm::sm100_fp8_fp4_gemm_1d1d_impl<(cute::UMMA::Major)0, 128u>(int*)
        void deep_gemm::sm90_tf32_hc_prenorm_gemm_impl<24u, 16384u, 64u>(unsigned int)
        void marlin::Marlin<__half, 256, 1, 8, 8, 4, 8>(int4 const*)
        void marlin_moe_wna16::Marlin<1125899906909960l, 562949953487106l, 128, 4, 8>(int4 const*)
        void cutlass::device_kernel<machete::MacheteKernelTemplate<cutlass::bfloat16_t> >(P)
        _matmul_ogs_NNT_bf16xbf16xmxfp4_16x128x256x1
        fused_moe_kernel
        fused_moe_kernel_gptq_awq
        aiter::fmoe_bf16_blockscaleFp8_g1u1_novs_silu_1tg_ps_32x256
        mfma_moe1_silu_mul_afp8_wfp4_fp8_t32x128x256_pm1
        void ck::kernel_moe_mxgemm_2lds<ck::GridwiseMoeGemmMX<int> >(P)
        void ck_tile::kentry<1, ck_tile::GroupedGemmKernel<ck_tile::GemmSpatiallyLocal<8> > >(P)
        void ck::kernel_gemm_xdl_cshuffle_v3_multi_d_b_preshuffle<ck::GridwiseGemm<int> >(P)
        _ZN5aiter36bf16gemm_bf16_tn_256x256_bpreshuffleE
        aiter::fp8gemm_bf16_blockscale_BpreShuffle_32x128
        hgemm_bf16_32x64x128x5_SPK8_W2x2x1_BLDS1_TN
        Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT256x256x64_MI16x16x1_SN_LDSB1_GRPM1
        kernel_cutlass_kernel_quackgemm_default_epiGemmDefaultSm90
        kernel_cutlass_kernel_flashinfergemmkernelsdense_blockscaled_gemm_sm120_b12xDenseGemmKernel
    """,
    (Class.MATMUL, NO): """
        ampere_sgemm_128x64_nn
        volta_fp16_sgemm_fp16_128x32_nn
        ampere_gcgemm_64x64_nt
        void cutlass::Kernel<cutlass_80_simt_sgemm_128x32_8x5_nn_align1>(P)
        sm90_xmma_gemm_f32f32_f32_nn_n_tilesize128x128x32_execute_segment_k_on_kernel__5x_cublas
        std::enable_if<!(false), void>::type internal::gemvx::kernel<int, float, float>(P)
        std::enable_if<true, void>::type internal::gemvx::kernel<int, __nv_bfloat16, float>(P)
        void gemmSN_NN_kernel<float, 256, 4, 2, 8, 4, 4, false>(P)
        void gemv2T_kernel_val<int, int, float, float, float, 128, 16, 4, 4, false>(P)
        void rocblas_gemvt_kernel<false, 256, float>(P)
        void dot_kernel<float, 128, 0, cublasDotParams<int> >(P)
        Cijk_Ailk_Bljk_SB_MT64x64x8_SE_K1_TT4_4_WG16_16_1
    """,
    (Class.MATMUL, UNKNOWN): """
        some_gemm_of_2031
        _w8a8_triton_block_scaled_mm
        matmul_kernel_persistent
        bmm_kernel
        triton_tem_fused_addmm_3
        triton_tem_fused_bmm_0
        _mxfp8_linear_kernel.kd
        _gemm_a8w8_blockscale_kernel_GROUP_K_128_GROUP_N_128
        void wvSplitK_hf_sml_<__hip_bfloat16, 64, 2, 16, 8, 2, 4>(int, int)
        LLGemm1_kernel
        void fused_a_gemm_kernel<1, 2112, 7168, 16, 8, 256, 16>(__nv_bfloat16*)
        Custom_Cijk_Alik_Bljk_F8BS_shortname1
        MatMulV2
        aclnnMatmul_MatMulV3Common_MatMulV3
        aclnnQuantMatmulWeightNz_QuantBatchMatmulV3_QuantBatchMatmulV3
    """,
    (Class.ATTENTION, YES): """
        void flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4, false, false> >(P)
        void pytorch_flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<Flash_bwd_kernel_traits>(P)
        void flash::flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128, 64, 128>, false>(P)
        void flash::compute_attn_ws<Flash_fwd_kernel_traits<192, 128, 128, 12, 2, false, 1> >(int)
        void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<M> > >(P)
        void cutlass::device_kernel<flash::FlashAttnBwd<flash::CollectiveMainloopBwd<2> > >(int)
        kernel_cutlass_kernel_flash_attncuteflash_fwd_sm100FlashAttentionForwardSm100_object_at__t
        cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128_4x1x1_kernel0
        cudnn_generated_fort_native_sdpa_sm90_flash_bprop_wgmma_f16_knob_26_64x64x128_1x1x1_kernel0
        cudnn_generated_fort_native_sdpa_sm80_flash_fprop_wmma_f16_knob_3_64x64x128_4x1x1_kernel0_0
        fmha_cutlassF_bf16_aligned_64x64_rf_sm80(P)
        fmha_cutlassB_f16_aligned_64x64_k64_sm80(P)
        fmhaSm100fKernel_QkvE4m3OBfloat16H128PagedKvCausalP16VarSeqQ16Kv128StaticSwapsAbForGen
        void cutlass::device_kernel<cutlass::fmha::kernel::Sm100FmhaFwdKernelTmaWarpspecialized<C> >
        fmha_v2_flash_attention_fp16_64_32_S_qkv_128_causal_sm86_kernel_nl
        void flashinfer::BatchPrefillWithPagedKVCacheKernel<flashinfer::KernelTraits<1> >(P)
        void flashinfer::BatchMLAPagedAttentionKernel<K>(P)
        attn_fwd
        _attn_fwd
        _attn_bwd
        bwd_kernel_dk_dv
        sage_fwd
        void qk_int8_sv_f8_accum_f32_attn_inst_buf_kernel<128, 64, 32>(signed char*)
        aiter::fmha_fwd_hd128_bf16_causal_group
        aiter::fmha_bwd_hd128_bf16_causal_a16_psskddv
        _ZN5aiter19fmha_fwd_hd128_bf16E
        void ck_tile::kentry<256, 1, ck_tile::FmhaBwdDQDKDVKernel<int> >(P)
        _ZN7ck_tile6kentryILi1ENS_13FmhaFwdKernelEEEvv
        aiter::mla_dec_stage1_bf16_a16w16_subQ16_mqa16
        _ZN5aiter42mla_a16w16_qh16_m16x4_n16x1_coex0_mask1_psE
        void paged_attention_ll4mi_QKV_mfma16_kernel<__hip_bfloat16, unsigned char>(P)
        void sm90::decode::sparse_fp8::flash_fwd_splitkv_mla_fp8_sparse_kernel<K>(P)
        void deep_gemm::sm90_fp8_mqa_logits<64u, 128u, false>(int)
    """,
    (Class.ATTENTION, NO): """
        void pytorch_flash::flash_bwd_dot_do_o_kernel<true, Flash_bwd_kernel_traits<64> >(P)
        void flash::flash_bwd_convert_dq_kernel<Flash_bwd_kernel_traits<128> >(P)
        void flash::flash_fwd_splitkv_combine_kernel<Flash_fwd_kernel_traits<128>, 4, 4, true>(P)
        void cutlass::device_kernel<flash::FlashAttnFwdCombine<cute::tuple<int> > >(P)
        void cutlass::device_kernel<flash::FlashAttnBwdPreprocess<cute::tuple<int> > >(P)
        _attn_bwd_preprocess
        void vllm::merge_attn_states_kernel<__nv_bfloat16, 128>(P)
        void flashinfer::PersistentVariableLengthMergeStatesKernel<8, 16, 8, 4>(P)
        void flashinfer::BatchDecodeWithPagedKVCacheKernel<(flashinfer::PosEncodingMode)0, 2>(P)
        void cudnn::fusion::compute_dot_do_o<true, 128>(P)
        _ZN7ck_tile6kentryILi2ENS_22FmhaBwdOGradDotOKernelEEEvv
        flash_fwd_mla_combine_kernel
        aiter::kn_mla_reduce_v1
    """,
    (Class.ATTENTION, UNKNOWN): """
        kernel_unified_attention_2d
        _fwd_grouped_kernel_stage1
        triton_tem_fused_flex_attention_0
        triton_tem_fused_flex_attention_backward_1
        fmha_cutlassF_f32_aligned_64x64_rf_sm80(P)
        void vllm::paged_attention_v1_kernel<unsigned short, unsigned short, 128, 16, 128>(P)
        void mmha::masked_multihead_attention_kernel<float, 128, 4>(P)
        fused_recurrent_gated_delta_rule_packed_decode_kernel
        chunk_gated_delta_rule_fwd_kernel_h_blockdim64
        _sparse_attn_decode_partial_kernel
        PromptFlashAttention
        aclnnFlashAttentionScoreGrad_FlashAttentionScoreGrad_FlashAttentionScoreGrad
    """,
    (Class.NORM, NO): """
        void cudnn::bn_fw_tr_1C11_kernel_NCHW<float, float, int, 512, true, 1, true>(P)
        void cudnn::bn_bw_1C11_kernel_new<float, float, float2, 128, true, 1>(float)
        cudnn_generated_fort_native_bn_finalize
        MIOpenBatchNormFwdTrainSpatial
        MIOpenBatchNormBwdSpatialFinalDScaleDBias.kd
        void at::native::batch_norm_collect_statistics_kernel<at::native::Var, float>(x)
        void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float, float>(int)
        void at::native::(anonymous namespace)::GammaBetaBackwardCUDAKernelTemplate<float>(long)
        void at::native::(anonymous namespace)::RowwiseMomentsCUDAKernel<float>(long)
        void at::native::(anonymous namespace)::ComputeInternalGradientsCUDAKernel<float>(long)
        void at::native::(anonymous namespace)::ComputeBackwardFusedParamsCUDAKernel<float>(long)
        void at::native::(anonymous namespace)::Compute1dBackwardFusedParamsCUDAKernel<float>(long)
        std::enable_if<(((8)>(0)))&&vllm::_typeConvert<c10::BFloat16>::exists, void>::type vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>(c10::BFloat16*, long)
        std::enable_if<((width) == (0)) || !_typeConvert<scalar_t>::exists>::type vllm::fused_add_rms_norm_static_fp8_quant_kernel<c10::Half, 0>(P)
        void flashinfer::norm::RMSNormKernel<(unsigned int)8, __half>(T2 *, T2 *)
        void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(__nv_bfloat16*)
        void tensorrt_llm::kernels::generalRmsNorm<__half, signed char>(P)
        void ck_tile::kentry<1, ck_tile::Rmsnorm2dFwd<ck_tile::Rmsnorm2dFwdPipelineOnePass<P> > >(P)
        _ZN5aiter24add_rmsnorm_quant_kernelIDF16bDF16bLi256E
        void <unnamed>::fused_qknorm_warp<128, 1, __nv_bfloat16>(P)
        kernel_cutlass_kernel_flashinfernormkernelsfused_add_rmsnorm
        void cuApplyLayerNorm<c10::Half, float, c10::Half>(P)
        void cuComputeGradInput<c10::Half, float, c10::Half>(P)
        void layer_norm::ln_fwd_kernel<layer_norm::Kernel_traits<__half> >(P)
        _rms_norm_forward_kernel
        _layer_norm_bwd_kernel
        l2norm_fwd_kernel
        triton_red_fused_native_batch_norm_1
        triton_red_fused__to_copy_add_copy__fused_add_rms_norm_moe_forward_shared_3
        BNTrainingReduce
        BNTrainingUpdateGrad
        AddRmsNormBias
        aclnnLayerNormWithImplMode_LayerNormV4
    """,
    (Class.CONV_FORWARD, YES): """
        sm80_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize64x64x64_g4
        void cutlass__5x_cudnn::Kernel<cutlass_tensorop_bf16_s16816fprop_optimized_bf16_nhwc>(P)
        igemm_fwd_gtcx3_nhwc_bf16_bx0_ex1_bt256x64x8_wt64x16x4_ws1x1_wr2x2
        void ck::tensor_operation::device::kernel_grouped_conv_fwd_multiple_abd_xdl_cshuffle<G>(P)
        cutlass3x_sm100_tensorop_s32x256x16_conv3d_fprop_weight_stationary_nq_2d_tiled_bf16
    """,
    (Class.CONV_FORWARD, NO): """
        void at::native::(anonymous namespace)::conv_depthwise2d_forward_kernel<3, float, int>(P)
        naive_conv_ab_nonpacked_fwd_nchw_float_double_float
        void causal_conv1d_fwd_kernel<Causal_conv1d_fwd_kernel_traits<128, 4, true> >(P)
        sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nchwkcrs_nchw
    """,
    (Class.CONV_INPUT, YES): """
        void cutlass_cudnn_infer::Kernel<cutlass_tensorop_s1688dgrad_optimized_tf32_64x128>(P)
        igemm_bwd_gtcx3_nhwc_bf16_bx0_ex1_bt128x128x32_wt32x32x8_ws1x1_wr2x2_mh_gkgs
    """,
    (Class.CONV_INPUT, NO): """
        void cudnn::detail::dgrad_engine<float, 512, 6, 5, 3, 3, 3, false>(int)
        void dgrad2d_grouped_direct_kernel<float, int>(P)
        naive_conv_ab_packed_bwd_nchw_half_double_half
    """,
    (Class.CONV_WEIGHT, YES): """
        sm80_xmma_wgrad_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nhwc_g1_execute_kernel
        igemm_wrw_gtcx3_nhwc_bf16_bx0_ex1_bt64x64x64
        void ck::tensor_operation::device::kernel_batched_gemm_xdlops_bwd_weight<ck::Gridwise>(P)
    """,
    (Class.CONV_WEIGHT, NO): """
        void cudnn::cnn::wgrad_alg0_engine<float, 128, 5, 5, 3, 3, 3, false, 512>(int)
        void cudnn::winograd_nonfused::winogradWgradData4x4<float, float>(P)
        void wgrad2d_c1_k1_nhwc_kernel<float, 3>(P)
        miopenGcnAsmConv3x3WrW
    """,
    (Class.CONV_BACKWARD, NO): """
        void causal_conv1d_bwd_kernel<Causal_conv1d_bwd_kernel_traits<128, 4> >(P)
    """,
    (Class.CONV, YES): """
        volta_fp16_s884cudnn_fp16_256x64_ldg8_relu_f2f_exp_small_nhwc_tn_v1
    """,
    (Class.CONV, NO): """
        void implicit_convolve_sgemm<float, float, 1024, 6, 7>(int)
        volta_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1
        void cudnn::winograd::generateWinogradTilesKernel<0, float, float>(P)
        volta_hcudnn_128x64_relu_interior_nn_v1
        void fft1d_r2c_32<float, float, float2, false, false>(float2*)
        void fft2d_c2r_32x32<float, false, false, 0u, false, false>(float*)
        miopenSp3AsmConv_v30_3_1_gfx9_fp32_f2x3_stride1
        void conv2d_grouped_direct_kernel<float>(x)
        cask_cudnn::computeOffsetsKernel(cask_cudnn::ComputeOffsetsParams)
        void cudnn::cnn::im2col4d_kernel<float, long>(P)
        Im2d2Col_v2
    """,
    (Class.CONV, UNKNOWN): """
        triton_tem_fused_convolution_2
        gridwise_convolution_implicit_gemm_v4r1_nchw_kcyx_nkhw_lds_double_buffer
    """,
    (Class.LAYOUT, NO): """
        void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(P)
        void nhwcToNchwKernel<float, float, float, true, false, (cudnnKernelDataType_t)0>(P)
        void cudnn::ops::nhwcToFoldedNhwcKernel<__half, __half>(P)
        void cudnn::ops::tensorTransformGeneric<float, float>(P)
        batched_transpose_16x64_pack_1x4_ediv_1x2_half
        transpose_CNHW2NCHW_V2_2D_WG_off64
        trans_TransData_12
    """,
    (Class.SPLIT_K, NO): """
        void cublasLt::splitKreduce_kernel<32, 16, int, float, float, float, float, true>(P)
        void cutlass_cudnn_train::Kernel<cutlass_cudnn_train::reduction::kernel::ReduceSplitK<M> >(P)
        void cudnn::cnn::reduce_wgrad_nchw_helper<float, float>(void*, void const*)
        sm80_xmma_wgrad_implicit_gemm_tf32f32_nhwc_tensor16x8x8_execute_split_k_kernel_cudnn_train
        SubTensorOpWithCastTensor1d
        SubTensorOpWithCastTensor2d
        Cijk_S_BiasS_PostGSU8_VW4
    """,
    (Class.OPTIMIZER, NO): """
        void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::(anonymous namespace)::FusedOptimizerTensorListMetadata<4>, at::native::FusedAdamMathFunctor<float, 4> >(P)
        void multi_tensor_apply_kernel<TensorListMetadata<4>, AdamFunctor<float, float, int>, float>
        void multi_tensor_apply_kernel<TensorListMetadata<5, false>, transformer_engine::multi_tensor_adam::AdamFunctorMaster<float> >(P)
        void multi_tensor_apply_kernel<TensorListMetadata<4>, LAMBStage1Functor<float> >(P)
        void kOptimizerStatic8bit2StateBlockwise<float, 0, 256, 1>(P)
        ApplyAdamW
        triton_for_fused_adamw_0
    """,
    (Class.REDUCTION, NO): """
        void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::(anonymous namespace)::TensorListMetadata<1>, at::native::LpNormFunctor<float, (at::native::NormType)1, float, 1, 1, 0>, float*, int>(P)
        void multi_tensor_apply_kernel<TensorListMetadata<1>, L2NormFunctor<float>, float*>(P)
        void at::native::lpnorm_cleanup<float, (at::native::NormType)1, float>(float const*)
        void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::MeanOps> >(x)
        void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, NormTwoOps<float> > >(x)
        void at::native::tensor_kernel_scan_innermost_dim<float, std::plus<float> >(float*)
        void cub::DeviceReduceKernel<cub::DeviceReducePolicy<float>, float*>(float*)
        void cub::DeviceScanKernel<cub::DeviceScanPolicy<int>::Policy600, int*, int*>(int*)
        void selective_scan_fwd_kernel<Selective_Scan_fwd_kernel_traits<128, 16, 1> >(P)
        chunk_local_cumsum_scalar_kernel
        moe_sum_kernel
        triton_red_fused_linalg_vector_norm_0
        triton_per_fused_sum_3
        triton_spl_fused_cumsum_0
        aclnnMean_ReduceMeanAiCore_ReduceMean
    """,
    (Class.REDUCTION, UNKNOWN): """
        _chunk_scan_fwd_kernel
        _chunk_state_fwd_kernel
    """,
    (Class.POOLING, NO): """
        void at::native::(anonymous namespace)::max_pool_forward_nchw<float, float>(int)
        void at::native::(anonymous namespace)::adaptive_average_pool<float>(float const*)
        void cudnn::ops::pooling_fw_4d_kernel<float, float, cudnn::averpooling_func<float> >(P)
        triton_poi_fused_max_pool2d_with_indices_3
        mloPoolingG
        MaxPoolV3
    """,
    (Class.LOSS, NO): """
        void (anonymous namespace)::softmax_warp_forward<float, float, float, 10, true, false>(x)
        void at::native::(anonymous namespace)::cunn_SoftMaxForward<4, float, float, float>(P)
        void at::native::(anonymous namespace)::nll_loss_forward_reduce_cuda_kernel_2d<float>(P)
        void cunn_ClassNLLCriterion_updateOutput_kernel<float, float>(float*)
        void multihead::scaled_masked_softmax_warp_forward<__half, __half, float, 9>(P)
        liger_cross_entropy_kernel
        triton_red_fused__log_softmax_5
        aclnnSoftmax_SoftmaxAiCore_SoftmaxV2
    """,
    (Class.ELEMENTWISE, NO): """
        void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float> >(int)
        void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::(anonymous namespace)::TensorListMetadata<1>, at::native::(anonymous namespace)::BinaryOpScalarFunctor<float, 1, 1, 0>, std::multiplies<float>, float>(P)
        _ZN7sgl_hip10activation18act_and_mul_kernelI14__hip_bfloat16TnPFT_RKS3_EXadL_Z4siluIS2_ES3_S5_EEEEvPS3_PS4_i
        void vllm::act_and_mul_kernel<c10::BFloat16, &vllm::silu_kernel<c10::BFloat16>, true>(P)
        void transformer_engine::gated_act_kernel<silu>(P)
        void moe::dev::activation::activationDeepSeekKernel<P>(P)
        _swiglu_forward_kernel
        void vllm::rotary_embedding_kernel<c10::BFloat16, (bool)1>(const long *)
        void flashinfer::BatchQKApplyRotaryPosIdsCosSinCacheHeadParallelismKernel<0, 128, 8>(P)
        _inverse_rope_gptj_kernel
        void per_token_group_quant_8bit_kernel<c10::BFloat16, c10::Float8_e4m3fn, true>(P)
        _ZN5aiter37dynamic_per_group_scaled_quant_kernelIDF16bE
        void tensorrt_llm::kernels::quantize_with_block_size<(P)2, __nv_bfloat16, 32, true>(P)
        void kDequantizeBlockwise<__nv_bfloat16, 512, 64, 8, 2>(float*)
        void te_cast_transpose_kernel<float>(P)
        void cudnn::ops::scalePackedTensor_kernel<float, float>(cudnnTensor4dStruct, float*)
        void op_generic_tensor_kernel<2, float, float, float, 256, (cudnnGenericOp_t)7>(P)
        void epilogue::impl::globalKernel<float, float, float, true, true>(int)
        void at::native::(anonymous namespace)::upsample_bilinear2d_out_frame<float, float>(int)
        triton_poi_fused_add_cos_sin_0
        triton_poi_fused__scaled_dot_product_flash_attention_2
        triton_poi_fused_addmm_gelu_1
        triton_poi_fused_all_reduce_add_3
        triton_for_fused_0
        triton__0d1d2d3d4d5d6d7d8d9d10d11d12d13d14
        triton__0d1d2de
        Relu
        RealDiv
        aclnnMul_MulAiCore_Mul
        aclnnInplaceCopy_CastAiCore_Cast
    """,
    (Class.INDEXING, NO): """
        deepgemm_compute_src2dst_triton_kernel
        void at::native::index_elementwise_kernel<128, 4, at::native::gpu_index_kernel<at::native::index_kernel_impl<at::native::OpaqueType<4> > > >(x)
        void at::native::_scatter_gather_elementwise_kernel<256, 4, at::native::_cuda_scatter_gather>
        void at::native::vectorized_gather_kernel<16, long>(char*)
        void at::native::(anonymous namespace)::indexSelectLargeIndex<float, long, unsigned int>(P)
        void at::native::(anonymous namespace)::EmbeddingBag_updateOutputKernel_sum_mean<float>(P)
        void at::native::(anonymous namespace)::compute_grad_weight<float, long>(long const*)
        void at::native::sbtopk::gatherTopK<float, unsigned int, 2, false>(P)
        void at::native::radixSortKVInPlace<2, -1, 32>(P)
        void cub::DeviceRadixSortOnesweepKernel<cub::DeviceRadixSortPolicy<long> >(int*)
        void cub::DeviceReduceByKeyKernel<cub::DispatchReduceByKey<long*> >(int*)
        void rocprim::ROCPRIM_400200_NS::detail::trampoline_kernel<rocprim::radix_sort_config>(P)
        void split_embedding_backward_codegen_adagrad_unweighted_kernel_cta_per_row_1<float>(P)
        void fbgemm_gpu::permute_2D_data_kernel<false, int, int, decltype(nullptr)>(int)
        void vllm::moe::topkGatingSoftmax<6, 384, 4, 16>(float const*)
        _ZN5aiter19topksoftmax_4x128x4E
        void vllm::moe::moe_align_block_size_kernel<int>(int*)
        _ZN7ck_tile6kentryILi1ENS_16MoeSortingKernelINS_16MoeSortingProblemEEEEEvNT0_5KargsE
        void moe::dev::routing::routingCustom::routingIndicesBlockKernel<P>(P)
        void moe::dev::finalize::finalizeKernelVecLoad<P>(P)
        void tensorrt_llm::kernels::cutlass_kernels::expandInputRowsKernel<__nv_bfloat16>(P)
        void tensorrt_llm::kernels::cutlass_kernels::finalizeMoeRoutingKernel<__nv_bfloat16>(P)
        fused_mx_quant_moe_sort_kernel
        _permute_kernel
        _compute_slot_mapping_kernel
        triton_poi_fused_embedding_0
        GatherV2
    """,
    (Class.RANDOM, NO): """
        void at::native::(anonymous namespace)::distribution_elementwise_grid_stride_kernel<float>(P)
        void at::native::(anonymous namespace)::fused_dropout_kernel_vec<float, float, unsigned>(P)
        void flashinfer::sampling::TopKTopPSamplingFromProbKernel<1024>(P)
        triton_poi_fused_native_dropout_2
    """,
    (Class.COPY, NO): """
        void at::native::elementwise_kernel<128, 2, at::native::gpu_kernel_impl<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)> >(x)
        void at::native::vectorized_elementwise_kernel<4, at::native::bfloat16tofloat32_copy_kernel_cuda(at::TensorIteratorBase&)>(int)
        void at::native::(anonymous namespace)::CatArrayBatchedCopy_aligned16_contig<float>(x)
        at::native::detail::split_with_sizes_copy_out_contiguous_no_cast_kernel(char**, char**)
        void at::native::detail::chunk_cat_cuda_kernel<float, c10::BFloat16>(float**)
        void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, unsigned char>(P)
        void vllm::concat_and_cache_mla_kernel<__nv_bfloat16, __nv_bfloat16>(P)
        void vllm::indexer_k_quant_and_cache_kernel<__nv_bfloat16>(P)
        void flashinfer::AppendPagedKVCacheKernel<128u, 8u, __nv_bfloat16>(P)
        set_mla_kv_buffer_kernel
        kv_cache_write_fp8_e4m3_batched
        __amd_rocclr_copyBuffer
        memcpy_triton_kernel
        void nhwcAddPaddingKernel<__half, __half, float>(P)
        void cuda::batched_transpose<512, 128, 1, 1>(unsigned char const*, unsigned char*, int)
        void transpose_readWrite_alignment_kernel<float2, float2, 1, false, 6, 4, 4>(P)
        void deep_gemm::transpose_fp32<512, 64>(const float *, float *)
        void marlin::gptq_marlin_repack_kernel<256, 4, false>(unsigned int const*)
        triton_poi_fused_clone_0
        triton_poi_fused__to_copy_permute_1
        triton_poi_fused_all_gather_copy_in_1
        aclnnMatmul_TransposeAiCore_Transpose
        SliceD
        TensorMove
    """,
    (Class.FILL, NO): """
        void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float> >(int)
        __amd_rocclr_fillBufferAligned
        SubTensorOpWithScalar1d
        triton_poi_fused_zeros_0
        void deep_gemm::smxx_clean_logits<128u>(P)
        ZerosLike
    """,
    (Class.OTHER, UNKNOWN): """
        a_kernel_that_nobody_knows
        main_kernel
        void ns::frobnicate<float, 3>(float*)
        _ZN
        triton_tem_fused_0
    """,
}


KNOWN = [
    (line.strip(), cls, core)
    for (cls, core), names in _TABLE.items()
    for line in names.strip().splitlines()
]
"""Each name with its class and what it says of tensor cores."""
