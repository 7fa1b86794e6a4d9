"""A kernel-time report on terminals of every width: what is dropped, what is always there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.render.kernel_names import fitting, short
from resnext_bench.reports.render.trace.report import ranks_sections, sections
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.ranks.side_by_side import collectives, ranks
from resnext_bench.reports.trace.report import report
from tests.reports.drawn import drawn
from tests.reports.trace.made import Made

WIDTHS = (80, 100, 120, 160)
FORWARD = "sm80_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x32"
LAYOUT = "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true, (cudnnKernelDataType)"
NORM = "void at::native::batch_norm_collect_statistics_kernel<at::native::InvStd, float>(int)"
REDUCE = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
SHAPES = {
    "Input Dims": [[256, 1024, 14, 14], [1024, 32, 3, 3], [], [], [], [], [], [], []],
    "Input Strides": [[200704, 1, 14336, 1024], [288, 1, 96, 32], [], [], [], [], [], [], []],
    "Input type": ["c10::BFloat16", "c10::BFloat16", "", "ScalarList"],
    "Concrete Inputs": ["", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "False", "[0, 0]", "32"],
}


def reported(folder: Path, rank: int = 0) -> TraceReport:
    made = Made(header={"distributedInfo": {"backend": "nccl", "rank": rank, "world_size": 2}})
    made.header["deviceProperties"] = [{"id": 0, "name": "NVIDIA H100 80GB HBM3"}]
    for step in (0, 10_000):
        made.step(step, step, 10_000).row("user_annotation", "## forward ##", step, 5000)
        made.op("aten::convolution", step + 10, 100, **SHAPES)
        made.kernel(LAYOUT, step + 1000, 123.456, called=step + 20)
        made.kernel(FORWARD, step + 2000, 1234.5, called=step + 30)
        made.kernel(NORM, step + 4000, 345.6)
        made.kernel(REDUCE, step + 5000 + rank, 4321)
    return report(analyse(made.write(folder, f"rank{rank}.pt.trace.json")))


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_figures_are_whole(tmp_path: Path, width: int) -> None:
    found = reported(tmp_path)
    shown = drawn(sections(found, 15), width, uncut=found.file)
    text = "\n".join(shown)
    for whole in (
        "where a step goes on NVIDIA H100 80GB HBM3, rank 0 of 2 (nccl)",
        "exposed communication │     4.32 ms",
        "layout tax",
        found.file,
        "1024@14 → 1024 3x3 g32x32 n256",
        "1.23 ",
        "conv forward",
        "backward",
    ):
        assert whole in text
    tables = text.partition("by class")[2]
    figures = [word for line in tables.splitlines() for word in line.split()[:2]]
    assert not [word for word in figures if "…" in word], "no number is cut"


def test_wide_terminals_show_more(tmp_path: Path) -> None:
    found = reported(tmp_path)
    narrow, wide = (
        "\n".join(drawn(sections(found, 15), width, uncut=found.file)) for width in (80, 200)
    )
    for column in ("p95", "min", "tensor", "calls"):
        assert f" {column} " in wide
    assert " p95 " not in narrow
    assert FORWARD not in narrow
    assert FORWARD in wide


@pytest.mark.parametrize("width", WIDTHS)
def test_ranks_fit(tmp_path: Path, width: int) -> None:
    paths = [Path(reported(tmp_path, rank).file) for rank in (0, 1)]
    analyses = [analyse(path) for path in paths]
    found = ranks(
        [report(one) for one in analyses], [collectives(one) for one in analyses], whole=True
    )
    shown = drawn(ranks_sections(found), width)
    assert any("rank 1: 2 of 2" in line for line in shown)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (NORM, "batch_norm_collect_statistics_kernel<InvStd, float>"),
        (REDUCE, "ncclDevKernel_AllReduce_Sum_f32_RING_LL"),
        (FORWARD, FORWARD),
        ("void (anonymous namespace)::copy_kernel<float>(int, int)", "copy_kernel<float>"),
        ("Memcpy HtoD (Pageable -> Device)", "Memcpy HtoD (Pageable -> Device)"),
        ("autograd::engine::evaluate_function: ReluBackward0", "autograd: ReluBackward0"),
        ("torch::autograd::AccumulateGrad", "AccumulateGrad"),
        ("f(g(x))", "f"),
        ("(x)", "(x)"),
        ("x)", "x)"),
        ("", ""),
    ],
)
def test_short_names(name: str, told: str) -> None:
    assert short(name) == told


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["short", "short"], ["short", "short"]),
        (["a_long_name_of_some", "other"], ["a_long_nam…", "other"]),
        (
            ["vectorized<4, AddFunctor>", "vectorized<4, MulFunctor>", "vectorized<8>"],
            ["vecto…4, A…", "vecto…4, M…", "vectoriz…8>"],
        ),
        (
            ["kernel_x<float, 1, 64>", "kernel_x<float, 1, 32>", "kernel_x<half, 1, 64>"],
            ["kernel_…64>", "kernel_…32>", "kernel_x<h…"],
        ),
    ],
)
def test_names_that_would_read_alike_lose_their_middle(names: list[str], told: list[str]) -> None:
    assert fitting(names, 11) == told


@given(st.lists(st.text("ab<", min_size=1, max_size=30), min_size=1), st.integers(4, 30))
def test_names_fit(names: list[str], width: int) -> None:
    found = fitting(names, width)
    assert all(len(one) <= width for one in found)
    assert all(one == name for one, name in zip(found, names, strict=True) if len(name) <= width)
