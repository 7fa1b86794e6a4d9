"""How files are written, and what is said where they cannot be."""

import errno
import os
import stat
from pathlib import Path

import duckdb
import pytest

from resnext_bench.reports.errors import StoreError, Unwritten
from resnext_bench.reports.store import files
from resnext_bench.reports.store.files import (
    beside,
    require_room,
    temporary_folder,
    write_atomically,
    writing,
)
from resnext_bench.reports.store.tables import refused


def _write_half(path: Path) -> None:
    with beside(path) as temporary:
        temporary.write_bytes(b"ha")
        path.parent.read_bytes()


def test_nobody_sees_half_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_atomically(path, b"whole")
    with pytest.raises(OSError, match="Is a directory"):
        _write_half(path)
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_the_innermost_file_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(Unwritten) as found,
        writing(tmp_path, "--output"),
        writing(tmp_path / "inner"),
    ):
        raise OSError("no number at all")
    error = found.value
    assert (error.errno, error.strerror) == (errno.EIO, "no number at all")
    assert (error.filename, error.option) == (str(tmp_path / "inner"), "--output")


def test_room_is_looked_for_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_room(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(Unwritten):
        require_room(tmp_path / "missing")


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**names: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(files.tempfile, "mkdtemp", refuse)
    with pytest.raises(Unwritten, match="set TMPDIR"), temporary_folder():
        pass


@pytest.mark.parametrize(
    ("sql", "text", "told"),
    [
        (
            "COPY runs TO 'x.csv'",
            'IO Error: Could not write file "x.csv": No space left on device',
            "x.csv",
        ),
        (
            "copy kernels to 'k.csv'",
            r'IO Error: {"message":"Could not write file \"k.csv\": Disk quota exceeded"}',
            "k.csv",
        ),
        ("EXPORT DATABASE 'd'", "IO Error: Read-only file system", "the file that COPY names"),
        ("SELECT * FROM 'x.csv'", 'IO Error: Cannot open file "x.csv": Permission denied', ""),
        ("COPY runs TO 'x'", "Binder Error: no such column", ""),
    ],
)
def test_what_duckdb_says(sql: str, text: str, told: str) -> None:
    """A question that reads is its author's; one that writes may meet a full disk."""
    found = refused(sql, duckdb.IOException(text))
    assert isinstance(found, OSError if told else StoreError)
    if isinstance(found, OSError):
        assert found.filename == told
        assert found.strerror in [
            os.strerror(one) for one in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
        ]
