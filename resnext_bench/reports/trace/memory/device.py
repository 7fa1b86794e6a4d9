"""All that is known of one device's memory before anything is added up."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_memory import PassName
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.memory.blocks import Blocks, blocks
from resnext_bench.reports.trace.memory.kinds import Told, told
from resnext_bench.reports.trace.memory.lives import Lives, lives
from resnext_bench.reports.trace.memory.noted import Noted
from resnext_bench.reports.trace.memory.origins import Origins
from resnext_bench.reports.trace.memory.series import Series
from resnext_bench.reports.trace.reading.trace import Ns
from resnext_bench.reports.trace.time.links import Pass

_PASSES: tuple[PassName, ...] = ("forward", "backward", "optimizer", "")


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """A device's memory: totals, blocks, how they lived and what they are for."""

    analysis: Analysis
    series: Series
    blocks: Blocks
    lives: Lives
    told: Told
    origins: Origins
    times: Ns
    """When each row of the series was, none before the one in front of it."""
    modules: NDArray[np.object_]
    """Names of modules, "" behind them."""
    rest: Ns
    """What the total has beside known blocks after each row: bytes of before the recording that
    are there all the time, and what was not recorded."""

    @property
    def before(self) -> int:
        """Bytes of before the recording of which no block is known."""
        first = self.blocks.start < 0
        return self.series.before - int(self.blocks.size[first].sum())

    def total_at(self, moment: int) -> int:
        """Return how many bytes were given out right before a moment."""
        at = int(np.searchsorted(self.times, moment, side="left")) - 1
        return self.series.before if at < 0 else int(self.series.total[at])

    def step_of(self, row: int) -> int | None:
        """Return the number of the step of a row of the trace's memory; None: in none."""
        step = int(self.origins.step[row])
        steps = self.analysis.steps
        return steps.numbers[step] if step >= 0 and steps.marked else None

    def pass_of(self, row: int) -> PassName:
        """Return the pass in which a row is."""
        return pass_name(int(self.origins.passes[row]))

    def operator_of(self, row: int) -> str:
        """Return the operator that a row is in; empty: none."""
        at = int(self.origins.operator[row])
        trace = self.analysis.trace
        return "" if at < 0 else trace.names[int(trace.host.name[at])]

    def module_of(self, row: int) -> str:
        """Return the module that a row is in; empty: none."""
        at = int(self.origins.module[row])
        return str(self.modules[at])


def pass_name(number: int) -> PassName:
    """Return the name of a `Pass`; empty for -1."""
    return _PASSES[Pass(number)] if number >= 0 else ""


def known(analysis: Analysis, found: Series, where: Origins, notes: Noted | None) -> Known:
    """Find out all of it."""
    made = blocks(found)
    there = made.known(len(found))
    if not found.has_totals:  # then all that is known are the blocks
        found = replace(found, total=there)
    lived = lives(analysis, found, made, where)
    return Known(
        analysis=analysis,
        series=found,
        blocks=made,
        lives=lived,
        told=told(analysis.trace, notes, found.device, made, lived),
        origins=where,
        times=np.maximum.accumulate(found.time),
        modules=analysis.places.short(
            np.append(np.arange(len(analysis.places.tree)), -1).astype(np.int32)
        ),
        rest=found.total - there,
    )
