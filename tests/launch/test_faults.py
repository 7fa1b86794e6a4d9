"""Page faults of a step, from /proc as it was at two moments."""

from pathlib import Path

import pytest

from resnext_bench.launch.faults import FaultWatch, Look, faults_per_step

STAT = "{pid} (py (thon) 3) S {parent} 1 1 0 -1 0 {minor} 7 {major} 0 1 1"


def proc(root: Path, *processes: tuple[int, int, int, int]) -> Path:
    """A made /proc of processes: id, parent, minor and major faults."""
    for pid, parent, minor, major in processes:
        (root / str(pid)).mkdir(parents=True, exist_ok=True)
        text = STAT.format(pid=pid, parent=parent, minor=minor, major=major)
        (root / str(pid) / "stat").write_text(text)
    return root


def test_a_script_and_all_that_it_started(tmp_path: Path) -> None:
    """Another process's faults are not its own, nor those of a loader that was there once."""
    samples = tmp_path / "samples"
    samples.write_text("1\n" * 10)
    root = tmp_path / "proc"
    watch = FaultWatch(
        samples=samples, proc=proc(root, (10, 1, 1000, 1), (11, 10, 500, 0), (12, 1, 9, 0))
    )
    (root / "self").mkdir()
    watch.look(10)
    samples.write_text("1\n" * 30)
    proc(root, (10, 1, 2000, 1), (11, 10, 700, 0), (12, 1, 9999, 0), (13, 11, 400, 0))
    watch.look(10)
    watch.look(10)
    assert [look.steps for look in watch.looks] == [10, 30]
    assert faults_per_step(watch.looks, 0) == (1000 + 200) / 20


@pytest.mark.parametrize(
    ("looks", "cut", "expected"),
    [
        ([], 0, None),
        ([Look(steps=5, faults={1: 10})], 0, None),
        ([Look(steps=5, faults={1: 10}), Look(steps=8, faults={1: 70})], 0, None),  # too few
        ([Look(steps=5, faults={1: 10}), Look(steps=15, faults={2: 70})], 0, None),  # another
        ([Look(steps=5, faults={1: 10}), Look(steps=15, faults={1: 70})], 0, 6.0),
        # Those of the warm-up are not in it.
        ([Look(steps=s, faults={1: f}) for s, f in ((0, 0), (10, 900), (20, 910))], 10, 1.0),
    ],
)
def test_faults_of_a_step(looks: list[Look], cut: int, expected: float | None) -> None:
    assert faults_per_step(looks, cut) == expected


def test_a_process_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    watch = FaultWatch(samples=tmp_path / "none", proc=tmp_path)
    watch.look(7)
    assert watch.looks == [Look(steps=0, faults={})]
