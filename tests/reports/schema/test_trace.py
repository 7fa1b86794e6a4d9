"""What `trace report --json` prints, against its JSON Schema and as it is read back."""

from pathlib import Path

import jsonschema
import msgspec
import pytest

from resnext_bench.reports.schema.trace import RanksReport, TraceReport, schema
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.ranks.side_by_side import collectives, ranks
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made


def made(folder: Path, rank: int) -> Path:
    header = {"distributedInfo": {"backend": "nccl", "rank": rank, "world_size": 2}}
    made = Made(header=header).step(0, 0, 100)
    made.kernel("ampere_sgemm_128x64_nn", 10, 20).kernel("ncclDevKernel_AllReduce", 40, 10 + rank)
    return made.write(folder, f"rank{rank}.pt.trace.json")


@pytest.mark.parametrize("count", [1, 2])
def test_reports_fit_their_schema(tmp_path: Path, count: int) -> None:
    analyses = [analyse(made(tmp_path, rank)) for rank in range(count)]
    reports = [report(one) for one in analyses]
    found = ranks(reports, [collectives(one) for one in analyses], whole=True)
    told: TraceReport | RanksReport = reports[0] if count == 1 else found
    text = msgspec.json.encode(told)
    jsonschema.validate(msgspec.json.decode(text), schema())
    assert msgspec.json.decode(text, type=type(told)) == told


def test_something_else_does_not() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"kind": "trace", "version": 1}, schema())
