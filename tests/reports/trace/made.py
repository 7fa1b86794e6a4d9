"""Traces made by hand, in the words of kineto."""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAIN, BACKWARD = 100, 200
"""Threads."""


@dataclass
class Made:
    """Rows in the order in which they are added; times in microseconds."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=lambda: {"schemaVersion": 1})
    _correlation: int = 1000

    def row(self, cat: str, name: str, ts: float, dur: float, **more: Any) -> "Made":
        args = more.pop("args", {})
        self.rows.append(
            {"ph": "X", "cat": cat, "name": name, "pid": 1, "tid": MAIN, "ts": ts, "dur": dur}
            | more
            | {"args": args}
        )
        return self

    def step(self, number: int, ts: float, dur: float) -> "Made":
        return self.row("user_annotation", f"ProfilerStep#{number}", ts, dur)

    def op(self, name: str, ts: float, dur: float, tid: Any = MAIN, **args: Any) -> "Made":
        return self.row("cpu_op", name, ts, dur, tid=tid, args=args)

    def launch(self, ts: float, dur: float = 1, name: str = "cudaLaunchKernel", **more: Any) -> int:
        """A call of the runtime; its correlation number is returned."""
        self._correlation += 1
        args = {"correlation": self._correlation, "cbid": 211}
        self.row(more.pop("cat", "cuda_runtime"), name, ts, dur, args=args, **more)
        return self._correlation

    def on_gpu(
        self, cat: str, name: str, ts: float, dur: float, correlation: int = -1, stream: int = 7
    ) -> "Made":
        args = {"device": 0, "stream": stream, "correlation": correlation}
        return self.row(cat, name, ts, dur, pid=0, tid=stream, args=args)

    def kernel(
        self, name: str, ts: float, dur: float, called: float | None = None, stream: int = 7
    ) -> "Made":
        """A kernel with its launch, which is 1 us long and by default just before it."""
        correlation = self.launch(ts - 2 if called is None else called)
        return self.on_gpu("kernel", name, ts, dur, correlation, stream)

    def text(self, **dump: Any) -> str:
        return json.dumps({**self.header, "traceEvents": self.rows}, **dump)

    def write(self, folder: Path, name: str = "rank0.pt.trace.json", **dump: Any) -> Path:
        path = folder / name
        path.write_bytes(packed(self.text(**dump), path.suffix == ".gz"))
        return path


def packed(text: str, compress: bool) -> bytes:
    return gzip.compress(text.encode()) if compress else text.encode()
