"""What was being made when something went wrong is not there."""

import stat
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from resnext_bench.whole import whole_file, whole_folder


def _fail(making: AbstractContextManager[Path], error: type[BaseException]) -> None:
    with making:
        raise error


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with whole_file(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_of_half_a_file(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        _fail(whole_file(tmp_path / "a.json"), error)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_of_half_a_folder(tmp_path: Path, error: type[BaseException]) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "log").touch()
    with pytest.raises(error):
        _fail(whole_folder(folder), error)
    assert not list(tmp_path.iterdir())


def test_a_folder_stays_where_all_went_well(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "run") as folder:
        folder.mkdir()
    assert folder.is_dir()


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_folder_may_be_worth_keeping(tmp_path: Path, is_kept: bool) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(OSError, match="gone"), whole_folder(folder, is_kept=lambda _: is_kept):
        raise OSError("gone")
    assert folder.exists() is is_kept
