"""What is asked of CUDA for a graph, in which order, on a script of torch's part of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from resnext_bench.convs.measuring.device import Cuda

GPU = torch.device("cuda", 0)


class Scripted:
    """Streams and graphs that write down what they are told."""

    def __init__(self, patch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
        self.calls, self.current = list[str](), "default"
        script = self

        class Stream:
            cuda_stream = 7

            def __init__(self, name: Any) -> None:
                self.name = "side" if name == GPU else name

            def wait_stream(self, other: Any) -> None:
                script.calls.append(f"{self.name} waits for {other.name}")

            def synchronize(self) -> None:
                script.calls.append(f"{self.name} is waited for")

        class Graph:
            def capture_begin(self, *, capture_error_mode: str) -> None:
                script.calls.append(f"begin {capture_error_mode} on {script.current}")

            def capture_end(self) -> None:
                script.calls.append(f"end on {script.current}")
                if fails:
                    raise RuntimeError("capture is no longer valid")

            def replay(self) -> None:
                script.calls.append(f"replay on {script.current}")

        @contextmanager
        def entered(stream: Any) -> Iterator[None]:
            script.current = stream.name
            try:
                yield
            finally:
                script.current = "default"

        patch.setattr(torch.cuda, "Stream", Stream)
        patch.setattr(torch.cuda, "CUDAGraph", Graph)
        patch.setattr(torch.cuda, "stream", entered)
        patch.setattr(torch.cuda, "current_stream", lambda _: Stream(script.current))

    def run(self) -> None:
        self.calls.append(f"run on {self.current}")


def test_calls_run_on_the_side_before_they_are_captured_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Scripted(monkeypatch)
    replay = Cuda(GPU).captured(script.run)
    replay()
    assert script.calls == [
        "side waits for default",
        "run on side",
        "side is waited for",
        "begin thread_local on side",
        "run on side",
        "end on side",
        "default waits for side",
        "replay on default",
    ]


def test_a_capture_that_fails_is_ended_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted(monkeypatch, fails=True)
    with pytest.raises(RuntimeError, match="no longer valid"):
        Cuda(GPU).captured(script.run)
    assert script.calls[-1] == "end on side"
    assert script.current == "default"


def test_the_stream_is_torch_s_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Scripted(monkeypatch)
    assert Cuda(GPU).stream() == 7
