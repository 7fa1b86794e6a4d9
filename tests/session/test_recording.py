"""A run in the making."""

from pathlib import Path
from unittest import mock

import pytest

from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.reports.schema.config import Request
from resnext_bench.session import setup
from resnext_bench.session.setup import set_up
from tests.worker.made_training import LAPTOP


@pytest.mark.parametrize(
    ("request_", "kind", "words"),
    [
        ({"decode": "mixed", "device": "cpu"}, UsageError, "--decode mixed"),
        ({"device": "cuda", "pipeline": "torchvision"}, CannotHere, "--device cuda"),
        ({"nodes": 3, "pipeline": "torchvision", "data": "x"}, CannotHere, "3 ranks"),
    ],
)
def test_wrong_options_are_told_before_a_picture_is_decoded(
    tmp_path: Path, request_: Request, kind: type[Exception], words: str
) -> None:
    with (
        mock.patch.object(setup, "prepare_data", side_effect=AssertionError),
        pytest.raises(kind, match=words),
    ):
        set_up(request_, LAPTOP, root=tmp_path, command=(), tell=lambda *_: None)
    assert not list(tmp_path.iterdir()), "no folder is left behind"


def test_without_torch_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "is_installed", lambda module: module != "torch")
    with pytest.raises(CannotHere, match=r"PyTorch is not installed.*resnext-bench\[train\]"):
        set_up({"device": "cpu"}, LAPTOP, root=tmp_path, command=(), tell=lambda *_: None)
    assert not list(tmp_path.iterdir())
