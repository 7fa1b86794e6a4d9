"""Lines of oneDNN's log, as its versions write them."""

import pytest

from resnext_bench.convs.times.onednn_log import call_of, executed, header_of

REORDER = (
    "onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:bf16::blocked:abcd::f0 "
    "dst:bf16::blocked:acdb::f0,attr-scratchpad:user,,8x256x56x56,3.0"
)
CONVOLUTION = (
    "onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx10_1_512_amx,"
    "forward_training,src:bf16:a:blocked:acdb::f0 wei:bf16:ap:blocked:aBdeC16b2c::f0 "
    "bia:undef::undef::: dst:bf16:a:blocked:acdb::f0,attr-scratchpad:user,alg:convolution_direct,"
    "g32mb8_ic256oc256_ih56oh28kh3sh2dh0ph1_iw56ow28kw3sw2dw0pw1,1.0"
)
OLDER = {
    "mkldnn_verbose,exec,convolution,jit:avx512_common,forward_training,"
    "fsrc:nChw16c fwei:gOIhw16i16o fbia:undef fdst:nChw16c,alg:convolution_direct,mb8_g32,0.5": (
        "convolution",
        "jit:avx512_common",
        0.5,
    ),
    "dnnl_verbose,exec,cpu,convolution,jit:avx2,backward_data,src_f32::blocked:aBcd8b:f0 "
    "wei_f32::blocked:aBCde8b8c:f0 dst_f32::blocked:aBcd8b:f0,,alg:convolution_direct,mb8,0.25": (
        "convolution",
        "jit:avx2",
        0.25,
    ),
    "onednn_verbose,1693411200.123,exec,cpu,convolution,x64:gemm:jit,backward_weights,"
    "src_bf16::blocked:abcd:f0 diff_wei_bf16::blocked:abcde:f0 diff_dst_bf16::blocked:abcd:f0,,"
    "alg:convolution_direct,mb8_g32,7.5": ("convolution", "x64:gemm:jit", 7.5),
    "onednn_verbose,v1,1693411200.123,primitive,exec,cpu,reorder,jit:uni,undef,"
    "src:f32::blocked:ab::f0 dst:f32::blocked:ba::f0,,,8x8,0.125": ("reorder", "jit:uni", 0.125),
}
NO_LINES = (
    "",
    "onednn_verbose",
    "a word of a library",
    "onednn_verbose,v1,info,oneDNN v3.13.3 (commit b38f97e)",
    "onednn_verbose,v1,primitive,create:cache_hit,cpu,convolution,jit:avx2,undef,,,,mb8,0.5",
    CONVOLUTION.rpartition(",")[0],
    CONVOLUTION.rpartition(",")[0] + ",nan",
    CONVOLUTION.rpartition(",")[0] + ",-1",
    "onednn_verbose,exec",
    "onednn_verbose,exec,cpu",
)


@pytest.mark.parametrize("line", OLDER)
def test_each_version_is_read(line: str) -> None:
    (found,) = executed([line])
    assert (found.kind, found.implementation, found.ms) == OLDER[line]


@pytest.mark.parametrize("line", NO_LINES)
def test_what_is_not_understood_is_skipped(line: str) -> None:
    assert list(executed([line])) == []
    assert call_of([line]) is None
    assert [one.ms for one in executed([line, CONVOLUTION])] == [1.0]


def test_a_call_is_named_by_its_convolution_and_not_by_a_longer_copy() -> None:
    found = call_of([REORDER, CONVOLUTION])
    assert found
    assert (found.kernel, found.computes_in) == ("brg_conv_fwd:avx10_1_512_amx", "bf16")
    assert (found.ms, found.beside, found.converted) == (4.0, 0.75, 0.0)
    assert dict(found.kinds) == {"reorder": 1, "convolution": 1}


def test_copies_to_another_type_are_told_apart() -> None:
    converted = REORDER.replace("dst:bf16", "dst:f32")
    found = call_of([converted, REORDER, CONVOLUTION.replace("bf16", "f32")])
    assert found
    assert found.computes_in == "f32"
    assert (found.beside, found.converted) == (6 / 7, 3 / 7)
    older = "dnnl_verbose,exec,cpu,reorder,jit:uni,undef,src_f32::blocked:ab:f0 dst_bf16::b:f0,,,8"
    assert (found := call_of([f"{older},1"]))
    assert found.converted == 1.0


def test_the_header_tells_version_and_instructions() -> None:
    text = (
        "onednn_verbose,v1,info,oneDNN v3.13.3 (commit b38f97e)\n"
        "onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:2\n"
        "onednn_verbose,v1,info,cpu,isa:Intel AVX2 with Intel DL Boost\n"
    )
    found = header_of(text)
    assert (found.version, found.isa) == ("3.13.3", "Intel AVX2 with Intel DL Boost")
    assert header_of("no such line") == header_of("")
    assert header_of("dnnl_verbose,info,DNNL v1.5.0 (commit x)").version == "1.5.0"
