"""Who takes turns when, with processes that are scripted."""

from collections.abc import Callable
from typing import Any

import pytest

from resnext_bench.convs.times.sides import Built, Facts, Setting, Timed, TimedSide
from resnext_bench.convs.times.timers import Ended, Seat
from resnext_bench.convs.times.timing import seat_here, time_in_turn
from resnext_bench.errors import CannotHere
from resnext_bench.machine.inventory import inspect
from tests.convs.made_sides import made_side

NHWC, NCHW = made_side(layout="nhwc"), made_side(layout="nchw")
CAPPED = made_side(setting=Setting(isa="AVX2"))
FACTS = Facts(torch="2", onednn="3", has_onednn=True, isa="", uses="", threads=2)


class Scripted:
    """A process in whose clock a call takes 1 ms more in each block."""

    log: list[tuple[str, str]]
    ends_at: dict[str, str]
    """What each layout ends the process by: build or turn."""
    cut_at: int | None
    """Number of the turn in which Ctrl-C is pressed, from 1."""

    def __init__(self, seat: Seat, isa: str) -> None:
        self.isa, self.facts, self.sides = isa, FACTS, list[TimedSide]()

    def __enter__(self) -> "Scripted":
        self.log.append(("start", self.isa))
        return self

    def __exit__(self, *error: object) -> None:
        self.log.append(("end", self.isa))

    def begin(self) -> None:
        self.sides = []

    def build(self, side: TimedSide, block_s: float, tick: Callable[[], None]) -> tuple[int, Built]:
        if self.ends_at.get(side.convolution.layout) == "build":
            raise Ended("its process crashed (SIGILL): it said nothing")
        self.sides.append(side)
        why = "refused" if side.convolution.dtype == "fp16" else ""
        return len(self.sides) - 1, Built(calls=len(self.sides), kernel="jit", error=0.0, why=why)

    def give(self, number: int, calls: int) -> None:
        self.now, self.calls = self.sides[number], calls

    def took_ns(self, tick: Callable[[], None]) -> int:
        layout = self.now.convolution.layout
        if self.ends_at.get(layout) == "turn":
            raise Ended("its process crashed (SIGSEGV): it said nothing")
        self.log.append(("turn", f"{layout} {self.isa}".strip()))
        if [kind for kind, _ in self.log].count("turn") == self.cut_at:
            raise KeyboardInterrupt
        return 1_000_000 * self.calls * len(self.log)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    monkeypatch.setattr(Scripted, "log", [], raising=False)
    monkeypatch.setattr(Scripted, "ends_at", {}, raising=False)
    monkeypatch.setattr(Scripted, "cut_at", None, raising=False)
    return Scripted


def timed(start: Any, *groups: list[TimedSide], rounds: int = 2, **more: Any) -> Any:
    told: list[tuple[str, int, int]] = []
    found = time_in_turn(
        groups, rounds=rounds, block_s=0.1, tell=lambda *one: told.append(one), start=start, **more
    )
    assert told[-1][1:] == (len(groups), len(groups))
    return found


def test_sides_take_turns_forth_and_back_after_a_round_that_does_not_count(
    start: type[Scripted],
) -> None:
    ((a, b, c),) = timed(start, [NCHW, NHWC, CAPPED])
    turns = [what for kind, what in start.log if kind == "turn"]
    order = ["nchw", "nhwc", "nchw AVX2"]
    assert turns == [*order, *reversed(order), *order]
    assert [one.side for one in (a, b, c)] == [NCHW, NHWC, CAPPED]
    assert all(len(one.samples_us) == 2 and min(one.samples_us) > 0 for one in (a, b, c))
    # A call takes as many ms as events came before: a round's samples are next to each other.
    assert a.samples_us[0] > b.samples_us[0] > c.samples_us[0]
    assert a.samples_us[1] < b.samples_us[1] < c.samples_us[1]


def test_each_cap_is_one_process_for_all_groups_and_none_is_left(start: type[Scripted]) -> None:
    learned: list[Facts] = []
    timed(start, [NCHW, CAPPED], [NHWC, CAPPED], learn=learned.append)
    assert [one for one in start.log if one[0] == "start"] == [("start", ""), ("start", "AVX2")]
    assert sorted(one for one in start.log if one[0] == "end") == [("end", ""), ("end", "AVX2")]
    assert len(learned) == 2


@pytest.mark.parametrize("when", ["build", "turn"])
def test_a_side_that_ends_its_process_is_told_and_the_others_are_timed(
    start: type[Scripted], when: str
) -> None:
    start.ends_at["nhwc"] = when
    ((a, b, c),) = timed(start, [NCHW, NHWC, CAPPED])
    assert "its process crashed" in b.why
    assert b.samples_us == ()
    assert len(a.samples_us) == len(c.samples_us) == 2
    starts = [one for one in start.log if one == ("start", "")]
    assert len(starts) == start.log.count(("end", "")) == 2


def test_a_side_that_cannot_run_gets_no_turns(start: type[Scripted]) -> None:
    ((a, b),) = timed(start, [made_side(dtype="fp16"), NHWC])
    assert (a.why, a.samples_us) == ("refused", ())
    assert len(b.samples_us) == 2


def test_no_process_at_all_is_a_line(start: type[Scripted], monkeypatch: Any) -> None:
    def refused(self: Scripted) -> Scripted:
        raise Ended("its process ended with code 1: No module named torch")

    monkeypatch.setattr(Scripted, "__enter__", refused)
    with pytest.raises(CannotHere, match=r"no convolution can be timed: .* No module named torch"):
        timed(start, [NCHW])


@pytest.mark.parametrize("rounds", [0, 3])
def test_rounds_go_forth_and_back(start: type[Scripted], rounds: int) -> None:
    with pytest.raises(ValueError, match="an even number"):
        timed(start, [NCHW], rounds=rounds)


def test_the_seat_is_that_of_a_rank() -> None:
    machine = inspect("cpu")
    assert seat_here(1) == Seat(threads=1, cores=machine.cores[: machine.usable_cores])
    assert 1 <= seat_here().threads <= len(machine.cores)


@pytest.mark.parametrize(("turn", "rounds"), [(17, [4, 2]), (13, [4]), (10, [2]), (3, [])])
def test_ctrl_c_leaves_groups_and_whole_pairs_of_rounds(
    start: type[Scripted], turn: int, rounds: list[int]
) -> None:
    """A group has ten turns, the first two of which do not count; processes are ended."""
    start.cut_at, so_far = turn, list[list[Timed]]()
    with pytest.raises(KeyboardInterrupt):
        timed(start, [NCHW, NHWC], [NHWC, NCHW], rounds=4, so_far=so_far)
    assert [{len(one.samples_us) for one in group} for group in so_far] == [{n} for n in rounds]
    assert all(one.kernel == "jit" for group in so_far for one in group)
    assert start.log[-1] == ("end", "")
