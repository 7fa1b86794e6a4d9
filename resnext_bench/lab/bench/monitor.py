"""The cost of watching the GPUs: CPU time of the watch itself, and a duet with and without it.

The watch runs in the launching program, twice a second. Its cost there is CPU time: the queries,
each of which enters the driver, and some Python around them. Where there is a GPU, its own driver
is queried. Elsewhere a simulated one (`watch_beside`) takes 1 ms for each query, all of it
computing: a pessimistic assumption, as power and clocks are answered by a processor on the board,
for which the host mostly waits.

The duet has the watch beside the ranks of side b alone, with a core to spare, as there is beside a
GPU. It looks DOSE times as often there as in a run, and the increase of a step is divided by that:
the cost of two samples a second would be lost in the noise of a shared machine. Ranks that use
every core lose at most what the watch takes of these: the first figure.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resnext_bench.lab.bench.watch_beside import DOSE, QUESTION_S, made_watch
from resnext_bench.lab.campaigns.verdicts import SMALL, duet
from resnext_bench.launch.watch import POLL_S
from resnext_bench.machine.gpu.monitor import monitor
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.comparison import Comparison, Limits

LIMIT_PERCENT: Final = 0.5
LIMITS: Final = Limits(
    margin_percent=LIMIT_PERCENT * DOSE,
    max_sessions=12,
    max_minutes=3.0,
    pairs=10,
    more_pairs=True,
    block_steps=10,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """CPU time of a watch, over the time in which a run takes its samples."""

    gpus: int
    core_percent: float
    """CPU time, per cent of one core."""

    def of_cores(self, cores: int) -> float:
        """Return the CPU time in per cent of this number of cores."""
        return self.core_percent / cores


def cost_of(
    watch: GpuWatch, samples: int, cpu_clock: Callable[[], float] = time.process_time
) -> Cost:
    """Return the cost of `samples` samples, taken one after another."""
    watch.note_residents()
    watch.start()
    before = cpu_clock()
    for _ in range(samples):
        watch.sample()
    spent_s = cpu_clock() - before
    return Cost(gpus=len(watch.tracks), core_percent=100 * spent_s / (samples * POLL_S))


def own_cost(samples: int = 40) -> tuple[str, Cost]:
    """Return the cost of the watch on this machine, after the name of the driver that answered."""
    gpus = [gpu.index for gpu in inspect().gpus]
    with monitor() as found:
        if found is not None and gpus:
            return "this machine's driver", cost_of(open_watch(found, gpus), samples)
    return f"a made one, {1e3 * QUESTION_S:g} ms a question", cost_of(made_watch(), samples)


def compared(limits: Limits = LIMITS) -> Comparison:
    """Return a comparison in which side b has the watch beside it."""
    return duet(
        SMALL,
        SMALL,
        limits,
        ("resnext_bench.lab.campaigns.small_worker", "resnext_bench.lab.bench.monitored_worker"),
    )


def check() -> int:
    """Print both figures; return 0 if both are under the limit, 1 if one is not, 3 if unknown."""
    cores = inspect().usable_cores
    source, cost = own_cost()
    share = cost.of_cores(cores)
    print(
        f"monitor     {cost.core_percent:.2f} % of a core for {cost.gpus} GPU: {share:.2f} % of "
        f"{cores} cores (limit {LIMIT_PERCENT:g} %; driver: {source})",
        flush=True,
    )
    text, code = told(compared())
    print(f"monitor     {text}", flush=True)
    return 1 if share >= LIMIT_PERCENT else code


def told(record: Comparison) -> tuple[str, int]:
    """Return what the duet says, and the exit code."""
    change = record.change
    if change is None:
        return f"{record.verdict or record.status}: {record.why}", 3
    percent, low, high = (
        value / DOSE for value in (change.percent, change.low_percent, change.high_percent)
    )
    text = (
        f"a step takes {change.percent:+.2f} % longer beside {DOSE} times as many samples, so "
        f"beside those of a run {percent:+.3f} %, {change.confidence_percent:g} % interval "
        f"{low:+.2f} to {high:+.2f} % ({len(record.pairs)} sessions)"
    )
    if high < LIMIT_PERCENT:
        return text, 0
    return text, 1 if low >= LIMIT_PERCENT else 3
