"""Signatures of torch's operators: asked once, kept, and what happens where torch cannot tell."""

import subprocess
from pathlib import Path

import pytest

from resnext_bench.errors import CannotHere
from resnext_bench.session import signatures as module
from resnext_bench.session.signatures import signatures

SAID = "relu(Tensor self) -> Tensor\n"


def answers(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str) -> list[object]:
    """A process that ends so, in place of the one that imports torch; what was asked."""
    asked: list[object] = []

    def run(command: object, **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess([], code, out, err)

    monkeypatch.setattr(module.subprocess, "run", run)
    return asked


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", str(tmp_path / "cache"))


def test_torch_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, 0, SAID, "")
    assert [signatures().overloads("relu")[0].path for _ in range(2)] == [
        "torch.ops.aten.relu.default"
    ] * 2
    assert len(asked) == 1


def test_what_tells_them_may_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = answers(monkeypatch, 0, SAID, "")
    signatures()
    (other := tmp_path / "signatures.py").write_text("another program")
    monkeypatch.setattr(module, "_ASKED", other)
    signatures()
    assert len(asked) == 2


def test_a_cache_that_cannot_be_written_costs_time_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    asked = answers(monkeypatch, 0, SAID, "")
    assert signatures().overloads("relu")
    assert signatures().overloads("relu")
    assert len(asked) == 2


def test_a_torch_that_cannot_be_imported_is_told_by_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers(monkeypatch, 1, "", "Traceback ...\nImportError: libcudart.so.13: cannot open\n")
    with pytest.raises(CannotHere, match=r"^torch cannot be imported: .*libcudart.so.13"):
        signatures()
    assert not (tmp_path / "cache").exists()


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_installed", lambda name: False)
    with pytest.raises(CannotHere, match=r"install the extra train$"):
        signatures()
