"""`run --attribute` as its users run it: one command, one record, and everything ended."""

import json
import os
from pathlib import Path

import pytest

from tests.system.program import SMALL, left_over, run

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_what_loading_costs(tmp_path: Path) -> None:
    arguments = ("run", *SMALL, "--pipeline", "dali", "--attribution-rounds", "2")
    done = run(*arguments, "--loader-threads", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    found = record["attribution"]
    sides = {side["name"]: side for side in found["sides"]}
    assert {"synthetic", "loader", "real", "double"} <= set(sides)
    assert ("other_threads" in sides) == (len(os.sched_getaffinity(0)) > 1)
    assert all(len(side["step_ms"][0]) == 2 for side in sides.values())
    parts = found["wait_ms"]["value"] + found["contention_ms"]["value"]
    assert parts == pytest.approx(found["cost_ms"]["value"])
    assert sides["real"]["mean_ms"]["value"] == pytest.approx(
        record["figures"]["step_ms_mean"], rel=1e-3
    )
    # Nothing is loaded where batches are synthetic, and all of a loader's step is waiting.
    assert max(sides["synthetic"]["wait_ms"][0]) < 0.1 * min(sides["loader"]["wait_ms"][0])
    assert not left_over(tmp_path)
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "record.json").read_text()) == record
    shown = run("runs", "show", record["id"], cwd=tmp_path)
    assert "Is it the loader?" in shown.stdout
