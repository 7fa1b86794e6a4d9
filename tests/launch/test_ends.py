"""Ranks that end or stall without an account: who it was, where, and its last words."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.job import Job, RankError, SessionFolder
from resnext_bench.launch.failure import find_early_end, find_failure, find_stuck, is_lack_of_memory
from resnext_bench.launch.topology import place_ranks
from resnext_bench.logs import last_line, tail
from resnext_bench.rankfile import Mark, Phase, RankFile
from tests.machine.made_machines import made_machine
from tests.reports.made_results import made_config

STACK = 'Stack (most recent call first):\n  File "net.py", line 7 in forward\n  ...\n'
REFUSED = "[Gloo] Connection closed by peer [127.0.0.1]:4711"


def launched(path: Path, **changes: Any) -> SessionFolder:
    """A session of one rank without a launcher, unless told otherwise."""
    options = {"engine": "none", "launcher": "direct", "nodes": 1, "nproc_per_node": 1} | changes
    config = made_config(device="cpu", **options)
    topology = place_ranks(config, made_machine(cores=8))
    folder = SessionFolder(path / "session-1")
    job = Job(
        run_id="made", session=1, config=config, topology=topology, images=None, timeout_s=1.0
    )
    folder.create(job, None)
    return folder


def grouped(path: Path, launcher: str = "torchrun", **changes: Any) -> SessionFolder:
    engine = {"engine": "ddp", "bucket_mib": 25.0, "nproc_per_node": 2} | changes
    return launched(path, launcher=launcher, **engine)


def begun(folder: SessionFolder, rank: int, phase: Phase, said: str, done: int = 0) -> RankFile:
    """A rank as it was left: 2 steps of warm-up, 5 timed."""
    path = folder.rank_file(rank)
    file = RankFile.create(path, rank=rank, pid=101 + rank, warm_up=2, steps=5)
    file.phase = phase
    file.marks[:done] = 1
    folder.rank_log(rank).write_text(said)
    return file


def account(folder: SessionFolder, rank: int, kind: str, message: str, **more: Any) -> None:
    error = RankError(rank=rank, kind=kind, message=message, time_ns=1, **more)
    folder.error_file(rank).write_bytes(msgspec.json.encode(error))


def report(rank: int, pid: int, code: int) -> str:
    """Of torchrun."""
    return (
        f"=====\nresnext_bench.worker FAILED\n[0]:\n  rank      : {rank} (local_rank: 0)\n"
        f"  exitcode  : {code} (pid: {pid})\n  error_file: <N/A>\n=====\n"
    )


def test_a_single_process_that_ends_has_no_launcher(tmp_path: Path) -> None:
    folder = launched(tmp_path)
    begun(folder, 0, Phase.MODEL, "set DATA to the data folder first\n")
    found = find_failure(folder, [3])
    assert found.what == (
        "rank 0: the program ended with exit code 3 while loading the model; "
        'its last words: "set DATA to the data folder first"'
    )
    assert (found.rank, found.log) == (0, str(folder.rank_log(0)))
    assert found.log_tail == ("set DATA to the data folder first",)


def test_a_process_that_ends_before_it_has_a_log_of_its_own(tmp_path: Path) -> None:
    """As the C library does under `ulimit -v`, before Python has begun."""
    folder = launched(tmp_path)
    folder.node_log(0).write_text("cannot allocate memory for thread-local data: ABORT\n")
    found = find_failure(folder, [127])
    assert found.what.startswith("rank 0: the program ended with exit code 127 while starting; its")
    assert found.what.endswith(
        "(there was no address space left to load a library: raise ulimit -v, if it is set)"
    )
    assert found.log == str(folder.node_log(0))
    assert is_lack_of_memory(found)


def test_an_abort_is_told_with_what_was_said_before_its_stack(tmp_path: Path) -> None:
    folder = launched(tmp_path)
    stack = "".join(f'  File "net.py", line {n} in f\n' for n in range(40))
    said = "terminate called after throwing\n  what():  no room for plans\n"
    crash = "Fatal Python error: Aborted\n\nThread 0x00007f (most recent call first):\n"
    begun(folder, 0, Phase.WARM_UP, f"{said}{crash}{stack}", done=1)
    found = find_failure(folder, [-6])
    words = 'its last words: "no room for plans"'
    assert found.what == f"rank 0: killed by SIGABRT in step 2 of 7; {words}"
    assert found.log_tail[0] == "terminate called after throwing"
    assert '  File "net.py", line 0 in f' in found.log_tail


WATCHDOG = """terminate called after throwing an instance of 'c10::DistBackendError'
  what():  [PG ID 0 PG GUID 0(default_pg) Rank 1] Process group watchdog: NCCL error in: x.cpp:7
