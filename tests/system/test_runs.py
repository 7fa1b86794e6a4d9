"""A run on one process, run again from its record."""

import json
from pathlib import Path

import pytest

from tests.system.program import SMALL, run

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_rerun_repeats_the_resolved_configuration(tmp_path: Path) -> None:
    options = tmp_path / "options.toml"
    options.write_text('pipeline = "synthetic"\nlearning-rate = 0.01\nsteps = 99\nsessions = 2\n')
    first = run("run", *SMALL, "--steps", "10", "--config", str(options), "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    before = json.loads(first.stdout)
    assert before["resolved"]["steps"] == 10, "the command line wins over the file"
    assert before["resolved"]["learning_rate"] == 0.01
    assert before["resolved"]["engine"] == "none"
    assert [session["number"] for session in before["sessions"]] == [1, 2]
    again = run(
        "runs",
        "rerun",
        before["id"][-4:],
        "--allow-unsure",
        "--allow-invalid",
        "--json",
        cwd=tmp_path,
    )
    assert again.returncode == 0, again.stderr
    after = json.loads(again.stdout)
    assert after["resolved"] == before["resolved"]
    assert after["id"] != before["id"]
    # Same seed, same batches, same cores: training itself repeats.
    losses = [[s["first_loss"] for s in record["sessions"]] for record in (before, after)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
