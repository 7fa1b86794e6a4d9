"""Whatever ends a run after it began, there is a record of it."""

from pathlib import Path
from typing import Any

import pytest

from resnext_bench.errors import CannotHere, Interrupted
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.store import runs
from resnext_bench.session.runs import run as session_run
from tests.worker.made_training import LAPTOP


class Silent:
    """A display that shows nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def ended_by(
    error: BaseException, root: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[BaseException, Record]:
    def failing(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(session_run, "measure_session", failing)
    with pytest.raises(BaseException) as raised:  # noqa: PT011
        session_run.execute(
            {"pipeline": "synthetic"}, LAPTOP, root=root, command=("run",), display=Silent()
        )
    (record,) = runs.scan(root)
    assert isinstance(record, Record)
    return raised.value, record


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("SIGTERM")])
def test_an_interruption(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised, record = ended_by(error, tmp_path, monkeypatch)
    assert isinstance(raised, Interrupted)
    assert record.id in str(raised)
    assert (record.status, record.figures) == ("interrupted", None)


def test_an_error_of_any_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raised, record = ended_by(CannotHere("no port left"), tmp_path, monkeypatch)
    assert isinstance(raised, CannotHere)
    assert record.status == "failed"
    assert "no port left" in record.why
