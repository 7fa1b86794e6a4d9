"""Traces as tables: what can be asked, and that it agrees with the report."""

from pathlib import Path

import duckdb
import pytest

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.sql import TABLES, ask, export
from tests.reports.trace.made import BACKWARD, Made

GEMM, NCCL = "ampere_sgemm_128x64_nn", "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"


def made(rank: int) -> Made:
    made = Made(header={"distributedInfo": {"rank": rank, "world_size": 2}})
    for number in range(2):
        at = number * 100
        made.step(number + 5, at, 100)
        made.row("user_annotation", "## stages.0: Conv2d ##", at + 1, 9)
        made.op("aten::mm", at + 2, 6, **{"Sequence number": 7 + number})
        made.kernel(GEMM, at + 20, 10, called=at + 4)
        name = "autograd::engine::evaluate_function: MmBackward0"
        made.op(name, at + 30, 9, BACKWARD, **{"Sequence number": 7 + number})
        made.on_gpu("kernel", GEMM, at + 45, 5.5, made.launch(at + 32, tid=BACKWARD))
        made.kernel(NCCL, at + 60, 20)
    return made


@pytest.fixture
def two(tmp_path: Path) -> list[Analysis]:
    return [analyse(made(rank).write(tmp_path, f"rank{rank}.json")) for rank in range(2)]


def test_steps_agree_with_the_report(two: list[Analysis]) -> None:
    answer = ask(
        two,
        "SELECT rank, step, used, duration_ns, compute_ns, exposed_communication_ns, "
        "exposed_copy_ns, idle_ns FROM steps ORDER BY rank, step",
    )
    told = report(two[0]).steps
    expected = [
        (
            *(rank, told.number[at], True, told.step_ns[at], told.compute_ns[at]),
            *(told.exposed_communication_ns[at], told.exposed_copy_ns[at], told.idle_ns[at]),
        )
        for rank in range(2)
        for at in range(2)
    ]
    assert list(answer.rows) == expected


def test_kernels_know_where_they_come_from(two: list[Analysis]) -> None:
    answer = ask(
        two[:1],
        "SELECT name, class, pass, layer, operator, step, count(*), sum(duration_ns) FROM kernels "
        "GROUP BY ALL ORDER BY step, sum(duration_ns)",
    )
    backward = "autograd::engine::evaluate_function: MmBackward0"
    assert answer.rows[:3] == (
        (GEMM, "matrix product", "backward", "stages.0", backward, 5, 1, 5500),
        (GEMM, "matrix product", "forward", "stages.0", "aten::mm", 5, 1, 10_000),
        (NCCL, "communication", "", "", "", 5, 1, 20_000),
    )


def test_ops_have_their_own_time_and_a_parent(two: list[Analysis]) -> None:
    answer = ask(
        two[:1],
        "SELECT kind, parent, duration_ns, self_ns, thread, sequence FROM ops "
        "WHERE name = 'aten::mm' ORDER BY start_ns LIMIT 1",
    )
    assert answer.rows == (("operator", "## stages.0: Conv2d ##", 6000, 5000, "100", 7),)


def test_collectives_of_all_ranks(two: list[Analysis]) -> None:
    answer = ask(
        two, "SELECT rank, count(*), sum(duration_ns) FROM collectives GROUP BY ALL ORDER BY 1"
    )
    assert answer.rows == ((0, 2, 40_000), (1, 2, 40_000))


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    one = Made().on_gpu("kernel", GEMM, 10, 5).write(tmp_path)
    answer = ask([analyse(one)], "SELECT rank, correlation, launch_ns, operator FROM kernels")
    assert answer.rows == ((None, None, None, ""),)


def test_tables_of_a_trace_without_a_device(tmp_path: Path) -> None:
    one = Made().step(1, 0, 50).op("gloo:all_reduce", 5, 10).op("aten::add", 20, 5).write(tmp_path)
    for table, count in zip(TABLES, (0, 3, 1, 1, 0), strict=True):
        assert ask([analyse(one)], f"SELECT count(*) FROM {table}").rows == ((count,),)


def test_a_mistake_in_sql_is_one_line(two: list[Analysis]) -> None:
    with pytest.raises(StoreError, match="nonsense"):
        ask(two, "SELECT nonsense FROM kernels")


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_exported_tables_are_the_same(two: list[Analysis], tmp_path: Path, form: str) -> None:
    written = export(two, tmp_path / "it's out", form)
    assert [path.name for path in written] == [f"{table}.{form}" for table in TABLES]
    with duckdb.connect() as connection:
        quoted = str(written[0]).replace("'", "''")
        rows = connection.execute(f"SELECT sum(duration_ns), count(*) FROM '{quoted}'").fetchall()
    assert rows == [(2 * 2 * 35_500, 12)]


