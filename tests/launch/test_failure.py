"""Which rank failed first, from the files that a broken session leaves."""

import signal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from resnext_bench.job import RankError, SessionFolder
from resnext_bench.launch import failure
from resnext_bench.launch.failure import find_failure, is_lack_of_memory
from resnext_bench.launch.launchers import LAUNCHERS
from resnext_bench.logs import tail
from resnext_bench.rankfile import Mark, Phase, RankFile
from resnext_bench.reports.schema.record import Failure, FailureKind
from resnext_bench.symptoms import LACK_OF_MEMORY

PIDS = (101, 102)
REFUSED = "[Gloo] Connection closed by peer [127.0.0.1]:4711"


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    found = SessionFolder(tmp_path / "session-1")
    for path in (found.ranks, found.logs):
        path.mkdir(parents=True)
    return found


def rank(folder: SessionFolder, number: int, phase: Phase, done: int = 0) -> None:
    """A rank's file as it was left: 2 steps of warm-up, 5 timed, `done` of them finished."""
    path = folder.rank_file(number)
    file = RankFile.create(path, rank=number, pid=PIDS[number], warm_up=2, steps=5)
    file.phase = phase
    file.marks[:done, Mark.OPTIMIZER] = range(1, done + 1)
    folder.rank_log(number).write_text(f"rank {number} began\nrank {number} ended\n")


def error(
    folder: SessionFolder, number: int, kind: str, message: str, time_ns: int, **more: Any
) -> None:
    account = RankError(rank=number, kind=kind, message=message, time_ns=time_ns, **more)
    folder.error_file(number).write_bytes(msgspec.json.encode(account))


def agent(folder: SessionFolder, node: int, text: str) -> None:
    folder.node_log(node).write_text(text)


def report(pid: int, code: int) -> str:
    """The part of torchrun's report that names the failed process."""
    return (
        "============================================================\n"
        "resnext_bench.worker FAILED\n"
        "Root Cause (first observed failure):\n[0]:\n"
        "  time      : 2026-03-01_10:15:00\n  host      : host-a\n  rank      : 1\n"
        f"  exitcode  : {code} (pid: {pid})\n  error_file: <N/A>\n"
    )


def test_a_killed_rank_wins_over_what_follows_from_it(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.TIMED, 4)
    rank(folder, 1, Phase.TIMED, 4)
    error(folder, 0, "RuntimeError", REFUSED, time_ns=1, follows=True)
    agent(folder, 1, report(102, -9))
    found = find_failure(folder, [1, 1])
    assert found.rank == 1
    assert found.what.startswith("rank 1: killed by SIGKILL (the kernel does so when memory")
    assert found.what.endswith('in step 5 of 7; its last words: "rank 1 ended"')
    assert found.kind == "killed"
    assert found.log == str(folder.rank_log(1))
    assert found.log_tail == ("rank 1 began", "rank 1 ended")


def test_a_bus_error_says_what_it_usually_is(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.TIMED, 4)
    found = find_failure(folder, [-signal.SIGBUS])
    assert found.what.startswith(
        "rank 0: killed by SIGBUS (a shard was truncated while it was read"
    )


def test_where_nobody_knows_how_many_steps_there_will_be(folder: SessionFolder) -> None:
    """A duet goes on by what its blocks show: its file has room for far more."""
    file = RankFile.create(
        folder.rank_file(0), rank=0, pid=100, warm_up=2, steps=1000, is_open=True
    )
    file.phase = Phase.TIMED
    file.marks[:4, :] = 1
    agent(folder, 0, report(100, -9))
    assert find_failure(folder, [1]).what.endswith("in step 5")


def test_a_crash_is_no_lack_of_memory(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.MODEL)
    rank(folder, 1, Phase.MODEL)
    agent(folder, 0, report(101, -11))
    found = find_failure(folder, [1, 1])
    assert found.what.startswith("rank 0: killed by SIGSEGV while loading the model")
    assert found.kind == "signal"


def test_the_line_as_torchrun_writes_it(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.TIMED, 0)
    agent(folder, 0, "exitcode : -9 (pid: 101)")
    assert find_failure(folder, [1]).rank == 0


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(report(101, -15), id="SIGTERM is what agents send themselves"),
        pytest.param(report(999, -9), id="another process"),
        pytest.param(report(101, 1), id="no signal"),
    ],
)
def test_ends_that_are_no_kill(folder: SessionFolder, log: str) -> None:
    rank(folder, 0, Phase.TIMED)
    agent(folder, 0, log)
    error(folder, 1, "ValueError", "ours", time_ns=5)
    found = find_failure(folder, [1, 1])
    assert found.what == "rank 1: ValueError: ours"


