"""The lock between measurements, held and asked for by real processes."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.errors import CannotHere
from resnext_bench.machine import lock
from resnext_bench.machine.lock import NotHeld, holder, measuring, wait_until_free

HOLD = """
import subprocess, sys, time
from pathlib import Path
from resnext_bench.machine.lock import measuring
with measuring("a long run", path=Path(sys.argv[1])):
    child = subprocess.Popen(("sleep", "60"), close_fds=False, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    time.sleep(60)
"""

FORK = """
import os, sys, time
from pathlib import Path
from resnext_bench.machine.lock import measuring
with measuring("a run", path=Path(sys.argv[1])):
    if not os.fork():
        os.close(1)
        time.sleep(60)
    else:
        print("forked", flush=True)
print(0, flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "measuring.lock"


@contextmanager
def another(path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that holds the lock and has a child; the child's id."""
    program = subprocess.Popen(
        (sys.executable, "-c", HOLD, str(path)), stdout=subprocess.PIPE, text=True
    )
    assert program.stdout
    child = int(program.stdout.readline())
    try:
        yield program, child
    finally:
        os.kill(child, signal.SIGKILL)
        program.kill()
        program.communicate()


def test_one_at_a_time(path: Path) -> None:
    with measuring("run", path=path) as held:
        assert held
        found = holder(path=path)
        assert found
        assert (found.pid, found.what) == (os.getpid(), "run")
        assert found.since_s == pytest.approx(time.time(), abs=10)
        with pytest.raises(CannotHere), measuring("compare", path=path):
            pass
    assert holder(path=path) is None
    with measuring("compare", path=path) as held:
        assert held


def test_nobody_has_ever_measured(path: Path) -> None:
    assert holder(path=path) is None
    assert not path.exists(), "asking leaves nothing behind"


def test_the_lock_goes_with_an_error(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), measuring("run", path=path):
        raise ZeroDivisionError
    assert holder(path=path) is None


def test_another_process_is_named_and_its_death_frees_the_machine(path: Path) -> None:
    with another(path) as (program, child):
        with pytest.raises(NotHeld) as refusal, measuring("run", path=path):
            pass
        first, second = str(refusal.value).splitlines()
        assert refusal.value.why == first
        assert f"process {program.pid} started measuring here at " in first
        assert first.endswith(": a long run")
        assert second.endswith(f"kill {program.pid}")
        program.kill()
        program.wait()
        os.kill(child, 0)  # its child lives on, without the lock
        assert holder(path=path) is None
        with measuring("run", path=path) as held:
            assert held


def test_a_child_forked_without_exec_does_not_keep_it(path: Path) -> None:
    program = subprocess.Popen(
        (sys.executable, "-c", FORK, str(path)),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert program.stdout
        assert program.stdout.read(len("forked\n0\n"))
        assert holder(path=path) is None
    finally:
        os.killpg(program.pid, signal.SIGKILL)  # a session of its own: itself and its child
        program.communicate()


def test_all_users_may_take_it(path: Path) -> None:
    before = os.umask(0o077)
    try:
        with measuring("run", path=path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o666
    finally:
        os.umask(before)


def test_a_file_that_is_there_is_opened_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sticky folder, O_CREAT on a file of another user is refused even to root."""
    path.touch()
    flags: list[int] = []
    real = os.open

    def noting(name: object, flag: int, mode: int = 0o777) -> int:
        flags.append(flag)
        return real(path, flag, mode)

    monkeypatch.setattr(lock.os, "open", noting)
    with measuring("run", path=path):
        pass
    (flag,) = flags
    assert not flag & os.O_CREAT
    assert flag & os.O_NOFOLLOW
    assert flag & os.O_CLOEXEC


def test_a_file_that_may_only_be_read_still_locks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.touch()
    real = os.open

    def denied(name: object, flag: int, mode: int = 0o777) -> int:
        if flag & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return real(path, flag, mode)

    monkeypatch.setattr(lock.os, "open", denied)
    with measuring("run", path=path) as held:
        assert held
        found = holder(path=path)
        assert found
        assert found.pid == 0
        with pytest.raises(CannotHere, match="another process"), measuring("run", path=path):
            pass


def test_where_no_file_can_be_made(tmp_path: Path) -> None:
    with measuring("run", path=tmp_path / "missing" / "lock") as held:
        assert not held


def test_links_are_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    path.symlink_to(target)
    with pytest.raises(CannotHere, match="plain file"), measuring("run", path=path):
        pass
    assert target.read_text() == "kept"
    assert holder(path=path) is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_other_things_in_the_way(path: Path, make) -> None:
    make(path)
    with pytest.raises(CannotHere, match="plain file"), measuring("run", path=path):
        pass
    assert holder(path=path) is None


def test_someone_who_only_asks_is_no_measurement(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.touch()
    asking = os.open(path, os.O_RDONLY)
    lock.fcntl.flock(asking, lock.fcntl.LOCK_SH)
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: os.close(asking))
    with measuring("run", path=path) as held:
        assert held


def test_a_file_removed_between_opening_and_locking(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = lock.fcntl.flock, []

    def flock(descriptor: int, how: int) -> None:
        if not calls:
            path.unlink()
        calls.append(how)
        real(descriptor, how)

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with measuring("run", path=path) as held:
        assert held
        assert holder(path=path) is not None, "what is locked is what others find"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.sampled_from(
        [
            b"[" * 5000,
            b'{"pid":-1,"what":"x","since_s":5}',
            b'{"pid":1e99,"what":"x","since_s":5}',
            b'{"pid":7,"what":"x","since_s":1e300}',
            b'{"pid":7,"what":"\\u001b[2Jx","since_s":5}',
        ]
    )
)
def test_what_others_write_is_only_words(path: Path, written: bytes) -> None:
    with measuring("run", path=path):
        path.write_bytes(written)
        found = holder(path=path)
        assert found
        assert 0 <= found.pid <= 2**22
        assert found.what.isprintable()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lock.time, "sleep", lambda seconds: None)
            with pytest.raises(CannotHere), measuring("compare", path=path):
                pass


def test_long_words_are_cut(path: Path) -> None:
    with measuring("compare " + "x" * 5000, path=path):
        found = holder(path=path)
    assert found
    assert len(found.what) == 200
    assert found.pid == os.getpid()


def test_waiting_for_another_measurement(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who it is for is told once; then nothing, or a refusal when the time is over."""
    monkeypatch.setattr(lock, "WAIT_S", 0.01)
    told: list[str] = []
    wait_until_free(0.0, told.append, path=path)
    assert told == []
    refused = pytest.raises(CannotHere, match=r"waited 0\.001 min \(--wait\); .*a nightly run")
    with measuring("a nightly run", path=path), refused:
        wait_until_free(0.001, told.append, path=path)
    (one,) = told
    assert one.startswith(f"waiting for process {os.getpid()} (a nightly run)")


def test_who_has_waited_is_next(path: Path) -> None:
    """Another one that waits cannot take the machine between the wait and the measurement."""
    wait_until_free(0.0, lambda _: None, path=path)
    assert holder(path=path) is None
    other = f"""
import sys
from pathlib import Path
from resnext_bench.machine.lock import NotHeld, measuring
try:
    with measuring("another", path=Path({str(path)!r})):
        print("taken")
except NotHeld:
    print("refused")
"""
    told = [sys.executable, "-c", other]
    assert subprocess.run(told, capture_output=True, text=True, check=True).stdout == "refused\n"
    with measuring("ours", path=path) as is_held:
        assert is_held
    assert subprocess.run(told, capture_output=True, text=True, check=True).stdout == "taken\n"
