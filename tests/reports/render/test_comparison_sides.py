"""Scripts, revisions and stored runs on the terminal."""

from typing import Any

import msgspec
import pytest

from resnext_bench.reports.render.comparison import sections
from resnext_bench.reports.render.sentences import verdict_line
from resnext_bench.reports.schema.comparison import Comparison, Difference, Limits, Side
from resnext_bench.reports.schema.interval import Range
from resnext_bench.reports.schema.record import Failure, Thresholds
from tests.reports.drawn import drawn
from tests.reports.made_results import made_config, made_record

TRAIN = ("python", "train.py")


def made(a: Side, b: Side, **changes: Any) -> Comparison:
    """A comparison of scripts in which b took longer."""
    record = Comparison(
        id="20260301-101500-compare-a1b2",
        status="ok",
        why="",
        verdict="slower",
        tool_version="0.1.0",
        created="2026-03-01T10:15:00+00:00",
        duration_s=41.5,
        command=("compare",),
        design="relaunch",
        limits=Limits(
            margin_percent=2.0,
            max_sessions=26,
            max_minutes=20.0,
            pairs=0,
            block_steps=0,
            looks=(4, 26),
        ),
        a=a,
        b=b,
        differences=(),
        environment=msgspec.structs.replace(made_record().environment, versions={}),
        change=Range(percent=20.0, low_percent=18.0, high_percent=22.0, confidence_percent=99.5),
        order_effect=None,
        detectable_percent=1.5,
        sessions_more=None,
        looks_taken=1,
        step_ms=(5.0, 6.0),
        phases={},
        thresholds=Thresholds(),
        pairs=(),
        notes=(),
    )
    return msgspec.structs.replace(record, **changes)


def text_of(record: Comparison) -> str:
    return " ".join(" ".join(drawn(sections(record), 120)).split())


def test_commands_are_the_names_of_scripts() -> None:
    a, b = (Side(given=f"python train.py {one}", command=(*TRAIN, one)) for one in ("1", "2"))
    text = text_of(made(a, b, differences=(Difference(what="arguments", a="1", b="2"),)))
    assert text.startswith("b is slower than a: a step takes 20 % longer")
    assert "│ a │ python train.py 1 │" in text
    assert "│ arguments │ 1 → 2 │" in text


def test_revisions_stand_beside_the_command() -> None:
    a = Side(given="main", command=TRAIN, revision="5eed" * 10)
    b = Side(given="the working tree", command=TRAIN)
    text = text_of(made(a, b))
    assert "│ a │ python train.py (main) │" in text
    assert "│ b │ python train.py (the working tree) │" in text


def test_all_devices_that_a_script_may_have_used_are_named() -> None:
    side = Side(given="python train.py", command=TRAIN)
    environment = msgspec.structs.replace(made_record().environment, gpus=("Example GPU",) * 8)
    text = text_of(made(side, side, environment=environment))
    assert "8 x Example GPU, Example CPU @ 2.50GHz, 2 cores" in text
    assert "both" not in text


def test_stored_runs_of_one_configuration_show_it() -> None:
    config = made_config(channels_last=False)
    other = msgspec.structs.replace(config, channels_last=True)
    a, b = (
        Side(given=name, runs=(f"run-{name}",), sessions=3, resolved=resolved)
        for name, resolved in (("x", config), ("y", other))
    )
    text = text_of(made(a, b, design="unpaired"))
    assert "│ both │ resnext50_32x4d, 8 x 2 ranks = 16 images of 128 x 128," in text
    assert "NCHW" not in text


def test_stored_runs_show_their_sessions() -> None:
    a, b = Side(given="x,y", runs=("run-x", "run-y"), sessions=4), Side(given="z", runs=("run-z",))
    text = text_of(made(a, msgspec.structs.replace(b, sessions=3), design="unpaired"))
    assert "│ a │ run-x, run-y │" in text
    assert "unpaired: measured at different times" in text
    assert "4 of a, 3 of b; one look" in text


@pytest.mark.parametrize(
    ("more", "why", "words"),
    [
        (
            7,
            "",
            (
                "can't tell b from a; about 7 more sessions of each side would be enough (a rough "
                "estimate)"
            ),
        ),
        (None, "there is 1 of a", "can't tell b from a: there is 1 of a"),
    ],
)
def test_stored_runs_that_cannot_be_told(more: int | None, why: str, words: str) -> None:
    side = Side(given="x", runs=("run-x",), sessions=2)
    changes = {"design": "unpaired", "verdict": "can't tell", "change": None}
    assert verdict_line(made(side, side, sessions_more=more, why=why, **changes)) == words


def test_a_failed_script_shows_the_end_of_its_log() -> None:
    failure = Failure(rank=None, what="a, session 1: broken", log="/x/a.log", log_tail=("last",))
    side = Side(given="python train.py", command=TRAIN)
    record = made(side, side, status="failed", why=failure.what, verdict=None, failure=failure)
    assert "FAILED a, session 1: broken the end of /x/a.log: last" in text_of(record)
