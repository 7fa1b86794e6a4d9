"""What is measured of many traces, without the measurement."""

import json
from pathlib import Path

from resnext_bench.lab.bench.enlarged import repeat
from resnext_bench.lab.bench.traces_many import _few, linked, told
from resnext_bench.reports.store.trace_files import trace_files
from tests.reports.trace.made import Made


def test_ranks_are_links_told_by_their_names(tmp_path: Path) -> None:
    made = Made(header={"distributedInfo": {"rank": 0, "world_size": 8}, "schemaVersion": 1})
    made.step(0, 0, 10).op("aten::mm", 1, 2)
    source = made.write(tmp_path, "small.json.gz")
    large = tmp_path / "large.json"
    assert repeat(source, large, 3, without=("distributedInfo",)) == 3 * len(made.rows)
    written = json.loads(large.read_text())
    assert (len(written["traceEvents"]), "distributedInfo" in written) == (
        3 * len(made.rows),
        False,
    )
    found = trace_files(str(linked(large, tmp_path / "ranks", 3)), None)
    assert [one.rank for one in found] == [0, 1, 2]
    assert {one.path.stat().st_ino for one in found} == {large.stat().st_ino}


def test_a_series_keeps_the_most_of_each_part() -> None:
    most = [float(at + 2) for at in range(0, 129, 3)]
    assert _few([float(one) for one in range(130)]) == [*most, 129.0]


def test_a_row_in_words() -> None:
    row = {
        "command": "trace ranks",
        "files": 8,
        "mb": 253.0,
        "median": 1.75,
        "peak_one_mb": [156.0],
        "peak_two_mb": [270.0],
        "over_twice_mb": -42.0,
    }
    assert "two processes read 1.75 x as fast as one; peak 270 MB, of one 156 MB (-42" in told(row)