def test_a_folder_that_cannot_be_written(two: list[Analysis], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write to"):
        export(two, tmp_path / "file" / "inside", "csv")


def test_a_rank_without_rows_beside_one_that_has_some(tmp_path: Path) -> None:
    silent = Made(header={"distributedInfo": {"rank": 0, "world_size": 2}})
    silent.step(0, 0, 100).kernel(GEMM, 20, 10)
    paths = [silent.write(tmp_path, "rank0.json"), made(1).write(tmp_path, "rank1.json")]
    for order in (paths, paths[::-1]):
        traces = [analyse(path) for path in order]
        assert ask(traces, "SELECT DISTINCT rank, name FROM collectives").rows == ((1, NCCL),)
    assert len(export([analyse(path) for path in paths], tmp_path / "out", "parquet")) == 5


def test_ranks_are_told_by_their_files_where_traces_do_not(tmp_path: Path) -> None:
    path = Made().step(0, 0, 100).kernel(GEMM, 20, 10).write(tmp_path)
    assert ask([analyse(path, rank=3)], "SELECT rank FROM kernels").rows == ((3,),)


SHAPES = {
    "Input Dims": [[8, 4], [4, 2]],
    "Input type": ["float", "float"],
    "Input Strides": [[4, 1], [2, 1]],
    "Concrete Inputs": ["", "1"],
}


def detailed() -> Made:
    made = Made().step(0, 0, 100).row("user_annotation", "## fc: Linear ##", 1, 20)
    made.op("aten::linear", 2, 10).op("aten::mm", 3, 8, **SHAPES).kernel(GEMM, 30, 5, called=4.0)
    made.rows[-1]["args"] |= {
        "grid": [16, 1, 2],
        "block": [128, 1, 1],
        "registers per thread": 40,
        "shared memory": 4096,
    }
    made.on_gpu("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)", 50, 2, made.launch(48))
    made.rows[-1]["args"]["bytes"] = 5000
    return made


@pytest.mark.parametrize("indent", [None, 2])
def test_sizes_of_kernels_and_arguments_of_their_operators(
    tmp_path: Path, indent: int | None
) -> None:
    """However the trace is indented, a text is the same."""
    one = analyse(detailed().write(tmp_path, indent=indent), details=True)
    answer = ask(
        [one],
        "SELECT bytes, grid, block, registers, shared_memory, shapes, types, module FROM kernels "
        "ORDER BY start_ns",
    )
    assert answer.rows == (
        (None, "[16,1,2]", "[128,1,1]", 40, 4096, "[[8,4],[4,2]]", '["float","float"]', "fc"),
        (5000, None, None, None, None, None, None, None),
    )


def test_operators_with_arguments_and_parents(tmp_path: Path) -> None:
    one = analyse(detailed().write(tmp_path), details=True)
    answer = ask(
        [one],
        "SELECT o.shapes, o.strides, o.types, o.inputs, o.module, p.name, count(k.op) FROM ops o "
        "JOIN ops p ON p.op = o.parent_op LEFT JOIN kernels k ON k.op = o.op "
        "WHERE o.name = 'aten::mm' GROUP BY ALL",
    )
    told = ("[[8,4],[4,2]]", "[[4,1],[2,1]]", '["float","float"]', '["","1"]', "fc")
    assert answer.rows == ((*told, "aten::linear", 1),)


def test_shapes_can_be_taken_apart(tmp_path: Path) -> None:
    one = analyse(detailed().write(tmp_path), details=True)
    sql = "SELECT (shapes->'$[0][1]')::INT FROM ops WHERE shapes IS NOT NULL"
    assert ask([one], sql).rows == ((4,),)


def test_a_report_keeps_no_details(tmp_path: Path) -> None:
    plain = analyse(detailed().write(tmp_path))
    assert plain.trace.texts == ()
    assert ask([plain], "SELECT DISTINCT grid, shapes FROM kernels").rows == ((None, None),)
    full = analyse(detailed().write(tmp_path), details=True)
    assert report(full) == report(plain)


@pytest.mark.parametrize("odd", ["many", None, [], {"a": 1}, 2.5, -1])
def test_odd_details_are_null(tmp_path: Path, odd: object) -> None:
    made = detailed()
    for row in made.rows:
        if row["name"] == GEMM:
            row["args"] |= {"registers per thread": odd, "shared memory": odd}
    answer = ask([analyse(made.write(tmp_path), details=True)], "SELECT registers FROM kernels")
    assert answer.rows == ((None,), (None,))
