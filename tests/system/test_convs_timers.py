"""Processes that time convolutions, with one that is scripted: what they get, how they end."""

import os
from functools import partial
from pathlib import Path

import pytest

from resnext_bench.convs.times import timers
from resnext_bench.convs.times.sides import Facts, Setting, Timed
from resnext_bench.convs.times.timers import Child, Ended
from resnext_bench.convs.times.timing import time_in_turn
from resnext_bench.errors import CannotHere
from tests.convs import scripted_child
from tests.convs.made_sides import made_side

pytestmark = pytest.mark.system
SCRIPTED = partial(Child, module=scripted_child.__name__)


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    )
    for name in ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_ARENA_MAX"):
        monkeypatch.delenv(name, raising=False)


def timed(learned: list[Facts] | None = None) -> list[Timed]:
    sides = [made_side(), made_side(setting=Setting(isa="AVX2"))]
    (found,) = time_in_turn(
        [sides],
        rounds=2,
        block_s=0.01,
        tell=lambda *_: None,
        threads=1,
        learn=[].append if learned is None else learned.append,
        start=SCRIPTED,
    )
    return found


def test_each_process_has_its_cap_and_what_a_rank_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    learned: list[Facts] = []
    found = timed(learned)
    assert [one.samples_us for one in found] == [(1.0, 1.0), (1.0, 1.0)]
    assert [one.isa for one in learned] == ["", "AVX2"]
    assert {(one.threads, one.uses) for one in learned} == {(1, "0")}  # freed memory is kept


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("build code", "its process ended with code 1: a last word of it"),
        ("turn crash", "its process crashed (SIGABRT): a last word of it"),
    ],
)
def test_an_end_is_a_line(monkeypatch: pytest.MonkeyPatch, end: str, words: str) -> None:
    monkeypatch.setenv(scripted_child.WHEN, end)
    assert {(one.why, one.samples_us) for one in timed()} == {(words, ())}


def test_no_process_at_all_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(scripted_child.WHEN, "start code")
    with pytest.raises(CannotHere, match="no convolution can be timed: its process ended with"):
        timed()


def test_silence_has_an_end_and_nothing_is_left_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(scripted_child.WHEN, "build silence")
    seat = timers.Seat(threads=1, cores=tuple(os.sched_getaffinity(0)))
    ticks: list[int] = []
    with SCRIPTED(seat, "") as child:
        assert child._process
        process = child._process
        monkeypatch.setattr(timers, "PATIENCE_S", 0.2)
        monkeypatch.setattr(timers, "POLL_S", 0.05)
        with pytest.raises(Ended, match="no answer within"):
            child.build(made_side(), 0.01, lambda: ticks.append(1))
        assert ticks
        assert process.poll() is None
    assert process.poll() is not None
