"""Whole runs of two ranks on scripted machines, whose records hold what the script says.

The ranks compute on the CPU, so that no figure of theirs says anything about a GPU.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.pretended import HOT_PAIR, variables
from tests.system.program import run

pytestmark = pytest.mark.system

SMALL = (
    *("--model", "tests.rehearsal.networks:Telling", "--image-size", "32", "--batch-size", "2"),
    *("--pipeline", "synthetic", "--warm-up", "2", "--steps", "80", "--nproc-per-node", "2"),
    # Cores of a script are nobody's, so that any share of them may be others'.
    *("--threads", "1", "--max-cores-lost", "100"),
)


def recorded(name: str, folder: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, record and messages of a run on that machine."""
    files, here = folder / "files", folder / "here"
    here.mkdir()
    done = run("run", *SMALL, *more, "--json", cwd=here, **variables(name, files))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def facts(record: dict[str, Any], which: str) -> dict[str, dict[str, Any]]:
    """Facts of the one session by their kinds."""
    (session,) = record["sessions"]
    return {one["kind"]: one.get("values", {}) for one in session["facts"][which]}


def test_boards_that_are_too_hot(tmp_path: Path) -> None:
    code, record, said = recorded("hot", tmp_path)
    assert (code, record["status"]) == (3, "invalid"), said
    assert record["resolved"]["device"] == "cuda"
    assert record["environment"]["gpus"] == [board.name for board in HOT_PAIR.boards]
    assert record["environment"]["versions"]["driver"] == HOT_PAIR.driver

    # Two boards, as they differ in their place alone.
    boards = record["environment"]["boards"]
    assert [board["gpus"] for board in boards] == [[0], [1]]
    assert [board["numa_node"] for board in boards] == [1, 0]
    assert {board["sm_max_mhz"] for board in boards} == {1980}
    assert {board["power_limit_w"] for board in boards} == {700.0}
    assert [board["nvlinks"] for board in boards] == [[["switch", 18]]] * 2

    # Each rank is where its GPU is: the first on the second socket.
    places = record["topology"]["places"]
    assert [place["device"] for place in places] == ["cuda:0", "cuda:1"]
    assert [place["gpu_node"] for place in places] == [1, 0]
    assert [place["core_nodes"] for place in places] == [[1], [0]]
    assert [place["cores"] for place in places] == [[4, 5, 6, 7], [0, 1, 2, 3]]

    (session,) = record["sessions"]
    seen = session["gpus"]
    assert seen["index"] == [0, 1]
    assert min(seen["samples"]) >= 2
    assert (seen["sm_mhz"], seen["memory_mhz"]) == ([1110.0] * 2, [2619.0] * 2)
    assert (seen["power_w"], seen["temperature_c"]) == ([402.5] * 2, [91.0] * 2)
    slowdown = "hardware thermal slowdown"
    assert seen["reasons_percent"] == {slowdown: [100.0] * 2}
    assert facts(record, "invalid")["throttled"] == {"percent": 100.0, "reasons": [slowdown]}
    assert "lost_gpu" not in facts(record, "invalid")


def test_a_board_that_is_lost_in_the_window(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"version": 1, "rules": [{"operation": "ConvFwd", "engine": 22}]}')
    code, record, said = recorded("losing", tmp_path, "--cudnn-errata", str(rules))
    assert (code, record["status"]) == (3, "invalid"), said

    # Each rank was started with the rules, before it loaded torch.
    begun = f"CUDNN_ERRATA_JSON_FILE={rules}"
    logs = sorted((tmp_path / "here" / "runs" / record["id"]).glob("session-1/logs/rank-*.log"))
    assert [begun in log.read_text().splitlines() for log in logs] == [True, True]
    assert record["resolved"]["cudnn_errata"] == str(rules)
    assert record["environment"]["of_ranks"]["CUDNN_ERRATA_JSON_FILE"] == str(rules)
    assert not any("cudnn-errata" in note for note in record["notes"])

    lost = facts(record, "invalid")["lost_gpu"]
    assert (lost["gpu"], lost["said"]) == (1, "GPU is lost")
    assert lost["after_s"] > 0
    assert "GPU 1 was lost" in said
    (session,) = record["sessions"]
    seen = session["gpus"]
    first, second = seen["samples"]
    assert first > second, "the other one was asked all the same"
    assert seen["lost"] == {"1": "GPU is lost"}
    assert "throttled" not in facts(record, "invalid")
