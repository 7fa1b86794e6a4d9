"""Records as SQL tables: every field a column, every record a row, complaints in a line."""

from datetime import datetime
from math import log
from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.columns import write_columns
from resnext_bench.reports.store.runs import Unfinished
from resnext_bench.reports.store.tables import ask, tables
from tests.reports.made_comparisons import COMPARISON_ID, made_comparison, made_pair
from tests.reports.made_results import (
    RUN_ID,
    made_figures,
    made_record,
    made_result,
    made_samples,
    made_seen,
    made_session,
)

UNFINISHED = Unfinished(id="20260303-000000-resnext50_32x4d_1n-0001", why="no record: running")


def samples() -> object:
    parts = {
        name: [1, 2, 3] for name in ("data_wait_ms", "forward_ms", "backward_ms", "optimizer_ms")
    }
    return made_result(made_samples(rank=0, **parts), made_samples(rank=1, **parts))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / RUN_ID
    folder.mkdir()
    runs.save(folder, made_record(tags=("nightly", "a'b"), note="mine"))
    write_columns(folder / "samples.parquet", [samples()])  # type: ignore[list-item]
    return tmp_path


def one(root: Path, sql: str, *values: object) -> tuple[object, ...]:
    found = [*runs.scan(root), made_comparison(), UNFINISHED]
    (row,) = ask(root, found, sql, values).rows
    return row


def test_a_run_is_a_row(root: Path) -> None:
    record = made_record()
    assert record.figures is not None
    row = one(root, "SELECT model, images_per_s, steps, tags, note FROM runs WHERE kind = 'run'")
    config = record.resolved
    figures = record.figures
    expected = (config.model, figures.images_per_s, config.steps, ["nightly", "a'b"], "mine")
    assert row == expected
    row = one(
        root,
        "SELECT world_size, global_batch_size, created, versions['torch'], commit "
        "FROM runs WHERE kind = 'run'",
    )
    created = datetime.fromisoformat(record.created).replace(tzinfo=None)
    git = record.environment.git or {}
    torch = record.environment.versions.get("torch")
    assert row == (2, config.global_batch_size, created, torch, git.get("commit"))


def test_a_comparison_and_an_unfinished_run_are_rows(root: Path) -> None:
    record = made_comparison()
    assert record.change is not None
    row = one(
        root, "SELECT verdict, design, change_percent, model FROM runs WHERE id = ?", COMPARISON_ID
    )
    assert row == (record.verdict, record.design, record.change.percent, None)
    assert one(root, "SELECT status, why FROM runs WHERE id = ?", UNFINISHED.id) == (
        "unfinished",
        "no record: running",
    )
    assert one(root, "SELECT count(*) FROM pairs") == (len(record.pairs),)
    assert one(root, "SELECT first, a_ms, b_ms, log_ratio FROM pairs ORDER BY number LIMIT 1") == (
        record.pairs[0].order[0],
        *record.pairs[0].step_ms,
        record.pairs[0].log_ratio,
    )


def test_slow_steps_and_the_middle_one_have_columns(root: Path) -> None:
    question = "SELECT slow_every, slow_cost_percent FROM"
    assert one(root, f"{question} runs WHERE kind = 'run'") == (None, None)
    slow = SlowSteps(every=4, slow=10, steps=40, slow_ms=60.0, cost_percent=124.3)
    figures = made_figures(slow=slow)
    runs.save(
        root / RUN_ID, made_record(figures=figures, sessions=(made_session(figures=figures),))
    )
    assert one(root, f"{question} runs WHERE kind = 'run'") == (4, 124.3)
    assert one(root, f"{question} sessions") == (4, 124.3)
    pairs = [made_pair(number, log(1.5), middle_log_ratio=log(1.1)) for number in (1, 2)]
    question = (
        "SELECT change_percent, middle_percent, log_ratio, middle_log_ratio FROM runs, pairs "
        "WHERE number = 1"
    )
    (row,) = ask(root, [made_comparison(pairs)], question).rows
    assert row == pytest.approx((50, 10, log(1.5), log(1.1)))


