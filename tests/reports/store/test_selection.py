"""Choosing runs: conditions, order, number, and what is said of a wrong one."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.kinds import Stored
from resnext_bench.reports.store.runs import Unfinished
from resnext_bench.reports.store.selection import Selection, moment_of, select
from tests.reports.made_comparisons import made_comparison
from tests.reports.made_results import made_config, made_record

NOW = datetime(2026, 11, 23, 12, 0)
SMALL, BIG, BROKEN, COMPARED, RUNNING = (
    f"202611{day}-120000-m_1n-{day}{day}" for day in (19, 20, 21, 22, 23)
)
FOUND: list[Stored | Unfinished] = [
    made_record(id=SMALL, tags=("nightly", "base")),
    made_record(id=BIG, resolved=made_config(model="resnext101_32x8d"), tags=("nightly",)),
    made_record(id=BROKEN, status="failed", figures=None, sessions=()),
    made_comparison(id=COMPARED, verdict="can't tell"),
    Unfinished(id=RUNNING, why="no record"),
]


def ids(**conditions: object) -> list[str]:
    chosen = Selection(**conditions)  # type: ignore[arg-type]
    return [one.id for one in select(FOUND, chosen, Path("nowhere"))]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, [SMALL, BIG, BROKEN, COMPARED, RUNNING]),
        ({"status": "ok"}, [SMALL, BIG, COMPARED]),
        ({"status": "failed"}, [BROKEN]),
        ({"status": "unfinished"}, [RUNNING]),
        ({"status": "can't tell"}, [COMPARED]),
        ({"model": "resnext101"}, [BIG]),
        ({"tags": ("nightly",)}, [SMALL, BIG]),
        ({"tags": ("nightly", "base")}, [SMALL]),
        ({"tags": ("x'; DROP TABLE runs; --",)}, []),
        ({"since": "2026-11-22"}, [COMPARED, RUNNING]),
        ({"before": "2026-11-20T12:00"}, [SMALL]),
        ({"before": "2026-11-20T14:00+02:00"}, [SMALL]),
        ({"since": "2026-11-20", "before": "2026-11-22"}, [BIG, BROKEN]),
        ({"where": "batch_size = 8 AND images_per_s IS NULL"}, [BROKEN]),
        ({"where": "kind = 'run' OR true -- all"}, [SMALL, BIG, BROKEN, COMPARED, RUNNING]),
        ({"where": "status = 'ok' OR status = 'failed'", "model": "resnext101"}, [BIG]),
        ({"sort": "-model", "limit": 2}, [SMALL, BROKEN]),
        ({"sort": "model", "limit": 1}, [BIG]),
        ({"sort": "images-per-s"}, [SMALL, BIG, BROKEN, COMPARED, RUNNING]),
        ({"limit": 2}, [COMPARED, RUNNING]),
        ({"limit": 99}, [SMALL, BIG, BROKEN, COMPARED, RUNNING]),
        ({"status": "ok", "limit": 1}, [COMPARED]),
    ],
)
def test_conditions(conditions: dict[str, object], expected: list[str]) -> None:
    assert ids(**conditions) == expected


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"status": "fine"}, "--status fine: choose from ok, failed"),
        ({"where": "nope = 1"}, '--where nope = 1: Binder Error: Referenced column "nope"'),
        ({"sort": "imagesps"}, "--sort imagesps: did you mean images_per_s"),
        ({"sort": "id; DROP TABLE runs"}, "--sort"),
        ({"since": "yesterday"}, "--since yesterday: give a date"),
        ({"before": "-3d"}, "--before -3d: give a date"),
        ({"since": "99999999999999d"}, "--since 99999999999999d: give a date"),
    ],
)
def test_wrong_conditions(conditions: dict[str, object], words: str) -> None:
    with pytest.raises(StoreError) as error:
        ids(**conditions)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("7 d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_ages(text: str, age: timedelta) -> None:
    assert moment_of("since", text, NOW) == NOW - age


@given(st.integers(0, 10_000), st.sampled_from("mhdw"))
def test_an_older_age_is_an_earlier_moment(count: int, unit: str) -> None:
    earlier, later = (moment_of("since", f"{n}{unit}", NOW) for n in (count + 1, count))
    assert earlier < later <= NOW
