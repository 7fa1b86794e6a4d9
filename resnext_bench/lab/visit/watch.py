"""Watches the GPU's clocks while something is timed, and adds a note if they were not steady."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from resnext_bench.launch.watch import POLL_S
from resnext_bench.machine.gpu.monitor import monitor, visible_gpus
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.reports.figures.validity import GpuUse
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.schema.machine import GpusSeen, known

STEADY_PERCENT: Final = 3.0
"""Largest move of steady clocks between the least and the most of their samples, per cent."""


class Watched:
    """Looks twice a second from a thread while blocks are timed, and sums up what it saw.

    A look takes the thread a fraction of a millisecond, most of it outside Python (a visit measures
    it); it affects blocks of every side alike.
    """

    def __init__(self, strangers: frozenset[int] = frozenset()) -> None:
        """Make a watch; `strangers` are the processes that were on the GPU before ours."""
        self._strangers = strangers
        self.notes: list[str] = []
        self.seen: GpusSeen | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Watch the first visible GPU for as long as the block lasts."""
        with ExitStack() as stack:
            watch = open_watch(stack.enter_context(monitor()), _visible())
            for track in watch.tracks:
                track.before = set(self._strangers)
            watch.start()
            over = threading.Event()
            thread = threading.Thread(target=_look, args=(watch, over), daemon=True)
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()
                self._tell(watch.report(), is_watched=bool(watch.tracks))

    def _tell(self, use: GpuUse, *, is_watched: bool) -> None:
        self.seen = use.seen
        self.notes = list(told(use)) if is_watched else ["nobody watched the clocks"]


def strangers() -> frozenset[int]:
    """Return the processes on the first visible GPU; to be called before this process uses it."""
    with monitor() as found:
        tracks = open_watch(found, _visible()).tracks
        return frozenset(pid for track in tracks for pid in track.gpu.residents() or ())


def _look(watch: GpuWatch, over: threading.Event) -> None:
    watch.sample()
    while not over.wait(POLL_S):
        watch.sample()


def _visible() -> list[int]:
    try:
        return [0] if visible_gpus().gpus else []
    except Exception:  # what is wrong with it is told by whoever uses it
        return []


def told(use: GpuUse) -> Iterator[str]:
    """Yield notes on the samples, one for each thing that is wrong."""
    seen = use.seen
    if seen is None:
        yield "the driver told nothing of the clocks"
        return
    yield from sentences(use.lost_gpus)
    for least, most in zip(known(seen.sm_least_mhz), known(seen.sm_most_mhz), strict=True):
        if 100 * (most - least) > STEADY_PERCENT * most:
            yield f"clocks moved between {least:,.0f} and {most:,.0f} MHz"
    for name, shares in seen.reasons_percent.items():
        yield f"{name} in {max(known(shares)):.0f} % of the samples"
    if max(known(seen.foreign_percent), default=0.0) > 0:
        yield f"others used {max(known(seen.foreign_percent)):.0f} % of the GPU"
