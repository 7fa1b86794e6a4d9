"""What torch.compile captured as CUDA graphs, and why it left the rest out.

Two of its modes ask for graphs. What cannot be captured runs without one, and torch says so in a
warning alone: a run that asked for graphs may have had none.
"""

import logging
from typing import Any, Final

import torch

from resnext_bench.reports.schema.choices import WITH_GRAPHS
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import CudaGraphs

_PREFIXES: Final = ("skipping cudagraphs due to ", "skipping cudagraph due to ")
_MOST_REASONS: Final = 4
_MOST_LETTERS: Final = 120


class GraphWatch:
    """Listens to why graphs are left out, from before the first compiled step on."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        self._device = device
        self._reasons: dict[str, int] = {}
        self._asked = config.compile_mode in WITH_GRAPHS
        if self._asked:
            # Only where it is compiled: importing it takes seconds.
            from torch._inductor.cudagraph_utils import cudagraphs_log  # noqa: PLC0415

            cudagraphs_log.addHandler(_Listener(self._reasons))

    def seen(self) -> CudaGraphs | None:
        """Return what was captured so far; None where no graphs were asked for."""
        if not self._asked:
            return None
        return CudaGraphs(
            captured=_captured(self._device),
            left_out=sum(self._reasons.values()),
            reasons=tuple(self._reasons)[:_MOST_REASONS],
        )


class _Listener(logging.Handler):
    """Counts the warnings of torch that name a reason."""

    def __init__(self, reasons: dict[str, int]) -> None:
        super().__init__(logging.WARNING)
        self._reasons = reasons

    def emit(self, record: logging.LogRecord) -> None:
        """Count the reason, which is followed by a stack."""
        reason = record.getMessage().partition("\n")[0].partition(". Found from")[0].strip()
        for prefix in _PREFIXES:
            reason = reason.removeprefix(prefix)
        reason = reason[:_MOST_LETTERS]
        self._reasons[reason] = self._reasons.get(reason, 0) + 1


def _captured(device: torch.device) -> int | None:
    """Return how many graphs there are; None where this torch does not tell."""
    if device.type == "cpu":
        return 0
    from torch._inductor import cudagraph_trees  # noqa: PLC0415

    try:
        manager = cudagraph_trees.get_manager(device.index, create_if_none_exists=False)
        return 0 if manager is None else _nodes(manager.roots)
    # It is torch's inside, which another version may build differently.
    except (AttributeError, TypeError, AssertionError):
        return None


def _nodes(by_function: dict[Any, list[Any]]) -> int:
    """Return the number of graphs in a tree: each was captured after the one above it."""
    return sum(1 + _nodes(node.children) for nodes in by_function.values() for node in nodes)
