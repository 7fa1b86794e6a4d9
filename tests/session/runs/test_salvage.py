"""What is kept of a run whose session was cut, from the time stamps of its ranks."""

import math
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.errors import Interrupted
from resnext_bench.launch.watch import Progress, SessionFailed
from resnext_bench.rankfile import Mark, Phase, RankFile
from resnext_bench.reports.schema.record import Failure, Record
from resnext_bench.reports.store import runs
from resnext_bench.session.recording import Recording
from resnext_bench.session.runs import run as session_run
from resnext_bench.session.runs.salvage import cut_window
from resnext_bench.session.setup import Setup
from tests.session.made_duets import LAPTOP, SMALL, made_recording
from tests.session.made_script import Silent

MS = 1_000_000
PARTS = {Mark.BATCH: 1, Mark.READY: 2, Mark.FORWARD: 5, Mark.BACKWARD: 9, Mark.OPTIMIZER: 10}
"""When each mark of a step is set, in ms from its beginning: a step takes 10 ms."""


def write_rank(
    run: Setup | Recording, number: int, done: int, rank: int = 0, **changes: int
) -> RankFile:
    """A rank that has finished so many timed steps, the window 7 ms after its warm-up."""
    folder = run.session_folder(number)
    folder.ranks.mkdir(parents=True, exist_ok=True)
    warm_up, steps = run.config.warm_up, run.config.steps
    file = RankFile.create(folder.rank_file(rank), rank=rank, pid=7, warm_up=warm_up, steps=steps)
    for step in range(warm_up + done):
        start = 100 * MS + 10 * MS * step + (7 * MS if step >= warm_up else 0)
        for mark, at in PARTS.items():
            file.marks[step, mark] = start + at * MS
    file.phase = Phase(changes.get("phase", Phase.TIMED))
    file.window_start_ns = changes.get("start", 107 * MS + 10 * MS * warm_up)
    return file


def test_steps_are_those_that_the_rank_would_have_told(tmp_path: Path) -> None:
    run = made_recording(tmp_path, warm_up=3, steps=40)
    write_rank(run, 1, 13)
    found = cut_window(run, 1)
    assert found
    (samples,) = found.samples
    assert samples.step_ns == [10 * MS] * 13, "the wait before the window is not in the first"
    assert samples.data_wait_ns == [2 * MS] * 13
    assert samples.forward_ns == [3 * MS] * 13
    assert samples.backward_ns == [4 * MS] * 13
    assert samples.optimizer_ns == [1 * MS] * 13
    assert samples.window_ns == 130 * MS
    assert all(map(math.isnan, samples.loss))


def test_only_steps_that_all_ranks_have_finished(tmp_path: Path) -> None:
    run = made_recording(tmp_path, warm_up=3, steps=40, nproc_per_node=2)
    write_rank(run, 1, 13)
    assert cut_window(run, 1) is None, "nothing is known of rank 1"
    write_rank(run, 1, 12, rank=1)
    found = cut_window(run, 1)
    assert found
    assert [len(one.step_ns) for one in found.samples] == [12, 12]


@pytest.mark.parametrize(
    ("done", "changes"),
    [(0, {}), (1, {}), (5, {"phase": Phase.WARM_UP}), (5, {"start": 0})],
    ids=["no step", "one step", "still in warm-up", "before the window"],
)
def test_what_is_not_worth_keeping(done: int, changes: dict[str, int], tmp_path: Path) -> None:
    run = made_recording(tmp_path, warm_up=3, steps=40)
    write_rank(run, 1, done, **changes)
    assert cut_window(run, 1) is None


def ended_by(
    error: BaseException,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int = 0,
    **options: Any,
) -> tuple[object, Record]:
    """A run whose ranks were cut in step 13 of session `after` + 1."""
    kept: list[Setup] = []
    set_up = session_run.set_up

    def kept_set_up(*given: Any, **named: Any) -> Setup:
        kept.append(set_up(*given, **named))
        return kept[0]

    def run_session(plan: object, folder: object, listener: Any) -> None:
        write_rank(kept[0], 1, 13)
        listener(Progress(phase=Phase.TIMED, done=13, total=40, rate=100.0))
        raise error

    monkeypatch.setattr(session_run, "set_up", kept_set_up)
    monkeypatch.setattr(session_run, "run_session", run_session)
    request = SMALL | {"warm_up": 3, "steps": 40}
    result: object
    try:
        result = session_run.execute(
            request, LAPTOP, root=root, command=("run",), display=Silent(), **options
        )
    except BaseException as raised:
        result = raised
    (record,) = runs.scan(root)
    assert isinstance(record, Record)
    return result, record


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("terminated by SIGTERM")])
def test_an_interrupted_run_keeps_its_steps(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised, record = ended_by(error, tmp_path, monkeypatch)
    assert isinstance(raised, Interrupted)
    assert raised.record == record, "to be shown"
    assert (record.status, record.why) == ("interrupted", "interrupted after 13 of 40 steps")
    assert record.figures
    assert record.figures.images_per_s == pytest.approx(200), "two images in 10 ms"
    assert record.figures.steps == 13
    assert [file.name for file in record.files][:1] == ["samples.parquet"]
    assert (record.sessions[0].steps_asked, record.sessions[0].last_loss) == (40, None)
    assert [one.kind for one in record.sessions[0].facts.notes] == ["unchecked"]


def test_ranks_that_fail_late_leave_their_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = Failure(rank=0, what="rank 0: killed", log="", log_tail=())
    _, record = ended_by(SessionFailed(failure), tmp_path, monkeypatch)
    assert (record.status, record.failure) == ("failed", failure)
    assert record.figures
    assert record.figures.steps == 13


def test_an_end_before_the_window_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_run, "cut_window", lambda run, number: None)
    _, record = ended_by(KeyboardInterrupt(), tmp_path, monkeypatch)
    assert (record.figures, record.why) == (None, "interrupted after 0 complete sessions")
