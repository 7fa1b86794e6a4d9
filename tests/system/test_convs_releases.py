"""`convs releases` as it is typed, with a scripted index and frontend: shown, stored, refused."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.convs.releases import record as record_module
from resnext_bench.convs.releases.listing import OfARelease
from tests.cli.typed import Typed
from tests.convs.releases.uv import Uv, uv

pytestmark = pytest.mark.system
__all__ = ["uv"]
ONE = ("--shape", "2x8x9x9", "--groups", "2")
FOUR = [word for one in ("9.17", "9.18", "9.19", "9.28") for word in ("--cudnn", one)]


@pytest.fixture
def typed(uv: Uv, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    uv.patch.setenv("COLUMNS", "80")
    uv.patch.setenv("RESNEXT_BENCH_RUNS", str(tmp_path / "runs"))
    return Typed(uv.patch, capsys, "convs", "releases")


def record(tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    (folder,) = (tmp_path / "runs").iterdir()
    lists = json.loads(gzip.decompress((folder / "plans.json.gz").read_bytes()))
    return json.loads((folder / "record.json").read_text()), lists


def test_a_change_between_two_releases_is_found(typed: Typed, uv: Uv, tmp_path: Path) -> None:
    code, out, err = typed(*ONE, *FOUR)
    assert code == 0
    assert err.splitlines() == [
        f"cuDNN {version}: installing, {place} of 4"
        for place, version in enumerate(("9.17.1.4", "9.18.0.77", "9.19.1.2", "9.28.1.4"), 1)
    ]
    assert max(map(len, out.splitlines())) <= 80
    words = " ".join(out.split())
    # PyTorch blocks engine 23 for gradients of the input: what comes before 22 there is not taken.
    assert "cuDNN 9.17.1 to 9.28.1: the first choice becomes another engine in 2 of 3" in words
    assert "given forward 9.19.1 eng22 → eng23" in words
    assert "nothing was timed" in words
    kept, lists = record(tmp_path)
    assert [len(one["standings"]) for one in kept["histories"]] == [2, 2, 2]
    assert [one["version"] for one in kept["releases"]] == lists["releases"]
    assert lists["of"][0] == [0, 0, 1, 1]
    assert [one["name"] for one in kept["files"]] == ["plans.json.gz"]
    assert sorted(one.name for one in next(uv.cache.glob("cudnn/*")).iterdir()) == sorted(
        [*lists["releases"], "libcuda.so.1", "nvidia-cublas"]
    )


def test_environments_are_removed_if_so_wanted(typed: Typed, uv: Uv) -> None:
    code, out, _ = typed(*ONE, *FOUR[:4], "--remove", "--json")
    assert code == 0
    assert len(json.loads(out)["releases"]) == 2
    assert [one.name for one in next(uv.cache.glob("cudnn/*")).iterdir()] == ["libcuda.so.1"]


def test_those_that_fail_are_a_line_each_and_the_others_go_on(typed: Typed, uv: Uv) -> None:
    uv.fails("crash:9.17.1.4 refuses:9.18.0.77")
    words = [
        one for version in ("9.17.0.29", "9.17.1", "9.18", "9.19") for one in ("--cudnn", version)
    ]
    code, out, err = typed(*ONE, *words, "--json")
    assert code == 0
    found = json.loads(out)
    _, crashed, refused, _ = found["releases"]
    assert (crashed["version"], refused["version"]) == ("9.17.1.4", "9.18.0.77")
    assert crashed["why"].startswith("cuDNN crashed while it planned (SIGABRT)")
    assert refused["why"].startswith("nvidia-cudnn-cu13==9.18.0.77 cannot be installed: Because")
    for one in (crashed, refused):
        assert f"cuDNN {one['version']}: {one['why']}" in err.splitlines()
    changes = [one["standings"][1]["release"] for one in found["histories"]]
    assert changes == ["9.19.1.2"] * 3


def test_where_all_fail_the_exit_code_says_so(typed: Typed, uv: Uv) -> None:
    uv.fails("crash:9.17.1.4")
    code, out, _ = typed(*ONE, "--cudnn", "9.17", "--cudnn", "9.99")
    assert code == 4
    assert "no release of cuDNN gave a list" in " ".join(out.split())
    assert "9.99: the package index has none for this machine" in " ".join(out.split())


def test_a_release_that_there_is_not_is_refused_and_nothing_kept(
    typed: Typed, uv: Uv, tmp_path: Path
) -> None:
    code, _, err = typed(*ONE, "--cudnn", "9.99")
    assert code == 2
    assert "--cudnn 9.99: the package index has no such nvidia-cudnn-cu13" in err
    assert "9.20" in err
    assert not list(tmp_path.rglob("releases_given*"))


def test_an_index_that_does_not_answer_ends_it(typed: Typed, uv: Uv, tmp_path: Path) -> None:
    uv.fails("offline")
    code, _, err = typed(*ONE)
    assert code == 5
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("--from", "9.x"), "--from 9.x: give a version of cuDNN"),
        (("--from", "9.20", "--to", "9.18"), "--to 9.18: it is older than --from 9.20"),
        (("--from", "9.20", "--cudnn", "9.20"), "--from and --cudnn exclude each other"),
        (("--all-releases", "--cudnn", "9.20"), "--all-releases and --cudnn exclude each other"),
    ],
)
def test_what_does_not_fit_is_refused(typed: Typed, given: tuple[str, ...], why: str) -> None:
    code, _, err = typed(*ONE, *given)
    assert code == 2
    assert why in err


def test_its_table_can_be_queried(typed: Typed, uv: Uv, capsys: pytest.CaptureFixture[str]) -> None:
    typed(*ONE, *FOUR[2:6])
    query = Typed(uv.patch, capsys, "runs", "query")
    question = "SELECT operation, release, first_before, first, new FROM release_changes"
    rows = json.loads(query(f"{question} ORDER BY operation", "--json")[1])
    assert rows[0] == {
        "operation": "forward",
        "release": "9.19.1.2",
        "first_before": "eng22_k2=5",
        "first": "eng23_k2=1",
        "new": [],
    }
    assert len(rows) == 3


def test_releases_for_cuda_12_in_another_type_and_layout(typed: Typed, tmp_path: Path) -> None:
    words = ("--cuda", "12", "--dtype", "fp32", "--layout", "nchw", "--json")
    code, out, _ = typed(*ONE, *FOUR[:2], *words)
    assert code == 0
    found = json.loads(out)
    assert found["cuda"] == 12
    assert [(one["dtype"], one["layout"]) for one in found["convolutions"]] == [("fp32", "nchw")]
    assert found["releases"][0]["torch"] == []


def test_ctrl_c_keeps_the_releases_that_were_asked(typed: Typed, uv: Uv, tmp_path: Path) -> None:
    real = record_module.listed

    def listed(version: str, *more: Any) -> OfARelease:
        if version.startswith("9.19"):
            raise KeyboardInterrupt
        return real(version, *more)

    uv.patch.setattr(record_module, "listed", listed)
    code, out, err = typed(*ONE, *FOUR)
    assert code == 130
    assert out.startswith("INTERRUPTED: after 2 of 4 releases\n")
    kept, lists = record(tmp_path)
    assert err.splitlines()[-1].startswith("interrupted; what was listed is in ")
    assert (kept["status"], kept["why"]) == ("interrupted", "after 2 of 4 releases")
    assert [one["name"] for one in kept["files"]] == ["plans.json.gz"]
    assert lists["releases"] == ["9.17.1.4", "9.18.0.77"]


def test_ctrl_c_before_a_release_gave_a_list_leaves_nothing(
    typed: Typed, uv: Uv, tmp_path: Path
) -> None:
    def listed(*_: Any) -> OfARelease:
        raise KeyboardInterrupt

    uv.patch.setattr(record_module, "listed", listed)
    code, out, err = typed(*ONE, *FOUR)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted; nothing was listed yet"
    assert not list(tmp_path.glob("runs/*"))
