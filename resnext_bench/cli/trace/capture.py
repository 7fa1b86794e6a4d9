"""`--capture`: another trace that tells what the kernels of replayed graphs are."""

from collections.abc import Callable
from pathlib import Path

from resnext_bench.cli.trace.watching import watched
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import StoreError, TraceError
from resnext_bench.reports.render.trace.warnings import error_in_words
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.store.trace_files import TraceFile, find_traces
from resnext_bench.reports.trace.reading.read import read
from resnext_bench.reports.trace.reading.trace import Trace


class Captures:
    """The traces that were named: each is read when it is needed, and the last one kept."""

    def __init__(self, wanted: str, output: Path | None, *, layers: bool) -> None:
        """Find them; raises StoreError where there are none."""
        self._wanted, self._layers = wanted, layers
        self._files = find_traces(wanted, output).files
        self._last: tuple[Path, Trace] | None = None

    def of(self, file: TraceFile) -> Callable[[], Trace]:
        """Return what reads the trace that goes with another one: the only one, or of its rank.

        It raises UsageError where there are several and none of that rank, and StoreError where it
        cannot be read.
        """
        return lambda: self._read(self._chosen(file.rank))

    def require_use(self, reports: list[TraceReport]) -> None:
        """Raise UsageError where no trace replays a graph: there is nothing to be told."""
        if all(one.graphs is None for one in reports):
            raise UsageError(
                f"--capture {self._wanted}: the trace that is reported on replays no CUDA graph; "
                "leave it out"
            )

    def _chosen(self, rank: int | None) -> Path:
        mine = [one for one in self._files if len(self._files) == 1 or one.rank == rank]
        if len(mine) == 1:
            return mine[0].path
        of = "a trace without a rank" if rank is None else f"rank {rank}"
        raise UsageError(
            f"--capture {self._wanted}: {len(mine)} of {len(self._files)} traces go with {of}; "
            "name the one that does"
        )

    def _read(self, path: Path) -> Trace:
        if self._last is None or self._last[0] != path:
            with watched(path, 1, 1) as progress:
                try:
                    self._last = path, read(path, progress, layers=self._layers)
                except TraceError as error:
                    raise StoreError(f"--capture: {error_in_words(error)}") from None
        return self._last[1]
