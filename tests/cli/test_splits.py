"""A root that holds splits, as every command reads it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnext_bench.cli.compare.sides import side_request
from resnext_bench.cli.data.bench import _request
from resnext_bench.config.request import merged
from resnext_bench.config.resolve import request_of, resolve
from resnext_bench.session.data import describe_data
from tests.cli.data.test_bench import GIVEN
from tests.cli.typed import Typed
from tests.worker.made_training import LAPTOP


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Typed:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return Typed(monkeypatch, capsys)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of train, of one picture each, and one of val."""
    for number, name in enumerate(("train/n01440764", "train/n01443537", "val/n01440764")):
        folder = tmp_path / "r" / name
        folder.mkdir(parents=True)
        pixels = np.full((20, 30 + number, 3), number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "0.jpg")
    return tmp_path / "r"


TOLD = "train is used of train and val; --split chooses another (in "


def test_check_and_pack(typed: Typed, root: Path) -> None:
    code, out, _ = typed("data", "check", root, "--no-read", "--workers", 1)
    assert code == 0
    assert TOLD in out
    assert "2 of 1 good image each" in out
    code, out, _ = typed("data", "pack", root, "out", "--workers", 1)
    assert code == 0
    assert f"note {TOLD}" in out
    assert json.loads(Path("out/dataset.json").read_bytes())["classes"] == [
        "n01440764",
        "n01443537",
    ]
    _, out, _ = typed("data", "pack", root, "other", "--split", "val", "--json", "--workers", 1)
    assert (json.loads(out)["images"], json.loads(out)["notes"][0][:12]) == (1, "val is used ")


def test_a_plan_of_a_run(typed: Typed, root: Path) -> None:
    run = ("run", "--data", root, "--dry-run", "--pipeline", "torchvision")
    code, out, _ = typed(*run)
    assert code == 0
    assert f"note {TOLD}" in out
    _, out, _ = typed(*run, "--split", "val", "--json")
    told = json.loads(out)
    assert told["resolved"]["data"] == str(root / "val")
    assert told["notes"][0].startswith("val is used of train and val")
    code, _, err = typed(*run, "--split", "test2")
    assert code == 2
    assert f"--split test2: {root} holds train and val; name one of these" in err


def test_photographs(typed: Typed, root: Path) -> None:
    code, out, _ = typed("data", "make", "m", "--from", root, "--images", 2, "--workers", 1)
    assert code == 0
    assert f"note {TOLD}" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--split", "val", "--dry-run"), "--split val: it chooses a part of --data FOLD"),
        (
            ("run", "--split", "val", "--dry-run", "--pipeline", "synthetic"),
            "--split val: it chooses a part of --data FOLDER, which is not given",
        ),
        (("data", "make", "m", "--split", "val"), "--split val: it chooses a part of --from PHOTO"),
    ],
)
def test_a_split_of_nothing(typed: Typed, words: tuple[str, ...], said: str) -> None:
    code, _, err = typed(*words)
    assert code == 2
    assert said in err


def test_sides_and_loaders_have_the_same_rule(root: Path) -> None:
    side = side_request(f"--data {root} --split val --pipeline torchvision", "--a")
    loaders = _request(GIVEN | {"data": str(root), "split": "val"})
    for request in (side, loaders | {"pipeline": "torchvision"}):
        facts = describe_data(request)
        assert facts
        assert facts.root == str(root / "val")


def test_what_the_root_does_not_say_is_repeated(root: Path) -> None:
    """As `runs rerun` does, and a file's split is not that of another folder."""
    request = {"data": str(root), "split": "none", "pipeline": "torchvision"}
    config = resolve(request, LAPTOP, describe_data(request)).config
    assert (config.classes, config.split) == (2, "none")
    assert describe_data(request_of(config)) == describe_data(request)
    del request["split"]
    again = request_of(resolve(request, LAPTOP, describe_data(request)).config)
    assert (again["data"], "split" in again) == (str(root / "train"), False)
    assert "split" not in merged({"data": "other"}, {"data": "one", "split": "val"})
