"""An environment a release: complete or absent, kept, and refused where there is no room."""

import os
import shutil
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from resnext_bench.convs.releases.environments import (
    FRONTEND,
    Environments,
    environments,
)
from resnext_bench.errors import CannotHere
from resnext_bench.lab.checkout import ROOT
from tests.convs.releases.uv import Uv, uv

__all__ = ["uv"]
CUBLAS = "nvidia-cublas"
ONE, OTHER = "9.17.1.4", "9.19.1.2"


class Usage(NamedTuple):
    free: int


def entries(made: Environments) -> list[str]:
    return sorted(one.name for one in made.folder.iterdir())


def test_each_gets_one_release_and_the_same_frontend(uv: Uv) -> None:
    made = environments()
    assert made.folder.is_relative_to(uv.cache)
    assert not made.folder.exists()
    place = made.place(ONE)
    assert made.has(ONE)
    assert uv.installed == [
        CUBLAS,
        f"nvidia-cudnn-cu13=={ONE}",
        f"nvidia-cudnn-frontend=={FRONTEND}",
    ]
    assert place.python == (str(made.folder / ONE / "bin" / "python"), "-I")
    assert all("--no-deps" in words for words in uv.asked if words[:2] == ["pip", "install"])
    made.place(OTHER)
    assert uv.installed.count(CUBLAS) == 1
    assert entries(made) == [ONE, OTHER, CUBLAS]


def test_what_is_there_is_not_made_again(uv: Uv) -> None:
    environments().place(ONE)
    asked = uv.asked
    environments().place(ONE)
    assert uv.asked == asked


def test_one_that_was_cut_does_not_count_and_leaves_nothing(uv: Uv) -> None:
    uv.fails(f"half:{ONE}")
    made = environments()
    with pytest.raises(CannotHere, match="cannot be installed: uv gives no reason"):
        made.place(ONE)
    assert entries(made) == [CUBLAS]
    uv.fails("")
    made.place(ONE)
    assert made.has(ONE)


def test_one_whose_python_is_gone_is_made_anew(uv: Uv) -> None:
    made = environments()
    made.place(ONE)
    python = made.folder / ONE / "bin" / "python"
    python.unlink()
    python.symlink_to("/gone")
    assert not made.has(ONE)
    made.place(ONE)
    assert made.has(ONE)


def test_what_a_killed_program_left_is_removed_once_it_is_old(uv: Uv) -> None:
    made = environments()
    made.folder.mkdir(parents=True)
    left = [made.folder / f".{ONE}.{name}" for name in ("old", "new")]
    for one in left:
        (one / ONE).mkdir(parents=True)
    os.utime(left[0], (0, 0))
    made.place(ONE)
    assert [one.exists() for one in left] == [False, True]


def test_a_release_without_a_wheel_is_told_in_uvs_words(uv: Uv) -> None:
    uv.fails(f"refuses:{ONE}")
    with pytest.raises(CannotHere, match=rf"{ONE} cannot be installed: .*matching platform tag"):
        environments().place(ONE)


def test_cublas_and_the_stub_are_loaded_first(uv: Uv) -> None:
    made = environments()
    made.place(ONE)
    library = made.folder / CUBLAS / "lib/python3.11/site-packages/nvidia/cu13/lib"
    library.mkdir(parents=True)
    (library / "libcublasLt.so.13").touch()
    assert [Path(one).name for one in made.preloaded()] == ["libcublasLt.so.13", "libcuda.so.1"]


@pytest.mark.parametrize(("removed", "needed"), [(True, 2.7), (False, 3.7)])
def test_room_is_required_for_what_is_missing(
    uv: Uv, monkeypatch: pytest.MonkeyPatch, removed: bool, needed: float
) -> None:
    made = environments()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=int(needed * 1e9)))
    made.require_room([ONE, OTHER], removed=removed)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=int(needed * 1e9) - 1))
    with pytest.raises(CannotHere, match=f"2 releases need {needed} GB") as told:
        made.require_room([ONE, OTHER], removed=removed)
    assert ("--remove" in str(told.value)) == (not removed)


def test_no_room_is_required_where_nothing_is_missing(
    uv: Uv, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = environments()
    made.place(ONE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=0))
    made.require_room([ONE], removed=False)


def test_the_frontend_is_the_one_that_everything_is_tested_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = project["tool"]["uv"]["constraint-dependencies"]
    assert f"nvidia-cudnn-frontend=={FRONTEND}" in pinned


def test_those_for_cuda_12_have_packages_and_a_folder_of_their_own(uv: Uv) -> None:
    made = environments(12)
    made.place(ONE)
    assert uv.installed == [
        "nvidia-cublas-cu12",
        f"nvidia-cudnn-cu12=={ONE}",
        f"nvidia-cudnn-frontend=={FRONTEND}",
    ]
    assert not environments().has(ONE)
    library = made.folder / "nvidia-cublas-cu12/lib/python3.11/site-packages/nvidia/cublas/lib"
    library.mkdir(parents=True)
    (library / "libcublasLt.so.12").touch()
    assert [Path(one).name for one in made.preloaded()] == ["libcublasLt.so.12", "libcuda.so.1"]
    made.remove_shared()
    assert not made.has("nvidia-cublas-cu12")
