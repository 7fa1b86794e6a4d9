"""What Ctrl-C leaves of layouts: rows of what was timed, choices where there are any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.convs.layouts.benches import OnCpu
from resnext_bench.convs.layouts.record import Wanted, compared
from resnext_bench.convs.layouts.times import LAYOUTS
from resnext_bench.convs.problems import of_network
from resnext_bench.convs.times.record import TimeOrder
from resnext_bench.convs.times.sides import Facts, Setting, Timed
from resnext_bench.convs.times.timing import Tell
from resnext_bench.errors import Interrupted, RunFailed
from resnext_bench.reports.render.kinds import renderer_of
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from tests.machine.made_machines import laptop
from tests.reports.drawn import drawn

ROUNDS = 8
ORDER = TimeOrder(
    model="resnext14_4x4d",
    asked=of_network(
        draw(parse("resnext14_4x4d"), 32),
        batch=2,
        dtype="fp32",
        layout=LAYOUTS[0],
        everything=True,
    ),
    dtypes=["fp32"],
    layouts=LAYOUTS,
    settings=[Setting()],
    rounds=ROUNDS,
    block_s=0.1,
    threads=1,
    command=(),
)
PROBLEMS = len(ORDER.groups())


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressed(OnCpu):
    """A bench on which each problem has so many rounds, and that is then interrupted."""

    rounds: list[int]

    def convolutions(self, order: TimeOrder, found: list[list[Timed]], tell: Tell) -> None:
        self.facts.append(Facts(torch="2", onednn="3", has_onednn=True, isa="", uses="", threads=1))
        for group, count in zip(order.groups(), self.rounds, strict=False):
            found.append([Timed(side=one, samples_us=(5.0,) * count) for one in group])
        if len(self.rounds) < PROBLEMS:
            raise KeyboardInterrupt

    def others(self, *_: object) -> Any:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("rounds", "where"),
    [
        ([ROUNDS] * 2 + [4], f"after 2 of {PROBLEMS} problems"),
        ([ROUNDS] * PROBLEMS, "before layouts were chosen"),
        ([4], None),
    ],
)
def test_ctrl_c_keeps_rows_that_have_all_rounds(
    tmp_path: Path, rounds: list[int], where: str | None
) -> None:
    wanted = Wanted(whole=True, everything=True, steps=True)
    with pytest.raises(Interrupted) as end:
        compared(ORDER, wanted, laptop(), tmp_path, lambda *_: None, Pressed(rounds=rounds))
    record = end.value.record
    if where is None:
        assert record is None
        return
    assert isinstance(record, Convs)
    assert (record.status, record.why) == ("interrupted", where)
    assert record.layouts
    assert len(record.layouts.rows) == rounds.count(ROUNDS)
    assert drawn(renderer_of(record).sections(record), 80)[0] == f"INTERRUPTED: {where}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failing(Pressed):
    """A bench on which norms, pools and conversions cannot be timed."""

    def others(self, *_: object) -> Any:
        raise RunFailed("a process that times ended early: killed")


def test_convolutions_stand_if_the_rest_cannot_be_timed(tmp_path: Path) -> None:
    wanted = Wanted(whole=True, everything=True, steps=True)
    bench = Failing(rounds=[ROUNDS] * PROBLEMS)
    record = compared(ORDER, wanted, laptop(), tmp_path, lambda *_: None, bench)
    assert record.status == "ok"
    assert record.notes == ("no choice: a process that times ended early: killed",)
    assert record.layouts
    assert (len(record.layouts.rows), record.layouts.mixes) == (PROBLEMS, ())


def test_what_makes_times_doubtful_is_told_of_what_ctrl_c_left(tmp_path: Path) -> None:
    wanted = Wanted(whole=True, everything=True, steps=True)
    bench = Pressed(rounds=[ROUNDS], doubts=["the clock was held down"])
    with pytest.raises(Interrupted) as end:
        compared(ORDER, wanted, laptop(), tmp_path, lambda *_: None, bench)
    assert isinstance(end.value.record, Convs)
    assert end.value.record.notes == ("the clock was held down",)
