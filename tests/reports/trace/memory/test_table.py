"""The table `memory` of `trace query`: a row for each block."""

from pathlib import Path

from resnext_bench.reports.trace.sql import ask
from tests.reports.trace.memory.made_memory import BLOCK, PEAK, analysed, steps


def test_blocks_by_kind_and_operator(tmp_path: Path) -> None:
    found = analysed(steps(before=7 * BLOCK, leak=1000)[0], tmp_path)
    asked = "kind, name, module, pass, count(*), sum(bytes)"
    sql = f"SELECT {asked} FROM memory WHERE lifetime <> 'end' GROUP BY ALL ORDER BY 6, 1"
    backward, conv = ("aten::convolution_backward", "conv1", "backward"), ("aten::conv2d", "conv1")
    assert ask([found], sql).rows == (
        ("other", *conv, "forward", 2, 2000),
        ("gradients of activations", *backward, 3, 3 * BLOCK),
        ("workspace", *conv, "forward", 3, 3 * BLOCK),
        ("activations", *conv, "forward", 3, 6 * BLOCK),
        ("gradients", *backward, 3, 9 * BLOCK),
        ("workspace", *backward, 3, 12 * BLOCK),
    )


def test_times_and_what_is_not_known(tmp_path: Path) -> None:
    made, gpu = steps(before=7 * BLOCK, count=1, leak=1000)
    gpu.change(900, -5 * BLOCK, 77)
    sql = (
        "SELECT device, step, start_ns, duration_ns, lifetime, address, rank FROM memory "
        "WHERE bytes IN (1000, 2 * 1048576, 5 * 1048576) ORDER BY bytes"
    )
    assert ask([analysed(made, tmp_path)], sql).rows == (
        ("GPU 0", 0, 70_000, None, "end", 10_000, None),
        ("GPU 0", 0, 40_000, 600_000, "step", 100, None),
        ("GPU 0", None, None, None, "before", 77, None),
    )


def test_the_peak_of_a_step_by_the_table_alone(tmp_path: Path) -> None:
    found = analysed(steps(before=7 * BLOCK)[0], tmp_path)
    sql = (
        "SELECT sum(bytes) FROM memory WHERE start_ns <= 360000 AND start_ns + duration_ns > 360000"
    )
    assert ask([found], sql).rows == ((PEAK,),)