def test_sessions(root: Path) -> None:
    record = made_record()
    row = one(
        root, "SELECT run, number, images_per_s, steady FROM sessions ORDER BY number LIMIT 1"
    )
    first = record.sessions[0]
    expected = (RUN_ID, first.number, first.figures.images_per_s, first.steadiness.steady)
    assert row == expected


def test_what_was_seen_of_gpus(root: Path) -> None:
    """The slowest clock, the power of all, the hottest, the energy of the window."""
    seen = made_seen(2, sm_mhz=(1755.0, 1410.0), temperature_c=(54.0, 61.0), power_w=(650.0, 600.0))
    figures = made_figures(joules_per_image=0.5)
    session = made_session(figures=figures, gpus=seen, load_1min=0.25)
    gpus = "sm_mhz, power_w, temperature_c, joules, lost_gpus, load_1min, joules_per_image"
    question = f"SELECT {gpus} FROM sessions"
    assert one(root, question) == (*[None] * 4, None, None, None)
    runs.save(root / RUN_ID, made_record(sessions=(session,), figures=figures))
    joules = 0.5 * figures.images
    assert one(root, question) == (1410, 1250, 61, joules, [], 0.25, 0.5)
    assert one(root, "SELECT joules_per_image FROM runs WHERE kind = 'run'") == (0.5,)


def test_steps_are_read_from_the_runs_own_files(root: Path) -> None:
    assert one(root, "SELECT count(*), min(run), max(rank), sum(forward_ns) FROM steps") == (
        6,
        RUN_ID,
        1,
        12_000_000,
    )


def test_all_tables_are_there_where_nothing_is_stored(tmp_path: Path) -> None:
    assert set(tables()) == {
        "runs",
        "sessions",
        "pairs",
        "convs",
        "layouts",
        "release_changes",
        "steps",
    }
    for name, columns in tables().items():
        answer = ask(tmp_path, [], f"SELECT * FROM {name}")
        assert answer.rows == ()
        assert answer.columns == tuple(columns)


def test_every_field_of_a_configuration_is_a_column() -> None:
    """What a later version adds is asked for by its own name."""
    missing = set(RunConfig.__struct_fields__) - set(tables()["runs"])
    assert missing == set()


def test_columns_of_the_steps_are_those_of_the_file(root: Path) -> None:
    found = list(runs.scan(root))
    assert set(ask(root, found, "FROM steps").columns) == set(tables()["steps"])


def test_a_folder_with_quotes_in_its_name(tmp_path: Path, root: Path) -> None:
    odd = tmp_path / "it's"
    odd.mkdir()
    (root / RUN_ID).rename(odd / RUN_ID)
    assert ask(odd, list(runs.scan(odd)), "SELECT count(*) FROM steps").rows == ((6,),)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT imags_per_s FROM runs", 'Candidate bindings: "images_per_s"'),
        ("selct", 'syntax error at or near "selct"'),
        ("SELECT model::INT FROM runs WHERE kind = 'run'", "Could not convert string"),
        ("FROM nowhere", "Table with name nowhere does not exist"),
    ],
)
def test_wrong_sql_is_told_in_a_line(root: Path, sql: str, words: str) -> None:
    with pytest.raises(StoreError) as error:
        ask(root, list(runs.scan(root)), sql)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_records_of_older_versions_have_no_later_fields(root: Path) -> None:
    """A field that is not in the file has its default."""
    path = root / RUN_ID / runs.RECORD
    raw = msgspec.json.decode(path.read_bytes())
    del raw["tags"], raw["note"]
    path.write_bytes(msgspec.json.encode(raw))
    assert one(root, "SELECT tags, note FROM runs WHERE kind = 'run'") == ([], "")
