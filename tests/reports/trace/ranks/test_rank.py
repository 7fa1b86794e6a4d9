"""What is kept of a rank's trace, and which host wrote it."""

from pathlib import Path

import pytest

from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.ranks.rank import host_of
from tests.reports.trace.ranks.made_ranks import Plan, made_ranks, read_rank


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("node-7_1234.1700000000000000000.pt.trace.json", "node-7"),
        ("node-7-rank3.1700000000000000000.pt.trace.json.gz", "node-7"),
        ("rank3.pt.trace.json", ""),
        ("rank_3.1700000000000000000.pt.trace.json", ""),
        ("worker0.1700000000000000000.pt.trace.json", ""),
        ("trace.json", ""),
    ],
)
def test_hosts_in_names(name: str, host: str) -> None:
    assert host_of(TraceFile(path=Path(name), rank=None)) == host


def test_own_time_is_the_step_without_communication(tmp_path: Path) -> None:
    rank = read_rank(tmp_path, made_ranks(Plan(ranks=2, slow=0, factor=1.5))[1], "1.json", "a")
    talked = rank.talks.end - rank.talks.start
    own = sum(rank.parts.values())
    assert (abs(own - (rank.step_ns - talked)) <= 2).all()  # times are rounded to ns
    assert (rank.host, rank.number, rank.steps.tolist()) == ("a", 1, list(range(10)))
    assert {name: one.count for name, one in rank.kernels.items()} == {
        "ampere_sgemm_128x64_nn": 10, "cudnn_infer_kernel": 10, "relu_kernel": 10
    }  # fmt: skip
