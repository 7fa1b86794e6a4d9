"""Names of kernels in a table: short, in a line, and never two that look the same."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.render.kernel_names import distinct, fitting, short
from resnext_bench.reports.render.trace.report import sections
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.drawn import drawn
from tests.reports.trace.made import Made

XMMA = "sm80_xmma_{}_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize{}x{}_stage4_kernel"
ALIKE = [XMMA.format(way, m, n) for way, m, n in product(("fprop", "dgrad"), (64, 128), (32, 64))]


@pytest.mark.parametrize("width", [12, 16, 24, 40, 60])
def test_one_long_word_is_cut_where_it_differs(width: int) -> None:
    found = fitting(ALIKE, width)
    assert len(set(found)) == len(ALIKE)
    assert all(len(one) <= width for one in found)


def test_parts_of_a_word_are_shown_from_their_beginning() -> None:
    found = fitting([XMMA.format("fprop", 64, 32), XMMA.format("fprop", 128, 32)], 40)
    assert [one.partition("…")[2] for one in found] == [
        "tilesize64x32_stage…",
        "tilesize128x32_stag…",
    ]


@given(
    st.lists(st.text("ab_<", min_size=1, max_size=40), min_size=1, max_size=12, unique=True),
    st.integers(8, 40),
)
def test_different_names_read_apart(names: list[str], width: int) -> None:
    found = fitting(names, width)
    assert all(len(one) <= width for one in found)
    long = [one for one, name in zip(found, names, strict=True) if len(name) > width]
    assert len(set(long)) == len(long)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["void f<float>(int)", "g(x)"], ["f<float>", "g"]),
        (["void f<float>(int)", "f<float>(long)"], ["f<float>(int)", "f<float>(long)"]),
        (["at::native::f(int)", "f(int)"], ["at::native::f(int)", "f(int)"]),
        (["a(int)", "a(int)"], ["a", "a"]),
        (["autograd::engine::evaluate_function: X", "torch::autograd::X"], ["autograd: X", "X"]),
        ([], []),
    ],
)
def test_what_is_dropped_comes_back_where_it_tells_names_apart(
    names: list[str], told: list[str]
) -> None:
    assert distinct(names) == told


@given(
    st.lists(st.sampled_from(["void ", "at::native::", "f", "<int>", "(x)", "std::"]), max_size=6)
)
def test_distinct_is_as_many_as_there_are(parts: list[str]) -> None:
    names = ["".join([*parts[:at], "k", *parts[at:]]) for at in range(len(parts) + 1)]
    assert len(set(distinct(names))) == len(set(names))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("two\nlines", "two lines"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("tab\tand\x85more", "tab and more"),
        ("größer_als_片", "größer_als_片"),
    ],
)
def test_a_name_is_one_line(name: str, told: str) -> None:
    assert short(name) == told


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_rows_of_a_table_read_apart(tmp_path: Path, width: int) -> None:
    made = Made().step(0, 0, 1000)
    names = [*ALIKE, "void f<float>(int)", "f<float>(long)"]
    for at, name in enumerate(names):
        made.kernel(name, 10 + 90 * at, 50.5)
    found = report(analyse(made.write(tmp_path)))
    text = "\n".join(drawn(sections(found, 15), width, uncut=found.file))
    table = text.partition("by kernel")[2].partition("how the host")[0]
    rows = [line.split()[-1] for line in table.splitlines() if "…" in line]
    assert width > 150 or rows
    assert len(set(rows)) == len(rows)
