"""Kept verdicts, under any name that a file can have."""

import json
import os
from pathlib import Path

from resnext_bench.pipelines.images.file_verdicts import Verdict, load, manifest_path, save
from resnext_bench.pipelines.names import printable
from tests.pipelines.test_names import ODD


def test_verdicts_are_kept_under_any_name_and_root(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff"))
    given = {os.fsdecode(raw): ((1, place), Verdict()) for place, raw in enumerate(ODD)}
    given["a/0.jpg"] = ((2, 3), Verdict(why="empty"))
    save(tmp_path / "cache", root, given)
    assert load(tmp_path / "cache", root) == given
    kept = json.loads(manifest_path(tmp_path / "cache", root).read_bytes())
    assert kept["root"] == printable(root)
    assert "a/0.jpg" in kept["verdicts"]
