"""A run with --batch-size auto does not die of the batch that was found for it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from resnext_bench.cli.run import command
from resnext_bench.cli.terminal.outcome import Pardon
from resnext_bench.reports.schema.record import Failure, FailureKind, Record
from resnext_bench.session.runs import batch, run
from tests.machine.made_machines import laptop
from tests.reports.made_results import made_record

FOUND = 256


class Runs:
    """Runs that end as `ends` says, one after another."""

    def __init__(self, *ends: FailureKind) -> None:
        self.ends: Iterator[FailureKind] = iter(ends)
        self.batches: list[int] = []
        self.notes: list[str] = []

    def execute(self, request: dict[str, Any], *_: object, note: str, **__: object) -> Record:
        self.batches.append(request["batch_size"])
        self.notes.append(note)
        record = made_record()
        config = msgspec.structs.replace(record.resolved, batch_size=request["batch_size"])
        kind = next(self.ends)
        failure = Failure(rank=0, kind=kind, what="rank 0: gone", log="", log_tail=())
        return msgspec.structs.replace(record, resolved=config, failure=failure if kind else None)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run with ends in this order; return the batches, their notes, and the record concluded."""

    def made(asked: int | str, *ends: FailureKind) -> tuple[Runs, Record]:
        runs, concluded = Runs(*ends), list[Record]()
        monkeypatch.setattr(command, "find_member", lambda: None)
        monkeypatch.setattr(command, "inspect", lambda _: laptop())
        monkeypatch.setattr(command, "begin_look", lambda: str)
        monkeypatch.setattr(command, "conclude", lambda one, *_: concluded.append(one) or 0)
        monkeypatch.setattr(run, "execute", runs.execute)
        found = ({"batch_size": FOUND}, "256 images are the largest")
        monkeypatch.setattr(batch, "with_largest_batch", lambda *_: found)
        command.run_request({"batch_size": asked}, None, "table", pardon=Pardon())
        return runs, concluded[0]

    return made


def test_it_steps_down_until_memory_holds_it_and_says_so(ended: Any) -> None:
    runs, record = ended("auto", "out_of_memory", "no_engine", "")
    assert runs.batches == [256, 224, 192]
    assert runs.notes[0] == "256 images are the largest"
    assert "224 images fitted in trial training, but not in run" in runs.notes[2]
    assert "192 were taken instead" in runs.notes[2]
    assert record.failure is None


def test_another_end_is_final(ended: Any) -> None:
    runs, record = ended("auto", "out_of_memory", "error")
    assert runs.batches == [256, 224]
    assert record.failure.kind == "error"


def test_a_batch_that_the_user_has_given_stays(ended: Any) -> None:
    runs, record = ended(64, "out_of_memory")
    assert runs.batches == [64]
    assert record.failure.kind == "out_of_memory"
