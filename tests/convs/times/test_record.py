"""What is left of a measurement that Ctrl-C ended, as a record."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from resnext_bench.convs.problems import Asked
from resnext_bench.convs.times import record as module
from resnext_bench.convs.times.record import TimeOrder, timed
from resnext_bench.convs.times.sides import Facts, Setting, Timed
from resnext_bench.errors import Interrupted
from resnext_bench.reports.render.kinds import renderer_of
from resnext_bench.reports.schema.convs import Convs
from tests.convs.made_sides import made_side
from tests.machine.made_machines import laptop
from tests.reports.drawn import drawn

FACTS = Facts(torch="2", onednn="3", has_onednn=True, isa="", uses="", threads=2)
ORDER = TimeOrder(
    model="",
    asked=[Asked(convolution=made_side().convolution)],
    dtypes=["fp32", "bf16"],
    layouts=["nchw"],
    settings=[Setting()],
    rounds=4,
    block_s=0.1,
    threads=2,
    command=(),
)


def cut(monkeypatch: pytest.MonkeyPatch, rounds: Sequence[int], order: TimeOrder = ORDER) -> Any:
    """Return the record of what there is after groups with so many rounds."""

    def until_ctrl_c(groups: Any, *, so_far: list[list[Timed]], learn: Any, **more: Any) -> None:
        learn(FACTS)
        for group, count in zip(groups, rounds, strict=False):
            so_far.append([Timed(side=one, samples_us=(5.0,) * count) for one in group])
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "time_in_turn", until_ctrl_c)
    with pytest.raises(Interrupted) as end:
        timed(order, "", laptop(), lambda *_: None)
    return end.value.record


@pytest.mark.parametrize(
    ("rounds", "where"),
    [
        ((4, 4), "after 2 of 3 problems"),
        ((4, 2), "after 1 of 3 problems, and 2 of 4 rounds of the next"),
        ((0,), "after 1 of 3 problems"),
    ],
)
def test_it_says_where_it_was_cut(
    monkeypatch: pytest.MonkeyPatch, rounds: tuple[int, ...], where: str
) -> None:
    found: Convs = cut(monkeypatch, rounds)
    assert (found.status, found.why) == ("interrupted", where)
    assert [len(plan.samples_us) for one in found.problems for plan in one.plans] == [
        count for count in rounds if count for _ in ("fp32", "bf16")
    ]
    out = drawn(renderer_of(found).sections(found), 80)
    assert out[0] == f"INTERRUPTED: {where}"
    assert "one convolution on Example CPU: 2 sides of each problem" in " ".join(out)
    counts = sorted({count for count in rounds if count}) or [0]
    told = " to ".join(str(count) for count in counts)
    assert f"intervals over {told} rounds in turn" in " ".join(out)


def test_nothing_is_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cut(monkeypatch, ()) is None


def test_a_part_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cut(monkeypatch, (4, 4), replace(ORDER, model="resnext50_32x4d"))
    assert "over a step" not in " ".join(drawn(renderer_of(found).sections(found), 80))
