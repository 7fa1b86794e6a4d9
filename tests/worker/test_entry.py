"""What a failing rank advises, and writes down."""

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.job import Job, RankError, SessionFolder
from resnext_bench.launch.topology import place_ranks
from resnext_bench.pipelines.errors import DataError
from resnext_bench.symptoms import Symptom
from resnext_bench.worker import entry
from tests.worker.made_training import LAPTOP, made_config

ONE = place_ranks(made_config(), LAPTOP)


def job(model: str, **options: Any) -> Job:
    config = msgspec.structs.replace(made_config(**options), model=model)
    return Job(run_id="x", session=1, config=config, topology=ONE, images=None, timeout_s=1)


def test_a_rank_on_a_slice_sees_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its agent names the slices of all its ranks."""
    (place,) = ONE.places
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a,MIG-b")
    entry._see_own_gpu(place)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-a,MIG-b"
    entry._see_own_gpu(msgspec.structs.replace(place, alone="MIG-b", device="cuda:1"))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-b"


STRIDES = (
    "view size is not compatible with input tensor's size and stride (at least one dimension)",
    "Cannot view a tensor with shape torch.Size([4, 3]) and strides (1, 4) as a tensor",
    "Tensor must have a last dimension with stride 1",
    "input must be contiguous",
)


@pytest.mark.parametrize("message", STRIDES)
def test_what_needs_another_layout_names_the_option(message: str) -> None:
    asked, error = "add --no-channels-last", RuntimeError(message)
    assert asked in entry._layout_hint(error, job("nets:Flat"))
    assert asked in entry._layout_hint(error, job("timm:resnet18"))
    assert entry._layout_hint(error, job("nets:Flat", channels_last=False)) == ""
    assert entry._layout_hint(error, job("resnext14_4x4d")) == "", "ours take any layout"
    assert entry._layout_hint(RuntimeError("something else"), job("nets:Flat")) == ""


def test_what_torch_compile_wraps_is_looked_into() -> None:
    wrapper = RuntimeError("RuntimeError when making fake tensor call")
    wrapper.__cause__ = RuntimeError(STRIDES[1])
    assert "--no-channels-last" in entry._layout_hint(wrapper, job("nets:Flat"))


def test_an_error_that_names_a_file_in_no_utf8_is_written_down(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    folder.ranks.mkdir()
    entry._report(folder, 0, ValueError(os.fsdecode(b"\xff1.jpg does not decode")), None)
    found = msgspec.json.decode(folder.error_file(0).read_bytes(), type=RankError)
    assert (found.kind, found.message) == ("ValueError", "?1.jpg does not decode")


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    found = SessionFolder(tmp_path)
    found.ranks.mkdir()
    found.logs.mkdir()
    return found


def reported(folder: SessionFolder, error: BaseException) -> RankError:
    entry._report(folder, 0, error, None)
    return msgspec.json.decode(folder.error_file(0).read_bytes(), type=RankError)


class OutOfOrder(RuntimeError):
    """An error of ours that has it from torch what was amiss."""

    symptom = Symptom(kind="timeout", follows=True)


def caused_by(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "cause", "follows"),
    [
        (RuntimeError("[Gloo] Connection closed by peer"), "communication", True),
        (RuntimeError("Timed out waiting for recv"), "timeout", True),
        (RuntimeError("CUDA error: out of memory"), "out_of_memory", False),
        (KeyError("SCRATCH"), "error", False),
        (SystemExit(2), "exit", False),
        (OutOfOrder("as we say it"), "timeout", True),
        (DataError("/peer/socket/1.jpg does not decode"), "error", False),
        (
            caused_by(DataError("1.jpg: DALI"), RuntimeError("CUDA error: out of memory")),
            *("out_of_memory", False),
        ),
    ],
)
def test_the_cause_is_read_from_others_words_alone(
    folder: SessionFolder, error: BaseException, cause: str, follows: bool
) -> None:
    found = reported(folder, error)
    assert (found.cause, found.follows) == (cause, follows)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "SystemExit 0"),
        (2, "SystemExit 2"),
        ("no data at\n /x", "SystemExit: no data at /x"),
        (True, "SystemExit 1"),
    ],
)
def test_a_program_that_ends_itself(folder: SessionFolder, code: object, words: str) -> None:
    folder.rank_log(0).write_text("usage: net.py\n\nnet.py: error: no --lr\n")
    found = reported(folder, SystemExit(code))
    assert (found.kind, found.message) == ("SystemExit", words)
    assert found.said == ("usage: net.py", "net.py: error: no --lr")


def test_an_interrupt_of_its_own_is_told_as_well(folder: SessionFolder) -> None:
    assert reported(folder, KeyboardInterrupt("net")).kind == "KeyboardInterrupt"


def test_what_a_loader_said_is_the_cause(folder: SessionFolder) -> None:
    """The rank knows no more than that one of its processes has ended."""
    cause = RankError(rank=0, kind="", message="it is full", time_ns=0, cause="shared_memory")
    folder.loader_error_file(0).write_bytes(msgspec.json.encode(cause))
    found = reported(folder, RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"))
    assert (found.kind, found.message, found.hint) == ("", "it is full", "")
    assert found.cause == "shared_memory"
    assert found.time_ns > 0


def test_the_last_error_of_nccl_is_the_one_that_is_told(folder: SessionFolder) -> None:
    text = (
        "NCCL error in: NCCLUtils.cpp:77, unhandled system error (run with NCCL_DEBUG=INFO)\n"
        "ncclSystemError: System call (e.g. socket, malloc) failed.\nLast error:\n"
        "Error while creating shared memory segment /dev/shm/nccl-Q (size 9), error: No space left"
    )
    found = reported(folder, RuntimeError(text))
    assert found.message.startswith("NCCL error in: NCCLUtils.cpp:77: Error while creating shared")
    assert "NCCL_SHM_DISABLE=1" in found.hint


class Unreadable(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("str fails")


def test_an_error_without_a_text_is_told_by_its_name(folder: SessionFolder) -> None:
    found = reported(folder, Unreadable())
    assert (found.kind, found.message) == ("Unreadable", "its text cannot be read (RuntimeError)")


def test_a_model_gets_no_arguments_of_ours(
    folder: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["worker", "--local_rank=0", str(folder.path)])
    monkeypatch.setattr(entry, "_guarded", lambda body, folder: seen.append(list(sys.argv)) or 3)
    monkeypatch.setattr(os, "_exit", lambda code: seen.append([str(code)]))
    entry.enter("a:b")
    assert seen == [["worker"], ["3"]]
