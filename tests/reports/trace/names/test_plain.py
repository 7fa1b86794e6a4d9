"""Names made readable: mangled ones, return types, unnamed namespaces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.trace.names.plain import head, plain

ACTIVATION = (
    "_ZN7sgl_hip10activation18act_and_mul_kernelI14__hip_bfloat16TnPFT_RKS3_EXadL_Z4siluIS2_ES3_S5_"
    "EEEEvPS3_PS4_i"
)


@pytest.mark.parametrize("name", [ACTIVATION, f"{ACTIVATION}.kd"])
def test_mangled_names_are_demangled(name: str) -> None:
    assert plain(name).startswith("void sgl_hip::activation::act_and_mul_kernel<__hip_bfloat16, &")
    assert plain(name).endswith("(__hip_bfloat16*, __hip_bfloat16 const*, int)")
    assert short(name).startswith("sgl_hip::activation::act_and_mul_kernel<__hip_bfloat16")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_Z",
        "_ZN",
        "fmha_fwd",
        "i",  # a type, for the demangler
        ACTIVATION[:60],
        f"{ACTIVATION}\0",
        "_Z\udc80f",
        "_Z1fI" + "P" * 200_000 + "iEvv",  # nested so deep that the demangler would crash
        "void f<float>(int)",
    ],
)
def test_what_cannot_be_demangled_stays(name: str) -> None:
    assert plain(name) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("void at::native::reduce_kernel<512, 1>(x)", "at::native::reduce_kernel"),
        ("void (anonymous namespace)::f<float>(int)", "f"),
        ("void at::<unnamed>::f<float>(int)", "at::f"),
        ("ncclDevKernel_Generic(ncclDevKernelArgsStorage<4096ul>)", "ncclDevKernel_Generic"),
        (
            "std::enable_if<!(false), void>::type internal::gemvx::kernel<int>(P)",
            "internal::gemvx::kernel",
        ),
        ("std::enable_if<(((8)>(0)))&&a::b<c>::exists, void>::type vllm::f<c, 8>(c*)", "vllm::f"),
        ("std::enable_if<((8) == (0)) || !a<b>::exists>::type vllm::f<c, 0>(P)", "vllm::f"),
        ("std::enable_if_t<std::is_same_v<T, float>, void> ns::g<3>(int)", "ns::g"),
        ("void f<float, std::plus<float> >(float*) [clone .kd]", "f"),
        ("_matmul_kernel.kd", "_matmul_kernel"),
        ("aclnnInplaceCopy_CastAiCore_Cast", "Cast"),
        (
            "_ZN2ck16tensor_operation6device12_GLOBAL__N_111kernel_gemm",
            "ck::tensor_operation::device::kernel_gemm",
        ),
        ("_ZN19cutlass_cudnn_train6KernelINS_4conv6ker", "cutlass_cudnn_train::Kernel"),
        ("", ""),
    ],
)
def test_heads(name: str, told: str) -> None:
    assert head(name) == told


@given(
    st.one_of(st.text(max_size=80), st.from_regex(r"_Z(N?(\d[a-z]{1,9}){0,5}[A-Z]{0,6})?[vif]*"))
)
def test_any_name_can_be_read(name: str) -> None:
    assert plain(plain(name)) == plain(name) or plain(name).startswith("_Z")
    assert "<" not in head(name) or name.startswith("_Z")
