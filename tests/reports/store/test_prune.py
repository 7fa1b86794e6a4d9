"""Pruning removes what was chosen, and neither what is tagged nor what may be running."""

import os
import time
from pathlib import Path

import pytest

from resnext_bench.errors import cannot_write
from resnext_bench.reports.errors import Unwritten
from resnext_bench.reports.store import prune, runs
from tests.reports.made_comparisons import COMPARISON_ID, made_comparison
from tests.reports.made_results import RUN_ID, made_record

OLD, TAGGED = (f"20260101-00000{n}-m_1n-000{n}" for n in (1, 2))
DEAD, ALIVE = (f"20260301-00000{n}-m_1n-000{n}" for n in (3, 4))


def aged(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (OLD, TAGGED, RUN_ID, COMPARISON_ID, DEAD, ALIVE):
        (tmp_path / name / "session-1").mkdir(parents=True)
        (tmp_path / name / "session-1" / "rank-0.log").write_text("x" * 1000)
    runs.save(tmp_path / OLD, made_record(id=OLD))
    runs.save(tmp_path / TAGGED, made_record(id=TAGGED, tags=("keep",)))
    runs.save(tmp_path / RUN_ID, made_record())
    runs.save(tmp_path / COMPARISON_ID, made_comparison())
    aged(tmp_path / DEAD, prune.QUIET_S + 60)
    aged(tmp_path / ALIVE, prune.QUIET_S - 600)
    return tmp_path


def names(pruning: prune.Pruning) -> list[str]:
    return sorted(folder.name for folder in pruning.folders)


def test_what_is_tagged_or_alive_stays(root: Path) -> None:
    pruning = prune.plan(root, list(runs.scan(root)))
    assert names(pruning) == sorted([OLD, RUN_ID, COMPARISON_ID, DEAD])
    whys = dict(pruning.kept)
    assert whys[TAGGED] == "tagged keep"
    assert whys[ALIVE].startswith("changed 50 min ago")
    prune.remove(pruning)
    assert sorted(path.name for path in root.iterdir()) == sorted([TAGGED, ALIVE])


def test_tagged_ones_that_were_asked_for_by_their_tag(root: Path) -> None:
    (tagged,) = (one for one in runs.scan(root) if one.id == TAGGED)
    assert names(prune.plan(root, [tagged], tagged=True)) == [TAGGED]


def test_the_newest_stay(root: Path) -> None:
    found = [one for one in runs.scan(root) if one.id in (OLD, RUN_ID, COMPARISON_ID)]
    newest = max(OLD, RUN_ID, COMPARISON_ID)
    pruning = prune.plan(root, found[::-1], keep=1)
    assert pruning.kept == ((newest, "one of the newest 1"),)
    assert names(prune.plan(root, found, keep=3)) == []
    assert len(names(prune.plan(root, found, keep=0))) == 3


def test_the_size_is_that_of_all_files(root: Path) -> None:
    (dead,) = (one for one in runs.scan(root) if one.id == DEAD)
    assert prune.plan(root, [dead]).size >= 1000


def test_a_link_is_removed_and_not_what_it_points_to(root: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("data")
    (elsewhere / "image.jpg").write_text("precious")
    (root / OLD / "data").symlink_to(elsewhere)
    (old,) = (one for one in runs.scan(root) if one.id == OLD)
    prune.remove(prune.plan(root, [old]))
    assert not (root / OLD).exists()
    assert (elsewhere / "image.jpg").read_text() == "precious"


def test_what_cannot_be_removed_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    (old,) = (one for one in runs.scan(root) if one.id == OLD)
    with pytest.raises(Unwritten, match="Permission denied") as found:
        prune.remove(prune.plan(root, [old]))
    assert cannot_write(found.value).startswith(f"cannot remove {root / OLD}: Permission denied")
