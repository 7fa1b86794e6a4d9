"""Which releases there are is asked of uv; what is missing or fails is said in a line."""

from pathlib import Path

import pytest

from resnext_bench.convs.releases.index import Wanted, releases, require_version
from resnext_bench.convs.releases.shipped import shipped
from resnext_bench.errors import CannotHere, UsageError
from tests.convs.releases.uv import Uv, uv

__all__ = ["uv"]
OF_TORCH = set(shipped()["cudnn"].values())


def found(**wanted: object) -> list[str]:
    return releases(Wanted(**wanted))[0]  # type: ignore[arg-type]


def test_by_default_the_newest_of_each_version_and_those_of_torch(uv: Uv) -> None:
    newest = ["9.17.1.4", "9.18.0.77", "9.19.1.2", "9.28.1.4"]
    assert [one for one in found() if one not in OF_TORCH] == newest
    assert set(found()) >= OF_TORCH


def test_all_patches_between_two_versions(uv: Uv) -> None:
    assert found(oldest="9.17", newest="9.18", every=True) == ["9.17.0.29", "9.17.1.4", "9.18.0.77"]
    assert found(oldest="9.17.1", newest="9.17") == ["9.17.1.4"]
    assert found(oldest="9.12", newest="9.16") == ["9.12.0.46"]


def test_named_ones_in_the_order_of_versions_each_once(uv: Uv) -> None:
    wanted = Wanted(named=("9.19", "9.17.0.29", "9.99", "9.19.1", "9.9"))
    assert releases(wanted) == (
        ["9.17.0.29", "9.19.1.2"],
        [(one, "the package index has none for this machine") for one in ("9.99", "9.9")],
    )


def test_the_project_of_the_folder_does_not_matter(uv: Uv) -> None:
    uv.patch.chdir(uv.log.parent)
    (uv.log.parent / "bin" / "uv").write_text('#!/bin/sh\necho "error: in $PWD now" >&2\nexit 2\n')
    with pytest.raises(CannotHere, match=r"which releases there are: in / now$"):
        found()


def test_none_in_a_span_is_refused(uv: Uv) -> None:
    with pytest.raises(CannotHere, match=r"has no nvidia-cudnn-cu13 from 9\.13 to 9\.15"):
        found(oldest="9.13", newest="9.15")


def test_an_index_that_does_not_answer_is_told_in_uvs_words(uv: Uv) -> None:
    uv.fails("offline")
    with pytest.raises(
        CannotHere, match=r"does not tell .*: Failed to fetch: URL: Connection refused"
    ):
        found()


def test_without_uv_it_is_said_how_to_get_it(uv: Uv, tmp_path: Path) -> None:
    uv.patch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotHere, match=r"uv is not installed.*pip install uv"):
        found()


@pytest.mark.parametrize("text", ["9", "9.", "9.17.x", "v9.17", "9.17.1.4.1", ""])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"give a version of cuDNN, such as 9\.17"):
        require_version("--from", text)


def test_releases_for_cuda_12_are_those_of_another_package(uv: Uv) -> None:
    newest = ["9.17.1.4", "9.18.0.77", "9.19.1.2", "9.28.1.4"]
    assert found(cuda=12) == newest  # torch's wheels on PyPI install none of them
    with pytest.raises(CannotHere, match=r"no nvidia-cudnn-cu12 from 9.99"):
        found(cuda=12, oldest="9.99")