ncclUnhandledCudaError: Call to CUDA function failed.
Last error:
Cuda failure 2 'out of memory'
Exception raised from checkForNCCLErrorsInternal at ProcessGroupNCCL.cpp:2534 (most recent call):
frame #0: c10::Error::Error(c10::SourceLocation, std::string) + 0x96 (0x7f in libc10.so)
frame #1: <unknown function> + 0xd6df4 (0x7f in libstdc++.so.6)
"""


def test_what_ends_a_watchdog_is_known_by_its_cause(tmp_path: Path) -> None:
    """It aborts the process from a thread of its own: no account is written."""
    folder = launched(tmp_path)
    begun(folder, 0, Phase.WARM_UP, f"a warning\n{WATCHDOG}", done=1)
    found = find_failure(folder, [-6])
    assert is_lack_of_memory(found)
    assert 'its last words: "[PG ID 0 PG GUID 0(default_pg) Rank 1] Process group' in found.what


def test_what_was_caught_before_is_not_the_cause(tmp_path: Path) -> None:
    folder = launched(tmp_path)
    calm = "CUDA out of memory while tuning: another choice is taken"
    begun(folder, 0, Phase.WARM_UP, f"{calm}\nwhat():  a pure virtual call\n", done=1)
    assert not is_lack_of_memory(find_failure(folder, [-6]))


def test_an_exit_as_if_all_were_well_is_none(tmp_path: Path) -> None:
    folder = launched(tmp_path)
    file = begun(folder, 0, Phase.MODEL, "bye\n")
    found = find_early_end(folder)
    assert found
    assert found.what == (
        'rank 0: the program ended with exit code 0 while loading the model; its last words: "bye"'
    )
    file.phase = Phase.DONE
    assert find_early_end(folder) is None


@pytest.mark.parametrize("rank", [0, 1])
def test_torchrun_tells_who_ended_itself(tmp_path: Path, rank: int) -> None:
    folder, other = grouped(tmp_path), 1 - rank
    begun(folder, rank, Phase.DATA, "no room on /scratch\n")
    begun(folder, other, Phase.CONNECTING, STACK)
    folder.node_log(0).write_text(report(other, 101 + other, -15) + report(rank, 101 + rank, 4))
    account(folder, other, "RuntimeError", REFUSED, follows=True)
    assert find_failure(folder, [1]).what == (
        f"rank {rank}: the program ended with exit code 4 while opening the data; "
        'its last words: "no room on /scratch"'
    )


def test_torchrun_numbers_a_rank_that_never_began(tmp_path: Path) -> None:
    folder = grouped(tmp_path)
    begun(folder, 0, Phase.CONNECTING, STACK)
    folder.node_log(0).write_text(report(1, 999, 127))
    found = find_failure(folder, [1])
    assert found.what == "rank 1: the program ended with exit code 127 while starting"


def test_deepspeed_tells_the_code_and_not_the_rank(tmp_path: Path) -> None:
    folder = grouped(tmp_path, "deepspeed")
    begun(folder, 0, Phase.CONNECTING, STACK)
    begun(folder, 1, Phase.MODEL, "I give up\n")
    folder.node_log(0).write_text("[launch.py] ['python'] exits with return code = 3\n")
    assert find_failure(folder, [3]).what == (
        "rank 1: the program ended with exit code 3 while loading the model; "
        'its last words: "I give up"'
    )


def test_a_rank_that_torchrun_takes_for_done(tmp_path: Path) -> None:
    folder = grouped(tmp_path)
    begun(folder, 0, Phase.TIMED, "", done=3)
    begun(folder, 1, Phase.TIMED, "enough\n", done=3)
    account(folder, 0, "RuntimeError", REFUSED, follows=True)
    folder.node_log(0).write_text(report(0, 101, 1))
    found = find_failure(folder, [1])
    assert found.what.startswith("rank 1: ended in step 4 of 7 before its work was done, and torch")
    assert found.kind == "exit"


@pytest.mark.parametrize(
    ("launcher", "name"), [("torchrun", "torchrun"), ("deepspeed", "DeepSpeed's launcher")]
)
def test_a_launcher_that_fails_itself(tmp_path: Path, launcher: str, name: str) -> None:
    folder = grouped(tmp_path, launcher)
    folder.node_log(0).write_text("Traceback ...\nOSError: [Errno 24] Too many open files\n\n")
    assert find_failure(folder, [1]).what == (
        f"node 0: {name} ended with exit code 1 before any rank reported; "
        'its last words: "OSError: [Errno 24] Too many open files"'
    )


def test_an_exit_that_a_rank_tells_of_itself(tmp_path: Path) -> None:
    folder = launched(tmp_path)
    begun(folder, 0, Phase.TIMED, "usage: net.py\n", done=3)
    account(folder, 0, "SystemExit", "SystemExit 2", said=("usage: net.py", "error: no --lr"))
    found = find_failure(folder, [1])
    assert found.what == (
        "rank 0: the program ended itself in step 4 of 7 (SystemExit 2); "
        'its last words: "error: no --lr"'
    )
    assert found.log_tail == ("usage: net.py", "error: no --lr")


def test_somebody_elses_error_is_told_with_the_phase_and_what_was_printed(tmp_path: Path) -> None:
    folder = launched(tmp_path)
    trace = "".join(f"  line {n}\n" for n in range(30))
    begun(folder, 0, Phase.MODEL, f"looking for /scratch\n{trace}")
    account(folder, 0, "KeyError", "'SCRATCH'", said=("looking for /scratch",))
    found = find_failure(folder, [1])
    assert found.what == "rank 0: KeyError: 'SCRATCH' (while loading the model)"
    assert found.log_tail[0] == "looking for /scratch"
    assert found.log_tail[-1] == "  line 29"


def test_who_did_not_come_is_who_failed(tmp_path: Path) -> None:
    folder = grouped(tmp_path)
    begun(folder, 0, Phase.TIMED, "", done=4)
    begun(folder, 1, Phase.TIMED, f"waiting for a lock\n{STACK}", done=4)
    words = "Timed out waiting 300000ms for recv operation"
    account(folder, 0, "RuntimeError", words, follows=True, cause="timeout")
    found = find_failure(folder, [1])
    assert found.rank == 1
    assert found.what.startswith("rank 1: was stuck in step 5 of 7, and rank 0 waited for it until")
    assert found.what.endswith('its last words: "waiting for a lock"')
    assert '  File "net.py", line 7 in forward' in found.log_tail


@pytest.mark.parametrize("slow", [0, 1])
def test_of_ranks_that_stall_the_least_far_is_told(tmp_path: Path, slow: int) -> None:
    """All are in one step: there the one that the others wait for has not come as far."""
    folder = grouped(tmp_path)
    for rank in range(2):
        file = begun(folder, rank, Phase.TIMED, f"rank {rank} reads\n", done=3)
        file.marks[3, : Mark.FORWARD if rank == slow else Mark.BACKWARD] = 1
    found = find_stuck(folder, 0, 600.0)
    assert found.what == (
        f"nothing has moved for 600 s: rank {slow} is stuck in step 4 of 7; "
        f'its last words: "rank {slow} reads"'
    )


def test_a_session_that_never_began_is_stuck_too(tmp_path: Path) -> None:
    folder = launched(tmp_path)
    found = find_stuck(folder, 0, 600.0)
    assert found.what == "nothing has moved for 600 s: rank 0 is stuck before it began"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["first", "  the \x1b[31mlast\x1b[0m  ", "", "====="], "the last"),
        (["said", "Fatal Python error: Segmentation fault", "", "  File x"], "said"),
        (["Thread 0x1 woke up", "a word after it"], "a word after it"),
        (["x" * 500], f"{'x' * 200} ..."),
        (["OSError: full", "resnext_bench.worker FAILED", "  rank : 1"], "OSError: full"),
        ([], ""),
    ],
)
def test_last_words(lines: list[str], words: str) -> None:
    assert last_line(lines) == words


def test_of_a_log_of_any_length_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "rank-0.log"
    log.write_text("a line of some length\n" * 100_000 + "the end\n")
    assert tail(log, 2) == ("a line of some length", "the end")
