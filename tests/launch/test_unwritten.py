"""Ranks on a full disk: told before the start, or as what it was."""

import errno
import os
from pathlib import Path

import msgspec
import pytest

from resnext_bench import job as jobs
from resnext_bench.job import SessionFolder
from resnext_bench.launch.unwritten import raise_unwritten
from resnext_bench.rankfile import RankFile
from resnext_bench.reports.errors import Unwritten
from resnext_bench.reports.store import files
from resnext_bench.worker.entry import _Log, _report, _text
from tests.session.made_duets import made_setup


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    found = SessionFolder(tmp_path / "session-1")
    for path in (found.path, found.ranks, found.logs):
        path.mkdir()
    return found


def test_room_is_kept_until_the_result(tmp_path: Path) -> None:
    run = made_setup(tmp_path)
    folder = run.session_folder(1)
    folder.create(run.job(1, 1.0), None)
    assert folder.room.stat().st_size >= 4096
    folder.free_room()
    folder.free_room()  # another rank may have been faster
    assert not folder.room.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_told_before_the_start(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, at: int, size: int) -> None:
        raise OSError(number, os.strerror(number))

    run = made_setup(tmp_path)
    folder = run.session_folder(1)
    monkeypatch.setattr(files.os, "posix_fallocate", refuse)
    with pytest.raises(Unwritten, match=os.strerror(number)) as found:
        folder.create(run.job(1, 1.0), None)
    assert found.value.filename == str(folder.path)
    assert not folder.room.exists()


def test_marks_are_as_large_as_is_thought(tmp_path: Path) -> None:
    RankFile.create(tmp_path / "file", rank=0, pid=1, warm_up=10, steps=100)
    size = (tmp_path / "file").stat().st_size
    assert 0 < size - 110 * jobs._MARK_BYTES < jobs._RANK_BYTES


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_rank_says_what_it_could_not_write(
    folder: SessionFolder, wrapped: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where a library has made another error of it, as torch.compile does of its cache."""
    error: Exception = Unwritten(errno.EIO, os.strerror(errno.EIO), "/data/caf\udce9/x")
    if wrapped:
        error = RuntimeError("backend failed")
        error.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/cache/x.py")
    _report(folder, 0, error, None)
    with pytest.raises(Unwritten) as found:
        raise_unwritten(folder)
    expected = "/tmp/cache/x.py" if wrapped else "/data/caf?/x"
    assert found.value.filename == expected


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_what_may_have_been_reading_is_the_rank_s_own(
    number: int, folder: SessionFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    _report(folder, 0, OSError(number, os.strerror(number), "/data/x"), None)
    raise_unwritten(folder)
    account = msgspec.json.decode(folder.error_file(0).read_bytes(), type=jobs.RankError)
    assert account.unwritten is None


def test_a_log_takes_every_text(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        text = _text(stream.fileno())
        text.write("größer → caf\udce9 \ud800\n")
    assert (tmp_path / "log").read_text() == "größer → caf\\udce9 \\ud800\n"


def test_a_log_that_is_full_ends_no_rank() -> None:
    with Path("/dev/full").open("wb") as stream:
        assert _Log(stream.fileno(), "w", closefd=False).write(b"step 1") == 6
