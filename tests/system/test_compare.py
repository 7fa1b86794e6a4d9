"""Comparisons as users run them: a verdict from real processes, and every way to end one."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from resnext_bench.lab.campaigns.verdicts import Silent
from resnext_bench.machine.inventory import inspect
from resnext_bench.rankfile import Phase, RankFile
from resnext_bench.reports.schema.comparison import Limits
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.upgrade import schema
from resnext_bench.session.compare.opening import Asked, compare
from tests.system.program import END_S, left_over, run, started, wait_until

pytestmark = pytest.mark.system

TINY = (
    *("compare", "--both"),
    "--model resnext14_4x4d --image-size 32 --batch-size 2 --warm-up 2 --pipeline synthetic",
)
SHORT = ("--max-sessions", "2", "--blocks", "4", "--block-steps", "2")
SECONDS = ("--max-sessions", "2", "--blocks", "10", "--block-steps", "20")
"""Sessions that are still at work when a signal comes."""
ENDLESS = ("--max-sessions", "2", "--blocks", "500", "--block-steps", "20")


def the_comparison(root: Path) -> dict[str, Any]:
    (path,) = root.glob("*-compare-*/record.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def resident(root: Path, session: int) -> list[RankFile]:
    """Ranks that are at the blocks of a session; before them a killed one means lack of memory."""
    files = [RankFile.open(path) for path in root.glob(f"*/*/session-{session}/ranks/rank-*.bin")]
    at_work = [file for file in files if file and file.phase is Phase.TIMED]
    return [file for file in at_work if file.steps_done > file.warm_up]


def test_a_duet_ends_in_a_verdict_and_three_records(tmp_path: Path) -> None:
    sides = ("--a", "", "--b", "--optimizer adamw", "--allow-unsure", "--allow-invalid", "--json")
    done = run(*TINY, *sides, *SHORT, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    record = json.loads(done.stdout)
    jsonschema.validate(record, schema(), cls=jsonschema.Draft202012Validator)
    assert record == the_comparison(tmp_path / "runs")
    assert record["design"] == "duet"
    assert record["status"] in ("ok", "invalid")  # on a loaded machine sessions may not count
    assert [pair["order"] for pair in record["pairs"][:2]] == ["ab", "ba"]
    assert all(len(pair["blocks_ms"]) == 4 for pair in record["pairs"])
    assert {"optimizer", "learning-rate"} <= {one["what"] for one in record["differences"]}
    for child in record["children"]:
        shown = run("runs", "show", child, "--json", cwd=tmp_path)
        assert json.loads(shown.stdout)["figures"]["steps"] == len(record["pairs"]) * 4 * 2
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_killed_and_resumed(tmp_path: Path) -> None:
    """The session that was complete is kept; the other one is measured again."""
    root = tmp_path / "runs"
    with started(*TINY, "--a", "", "--b", "--amp", *SECONDS, cwd=tmp_path) as program:
        wait_until(lambda: bool(resident(root, 2)), 120)
        program.kill()
        program.communicate()
    wait_until(lambda: left_over(tmp_path) == [])
    (state,) = root.glob("*-compare-*/state.json")
    before = json.loads(state.read_text())["comparison"]["pairs"]
    assert len(before) == 1
    done = run("compare", "--resume", "last", "--allow-unsure", "--allow-invalid", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    record = the_comparison(root)
    assert [pair["number"] for pair in record["pairs"][:2]] == [1, 2]
    assert record["pairs"][0] == before[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)], ids=["ctrl-c", "term"]
)
def test_an_interrupted_comparison_leaves_a_record(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with started(*TINY, "--a", "", "--b", "--amp", *ENDLESS, cwd=tmp_path) as program:
        wait_until(lambda: bool(resident(tmp_path / "runs", 1)), 120)
        program.send_signal(number)
        _, said = program.communicate(timeout=END_S)
    assert program.returncode == code, said
    assert "no session was complete, so there is nothing to resume" in said
    assert the_comparison(tmp_path / "runs")["status"] == "interrupted"
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_a_killed_rank_ends_both_sides(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with started(*TINY, "--a", "", "--b", "--amp", *ENDLESS, cwd=tmp_path) as program:
        wait_until(lambda: len(resident(root, 1)) == 2, 120)
        os.kill(resident(root, 1)[0].pid, signal.SIGKILL)
        said, _ = program.communicate(timeout=END_S)
    assert program.returncode == 4
    assert "rank 0: killed" in said
    assert the_comparison(root)["status"] == "failed"
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with started(*TINY, "--a", "", "--b", "", *SHORT, cwd=tmp_path) as program:
        wait_until(lambda: bool(list(tmp_path.glob("runs/*/*/session-1"))), 60)
        second = run(*TINY, "--a", "", "--b", "", cwd=tmp_path)
        assert second.returncode == 5
        assert f"process {program.pid} started measuring here at " in second.stderr
        assert "wait for it" in second.stderr


@pytest.mark.slow
def test_sides_are_relaunched_in_every_session(tmp_path: Path) -> None:
    both = f"{TINY[2]} --steps 10 --max-cores-lost 100"  # others may be busy meanwhile
    sides = ("--a", "", "--b", "--amp", "--design", "relaunch", "--max-sessions", "3")
    done = run(
        "compare",
        "--both",
        both,
        *sides,
        "--allow-unsure",
        "--allow-invalid",
        "--json",
        cwd=tmp_path,
    )
    record = json.loads(done.stdout)
    valid = [pair for pair in record["pairs"] if not pair["invalid"]]  # others are repeated
    assert (record["design"], len(valid)) == ("relaunch", 3)
    assert record["order_effect"] is not None


@pytest.mark.slow
def test_the_waiting_side_is_quiet(tmp_path: Path) -> None:
    """Two nodes with DALI, a core each: agents, ranks, loaders and gloo of the side that waits."""
    both: Request = {"model": "resnext14_4x4d", "image_size": 64, "batch_size": 8, "nodes": 2}
    asked = Asked(
        a=both | {"warm_up": 4},
        b=both | {"warm_up": 4, "amp": True},
        given=("", "--amp"),
        design="duet",
        limits=Limits(
            margin_percent=2,
            max_sessions=1,
            max_minutes=5,
            pairs=6,
            block_steps=0,
            more_pairs=False,
        ),
        root=tmp_path,
        command=(),
    )
    *_, pair = compare(asked, inspect(), Silent()).pairs  # one that others disturbed is repeated
    assert pair.quiet_percent is not None
    assert pair.quiet_percent < 1, pair


@pytest.mark.slow
def test_profiles_after_the_verdict(tmp_path: Path) -> None:
    """Both sides have a trace that `trace diff` takes by their ids, and the record their rows."""
    both = (*TINY[:-1], f"{TINY[-1]} --max-cores-lost 100")
    sides = ("--a", "", "--b", "--no-channels-last", "--profile-steps", "2")
    done = run(*both, *sides, *SHORT, "--allow-unsure", "--json", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    record = json.loads(done.stdout)
    assert record == the_comparison(tmp_path / "runs")
    diff = record["profile"]["diff"]
    assert diff, record["profile"]
    for of, step in (("a_ns", diff["a"]["step_ns"]), ("delta_ns", diff["delta_ns"])):
        every = (*diff["rows"], diff["others"], *diff["rest"])
        assert sum(one[of] for one in every) == step
    assert (len(diff["a"]["steps"]), len(diff["b"]["steps"])) == (2, 2)
    told = run("trace", "diff", *record["children"], "--json", cwd=tmp_path)
    assert json.loads(told.stdout)["delta_ns"] == diff["delta_ns"]
    assert left_over(tmp_path) == []