def test_a_rank_that_was_done_did_not_fail(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.DONE, 7)
    agent(folder, 0, report(101, -9))
    assert find_failure(folder, [1]).rank is None


def test_a_direct_worker_that_was_killed(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.WARM_UP, 1)
    found = find_failure(folder, [-9])
    assert found.rank == 0
    assert "in step 2 of 7" in found.what


def test_a_direct_worker_that_somebody_ended(
    folder: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several ranks SIGTERM follows from another's end; one alone has no other."""
    monkeypatch.setattr(failure, "_launcher", lambda folder: LAUNCHERS["direct"])
    rank(folder, 0, Phase.TIMED, 3)
    found = find_failure(folder, [-signal.SIGTERM])
    assert found.what.startswith("rank 0: killed by SIGTERM in step 4 of 7")


def test_what_our_own_words_say_needs_no_traceback(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.MODEL)
    error(folder, 0, "ModelError", "--model a:B: gave a tuple", time_ns=1)
    assert find_failure(folder, [1]).log_tail == ()


def test_long_words_of_others_stand_behind_ours(folder: SessionFolder) -> None:
    error(folder, 0, "RuntimeError", "x" * 5000, time_ns=1, hint="freeze them")
    what = find_failure(folder, [1]).what
    assert what.startswith("rank 0: freeze them (RuntimeError: xxx")
    assert what.endswith("xxx …)")


def test_the_earliest_real_error_wins(folder: SessionFolder) -> None:
    """Connection errors may come first on another host's clock; they are never the cause."""
    for number in (0, 1):
        rank(folder, number, Phase.TIMED, 3)
    error(folder, 0, "DistBackendError", "NCCL communicator was aborted", time_ns=1, follows=True)
    error(folder, 1, "ZeroDivisionError", "\n\n  division by zero  \nmore", time_ns=2)
    found = find_failure(folder, [1, 1])
    assert (found.rank, found.what) == (1, "rank 1: ZeroDivisionError: division by zero")


def test_the_earlier_of_two_real_errors(folder: SessionFolder) -> None:
    error(folder, 0, "ValueError", "second", time_ns=20)
    error(folder, 1, "ValueError", "first", time_ns=10)
    assert find_failure(folder, [1, 1]).what == "rank 1: ValueError: first"


def test_connection_errors_alone_are_told_in_order(folder: SessionFolder) -> None:
    error(folder, 0, "RuntimeError", REFUSED, time_ns=20, follows=True)
    error(folder, 1, "RuntimeError", "Timed out", time_ns=10, follows=True, cause="timeout")
    assert find_failure(folder, [1, 1]).rank == 1


def test_hints_are_passed_on(folder: SessionFolder) -> None:
    error(folder, 0, "OutOfMemoryError", "CUDA out of memory", 1, hint="lower --batch-size")
    what = find_failure(folder, [1]).what
    assert what == "rank 0: OutOfMemoryError: CUDA out of memory (lower --batch-size)"


def test_long_and_empty_messages(folder: SessionFolder) -> None:
    error(folder, 0, "ValueError", "x" * 5000, time_ns=1)
    assert len(find_failure(folder, [1]).what) < 400
    error(folder, 0, "KeyboardInterrupt", "", time_ns=1)
    assert find_failure(folder, [1]).what == "rank 0: KeyboardInterrupt: no message"


def test_no_report_at_all(folder: SessionFolder) -> None:
    agent(folder, 1, "\n".join(f"line {number}" for number in range(40)))
    found = find_failure(folder, [None, 2])
    assert found.rank is None
    words = (
        'its launcher ended with exit code 2 before any rank reported; its last words: "line 39"'
    )
    assert found.what == f"node 1: {words}"
    assert found.log == str(folder.node_log(1))
    assert found.log_tail == tuple(f"line {number}" for number in range(28, 40))


def test_a_killed_launcher(folder: SessionFolder) -> None:
    found = find_failure(folder, [0, -9])
    assert found.what.startswith("node 1: its launcher was killed by SIGKILL")
    assert found.kind == "killed"
    assert found.log_tail == ()


def test_tails(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"first\n\xff broken\nlast\n")
    assert tail(log, 2) == ("\ufffd broken", "last")
    assert tail(tmp_path / "absent") == ()


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_the_kind_alone_says_whether_memory_was_lacking(kind: FailureKind) -> None:
    told = Failure(rank=0, kind=kind, what="CUDA out of memory, SIGKILL", log="", log_tail=())
    reworded = msgspec.structs.replace(told, what="the card is full")
    assert is_lack_of_memory(told) is is_lack_of_memory(reworded) is (kind in LACK_OF_MEMORY)


@pytest.mark.parametrize(
    ("last_words", "kind"),
    [
        ("CUDA error: out of memory", "out_of_memory"),
        ("CUDA-capable device(s) is/are busy or unavailable", "gpu_busy"),
        ("no room on /scratch", "exit"),
    ],
)
def test_what_cannot_speak_is_judged_by_its_last_words(
    folder: SessionFolder, monkeypatch: pytest.MonkeyPatch, last_words: str, kind: FailureKind
) -> None:
    monkeypatch.setattr(failure, "_launcher", lambda folder: LAUNCHERS["direct"])
    rank(folder, 0, Phase.TIMED, 3)
    folder.rank_log(0).write_text(f"{last_words}\n")
    assert find_failure(folder, [3]).kind == kind


def test_rewording_an_account_changes_nothing(folder: SessionFolder) -> None:
    """Neither who failed first, nor how: those are facts of the account."""
    found = []
    for words in ("Connection closed by peer", "no more"):
        error(folder, 0, "RuntimeError", words, time_ns=1, follows=True, cause="communication")
        error(folder, 1, "", words, time_ns=2, cause="out_of_memory")
        first = find_failure(folder, [1, 1])
        found.append((first.rank, first.kind))
    assert found == [(1, "out_of_memory")] * 2


def test_a_launcher_that_ended_well_and_too_soon(folder: SessionFolder) -> None:
    assert "node 0: its launcher ended" in find_failure(folder, [0]).what


def test_a_rank_that_went_without_a_word(folder: SessionFolder) -> None:
    """DeepSpeed's launcher does not say whom a signal ended."""
    rank(folder, 0, Phase.TIMED, 4)
    rank(folder, 1, Phase.TIMED, 4)
    error(folder, 0, "RuntimeError", REFUSED, time_ns=1, follows=True)
    agent(folder, 0, "[launch.py:259:sigkill_handler] [...] exits with return code = 1")
    found = find_failure(folder, [1])
    assert found.rank == 1
    assert found.what.startswith(
        "rank 1: ended without a message in step 5 of 7; the kernel sends SIGKILL"
    )


def test_the_silent_rank_is_found_where_the_others_were_ended_before_they_spoke(
    folder: SessionFolder,
) -> None:
    for number in range(2):
        rank(folder, number, Phase.TIMED, 4)
        stack = "Stack (most recent call first):\n  File ..., line 1 in backward\n"
        folder.rank_log(number).write_text("" if number == 1 else stack)
    agent(folder, 0, "[launch.py:259:sigkill_handler] [...] exits with return code = -9")
    found = find_failure(folder, [247])
    assert found.rank == 1
    assert found.what.startswith(
        "rank 1: ended without a message in step 5 of 7; the kernel sends SIGKILL"
    )


@pytest.mark.parametrize("said", ["", "Stack (most recent call first):\n"])
def test_where_all_ended_alike_none_was_first(folder: SessionFolder, said: str) -> None:
    for number in range(2):
        rank(folder, number, Phase.TIMED, 4)
        folder.rank_log(number).write_text(said)
    assert find_failure(folder, [1]).rank is None


def test_a_cause_that_a_rank_told_is_no_silence(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.TIMED, 4)
    rank(folder, 1, Phase.TIMED, 4)
    error(folder, 0, "ValueError", "3 is no layout", time_ns=1)
    assert find_failure(folder, [1]).what == "rank 0: ValueError: 3 is no layout"


def test_an_account_that_says_all_has_no_traceback_after_it(folder: SessionFolder) -> None:
    rank(folder, 0, Phase.WARM_UP)
    account = {"hint": "lower --batch-size", "cause": "out_of_memory"}
    error(folder, 0, "", "out of memory with 512 images", time_ns=1, **account)
    found = find_failure(folder, [1])
    assert found.what == "rank 0: out of memory with 512 images (lower --batch-size)"
    assert found.log_tail == ()
    assert is_lack_of_memory(found)
