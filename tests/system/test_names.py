"""Files whose names are not UTF-8, checked and trained on."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.system.program import SMALL, run

pytestmark = pytest.mark.system

CLASSES, FILES = (b"caf\xe9", b"plain"), 8


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", ["dali", "torchvision"])
def test_checked_twice_and_trained(tmp_path: Path, pipeline: str) -> None:
    rng = np.random.default_rng(0)
    for name in CLASSES:
        folder = tmp_path / "photos" / os.fsdecode(name)
        folder.mkdir(parents=True)
        for number in range(FILES):
            picture = Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8))
            picture.save(folder / os.fsdecode(b"\xff%d.jpg" % number))
    variables = {"RESNEXT_BENCH_CACHE": str(tmp_path / "cache")}
    for known in (0, len(CLASSES) * FILES):
        done = run("data", "check", "photos", "--json", cwd=tmp_path, **variables)
        assert (done.returncode, json.loads(done.stdout)["known_before"]) == (0, known)
    training = ("run", *SMALL, "--steps", "3", "--data", "photos", "--pipeline", pipeline)
    done = run(*training, "--json", cwd=tmp_path, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(done.stdout)["data"]
    assert (data["images"], data["classes"]) == (len(CLASSES) * FILES, len(CLASSES))
