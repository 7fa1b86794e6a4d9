"""`run --nodes 2 --amp`: two agents, DALI, DDP, from a folder that would trip a careless import."""

import json
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import msgspec
import pytest

from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.upgrade import schema
from tests.system.program import SMALL, run

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with packages named like ours, each of which raises when imported."""
    path = tmp_path_factory.mktemp("user")
    for name in ("bench", "reports", "tests", "pipelines", "resnext"):
        (path / name).mkdir()
        (path / name / "__init__.py").write_text("raise RuntimeError('not this one')\n")
    return path


@pytest.fixture(scope="module")
def job(folder: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    cache = str(request.config.cache.mkdir("made-data"))
    arguments = ("run", "--nodes", "2", "--amp", *SMALL, "--steps", "12", "--json")
    done = run(*arguments, cwd=folder, RESNEXT_BENCH_CACHE=cache)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)  # stdout is JSON and nothing else
    return found


@pytest.fixture(scope="module")
def result(folder: Path, job: dict[str, Any]) -> SessionResult:
    path = folder / "runs" / job["id"] / "session-1" / "result.msgpack"
    return msgspec.msgpack.decode(path.read_bytes(), type=SessionResult)


def test_it_trains_on_two_emulated_nodes(job: dict[str, Any]) -> None:
    assert job["topology"]["emulated"] is True
    assert any("emulated on one host" in note for note in job["notes"])
    resolved = job["resolved"]
    assert (resolved["engine"], resolved["pipeline"], resolved["amp_dtype"]) == (
        "ddp",
        "dali",
        "bf16",
    )
    assert job["weight_format"] == "NHWC"
    assert job["figures"]["images"] <= 12 * 2 * 2


def test_each_rank_has_its_own_cores_and_threads(
    job: dict[str, Any], result: SessionResult
) -> None:
    cores = [set(facts.affinity) for facts in result.facts]
    planned = [set(place["cores"]) for place in job["topology"]["places"]]
    assert cores == planned
    assert not cores[0] & cores[1]
    assert [facts.torch_threads for facts in result.facts] == [job["resolved"]["threads"]] * 2
    assert [samples.node for samples in result.samples] == [0, 1]


def test_ddp_is_real(result: SessionResult) -> None:
    first, second = result.facts
    assert first.parameter_digest == second.parameter_digest
    assert not first.parameters_unchanged
    # The ranks saw different images, and yet have the same parameters.
    assert result.samples[0].loss != result.samples[1].loss


def test_figures_follow_from_the_stored_samples(folder: Path, job: dict[str, Any]) -> None:
    path = folder / "runs" / job["id"] / "samples.parquet"
    cut = job["sessions"][0]["steadiness"]["cut"]
    ((steps, median_ms, wrong),) = duckdb.sql(
        f"""
        SELECT count(*), median(slowest) / 1e6, sum(wrong) FROM (
            SELECT max(step_ns) AS slowest,
                   sum((step_ns != data_wait_ns + forward_ns + backward_ns + optimizer_ns)::INT)
                       AS wrong
            FROM '{path}' WHERE step >= {cut} GROUP BY step
        )
        """
    ).fetchall()
    figures = job["figures"]
    assert (steps, wrong) == (figures["steps"], 0)
    assert median_ms == pytest.approx(figures["step_ms_p50"])
    parts = ("data_wait_ms", "forward_ms", "backward_ms", "optimizer_ms")
    assert sum(figures[part] for part in parts) <= figures["step_ms_mean"] * (1 + 1e-9)
    expected = figures["images"] / figures["window_s"]
    assert figures["images_per_s"] == pytest.approx(expected)
    # The window is not shorter than its steps, and little longer.
    assert figures["window_s"] >= figures["step_ms_p50"] * steps / 1e3 * 0.5


def test_the_record_is_small_and_of_its_schema(folder: Path, job: dict[str, Any]) -> None:
    jsonschema.validate(job, schema(), cls=jsonschema.Draft202012Validator)
    stored = folder / "runs" / job["id"] / "record.json"
    assert json.loads(stored.read_text()) == job
    assert stored.stat().st_size < 100_000
    for file in job["files"]:
        assert (stored.parent / file["name"]).stat().st_size == file["size"]


def test_it_is_listed_and_shown(folder: Path, job: dict[str, Any]) -> None:
    listed = run("runs", "list", cwd=folder)
    assert job["id"] in listed.stdout
    shown = run("runs", "show", "last", cwd=folder)
    assert shown.returncode == 0
    assert f"{job['figures']['images_per_s']:,.1f}" in shown.stdout
