"""Shards, as a user packs, checks and trains on them; and one that is cut while it is read."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.system.program import SMALL, in_window, left_over, record, run, started, wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of eight pictures, of which one does not decode."""
    rng = np.random.default_rng(0)
    for number in range(16):
        folder = tmp_path / "photos" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(rng.integers(0, 256, (60, 60, 3), np.uint8))
        picture.save(folder / f"{number}.jpg")
    return tmp_path / "photos"


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", ["dali", "torchvision"])
def test_packed_checked_trained(photos: Path, tmp_path: Path, pipeline: str) -> None:
    form = {"dali": "webdataset", "torchvision": "tfrecord"}[pipeline]
    variables = {"RESNEXT_BENCH_CACHE": str(tmp_path / "cache")}
    done = run("data", "pack", "photos", "shards", "--format", form, cwd=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    spoil(tmp_path / "shards")
    done = run("data", "check", "shards", "--json", cwd=tmp_path, **variables)
    checked = json.loads(done.stdout)
    assert (done.returncode, checked["good"], checked["format"]) == (1, 15, form)
    (bad,) = checked["bad"]
    assert (bad["why"], bad["seems"]) == ("not an image", "text")
    assert bad["path"].startswith("shard-000000.")
    training = ("run", *SMALL, "--steps", "3", "--data", "shards", "--pipeline", pipeline)
    done = run(*training, cwd=tmp_path, **variables)
    assert (done.returncode, bad["path"] in done.stderr) == (2, True)
    done = run(*training, "--bad-files", "skip", "--json", cwd=tmp_path, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(done.stdout)["data"]
    assert (data["format"], data["images"], data["classes"]) == (form, 15, 2)
    assert data["left_out"] == 1


def spoil(shards: Path) -> None:
    """Write text over the beginning of the first picture."""
    (path,) = (one for one in shards.glob("shard-*") if one.suffix != ".idx")
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"\xff\xd8\xff"))
        file.write(b"no picture" * 60)


@pytest.mark.slow
def test_a_shard_cut_while_it_is_read_is_told(photos: Path, tmp_path: Path) -> None:
    assert run("data", "pack", "photos", "shards", cwd=tmp_path).returncode == 0
    arguments = ("run", *SMALL, "--data", "shards", "--pipeline", "dali", "--steps", "100000")
    with started(*arguments, cwd=tmp_path) as program:
        wait_until(lambda: in_window(tmp_path / "runs", 1))
        os.truncate(tmp_path / "shards" / "shard-000000.tar", 0)
        program.communicate(timeout=60)
    assert program.returncode == 4
    assert "killed by SIGBUS (a shard was truncated" in record(tmp_path / "runs")["failure"]["what"]
    wait_until(lambda: not left_over(tmp_path), seconds=20)
