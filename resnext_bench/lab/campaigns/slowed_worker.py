"""`small_worker`, made to lose a share of each step, which a duet must find."""

import os
import time

from resnext_bench.lab.campaigns.small_worker import run_small
from resnext_bench.rankfile import Mark
from resnext_bench.worker.clock import HostClock
from resnext_bench.worker.entry import Rank, enter

SHARE_VARIABLE = "RESNEXT_BENCH_TEST_SLOWDOWN"


class SlowClock(HostClock):
    """Loses a share of each step, which exposes a benchmark that cannot see it."""

    share = 0.0
    last_ns = 0

    def mark(self, step: int, mark: Mark) -> None:
        """Lose time at the end of a step, inside it."""
        if mark is Mark.OPTIMIZER and self.share:
            self._lose()
        super().mark(step, mark)

    def _lose(self) -> None:
        now = time.perf_counter_ns()
        lost_ns = min(now - self.last_ns, 10**9) * self.share if self.last_ns else 0.0
        while time.perf_counter_ns() < now + lost_ns:
            pass
        self.last_ns = time.perf_counter_ns()

    def start_window(self) -> None:
        """Start counting here, as what precedes is not a step."""
        super().start_window()
        self.last_ns = time.perf_counter_ns()


def run_slowed(rank: Rank) -> None:
    """Follow the token with the small network, by a clock that loses the requested share."""
    clock = SlowClock(rank.file)
    clock.share = float(os.environ[SHARE_VARIABLE])
    run_small(rank, clock)


if __name__ == "__main__":
    enter("resnext_bench.lab.campaigns.slowed_worker:run_slowed")
