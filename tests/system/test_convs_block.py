"""`convs block` as it is typed: the rules that it writes, and what plans they leave."""

import json
from pathlib import Path

import pytest

from resnext_bench.cli.compare.sides import side_request
from resnext_bench.convs.plans import errata
from tests.cli.typed import Typed
from tests.convs.frontend import scripted
from tests.convs.plans.test_errata import RULES, library

pytestmark = pytest.mark.system
__all__ = ["scripted"]
ONE = ("--shape", "2x8x9x9", "--groups", "2")


@pytest.fixture
def typed(
    scripted: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Typed:
    scripted.setenv("COLUMNS", "80")
    scripted.setenv("RESNEXT_BENCH_RUNS", str(tmp_path / "runs"))
    scripted.delenv("CUDNN_ERRATA_JSON_FILE", raising=False)
    path = library(tmp_path)
    scripted.setattr(errata, "_library", lambda: path)
    return Typed(scripted, capsys, "convs")


def taken(typed: Typed, *more: object) -> dict[str, list[str]]:
    """The plans that PyTorch takes, by operation."""
    found = json.loads(typed("plan", *ONE, "--json", *more)[1])
    return {
        one["operation"]: [plan["tag"] for plan in one["plans"] if not plan.get("excluded")]
        for one in found["problems"]
    }


def test_plans_lose_the_engine_and_nothing_else(typed: Typed, tmp_path: Path) -> None:
    path, before = tmp_path / "without.json", taken(typed)
    code, out, err = typed("block", "eng22", "--output", path)
    assert (code, out) == (0, "")
    assert "block eng22 in all operations; kept: 1 rule of torch" in err
    assert f'compare --a "" --b "--cudnn-errata {path}"' in err
    after = taken(typed, "--cudnn-errata", path)
    for operation, plans in before.items():
        assert "eng22_k2=5" in plans
        assert after[operation] == [one for one in plans if one != "eng22_k2=5"]
    typed._patch.setenv("CUDNN_ERRATA_JSON_FILE", str(path))
    assert taken(typed) == after
    assert side_request(f"--cudnn-errata {path}", "--b") == {"cudnn_errata": str(path)}


@pytest.mark.parametrize(("engine", "gone"), [("22:k2=5", ["eng22_k2=5"]), ("22:k2=4", [])])
def test_one_operation_and_one_knob(
    typed: Typed, tmp_path: Path, engine: str, gone: list[str]
) -> None:
    path, before = tmp_path / "without.json", taken(typed)
    typed("block", engine, "--operation", "input-gradient", "--output", path)
    after = taken(typed, "--cudnn-errata", path)
    for operation, plans in before.items():
        lost = [one for one in plans if one not in after[operation]]
        assert lost == (gone if operation == "input gradient" else [])


def test_rules_of_the_device_are_kept_and_of_others_left_out(typed: Typed, tmp_path: Path) -> None:
    """A file holds on every device, so that a rule for one must not be in that of others."""
    for capability, rules in (
        *((860, [RULES[0], RULES[2]]), (1200, RULES[:2])),
        *((890, RULES[:1]), (900, RULES[:1]), (1000, RULES[:1])),
    ):
        path = tmp_path / "device.json"
        fields = {"deviceName": "Z", "deviceVer": capability, "multiProcessorCount": 1}
        path.write_text(json.dumps(fields))
        found = json.loads(typed("block", "9", "--device-description", path)[1])["rules"]
        assert found[:-3] == rules
        assert {one["engine"] for one in found[-3:]} == {9}


def test_a_users_own_rules_are_kept_where_the_variable_names_some(
    typed: Typed, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"version": 1, "rules": RULES[1:]}))
    typed._patch.setenv("CUDNN_ERRATA_JSON_FILE", str(mine))
    code, out, err = typed("block", "9", "--operation", "forward")
    assert code == 0
    assert json.loads(out)["rules"][:-1] == RULES[1:]
    assert f"kept: 2 rules of {mine}" in err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("conv",), "ENGINE conv: give an engine as convs plan shows it"),
        (("22", "--operation", "backward"), "choose from forward, input-gradient"),
        (("22", "--device", "h300"), "described are a100"),
    ],
)
def test_what_is_refused(typed: Typed, arguments: tuple[str, ...], what: str) -> None:
    code, out, err = typed("block", *arguments)
    assert (code, out) == (2, "")
    assert what in " ".join(err.split())


def test_a_missing_file_is_refused_by_plan_and_run(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    run = Typed(typed._patch, typed._streams, "run", "--dry-run", "--pipeline", "synthetic")
    for code, out, err in (
        typed("plan", *ONE, "--cudnn-errata", path),
        run("--cudnn-errata", path),
    ):
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert f"--cudnn-errata {path}: " in err
        assert "No such file" in err


def test_a_dry_run_says_what_ranks_get(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "without.json"
    typed("block", "22", "--output", path)
    run = Typed(typed._patch, typed._streams, "run", "--dry-run", "--pipeline", "synthetic")
    code, out, _ = run("--device", "cpu", "--cudnn-errata", path, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["commands"][0]["environment"]["CUDNN_ERRATA_JSON_FILE"] == str(path)
    assert [note for note in found["notes"] if "no effect without a GPU" in note]
