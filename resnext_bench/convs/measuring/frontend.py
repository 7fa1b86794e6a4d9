"""cuDNN's plans through its frontend, for the device that is here and on torch's own tensors.

A plan is known by its place in the library's list, which is the same in every graph of one problem.
Its stream is always torch's current one, so that what torch waits for and captures is what runs.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import torch

from resnext_bench.convs.plans.planner import graph_of
from resnext_bench.convs.plans.planning import question
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.resnext.convolutions import Operation


class Frontend:
    """The library with a handle of this device."""

    def __init__(self, library: ModuleType, stream: Callable[[], int]) -> None:
        """Take a handle; `stream` returns the number of torch's current stream."""
        self._library = library
        self._stream = stream
        self._handle = library.create_handle()

    def close(self) -> None:
        """Give the handle back."""
        self._library.destroy_handle(self._handle)

    def plans_of(self, convolution: Convolution, operation: Operation) -> "Plans":
        """Return the library's plans of one problem, first mode A's and then the fallback's."""
        graph, tensors = graph_of(
            self._library, question(convolution, operation), handle=self._on_stream()
        )
        modes = self._library.heur_mode
        graph.create_execution_plans([modes.A, modes.FALLBACK])
        return Plans(graph, tensors, self._on_stream)

    def _on_stream(self) -> Any:
        """Return the handle, set to torch's current stream."""
        self._library.set_stream(self._handle, self._stream())
        return self._handle


class Plans:
    """The plans of one problem."""

    def __init__(self, graph: Any, tensors: Mapping[str, Any], handle: Callable[[], Any]) -> None:
        self._graph = graph
        self._tensors = tensors
        self._handle = handle
        count = graph.get_execution_plan_count()
        self.tags: tuple[str, ...] = tuple(map(graph.get_plan_name_at_index, range(count)))

    def build(self, index: int) -> int:
        """Build a plan, and return the bytes of its workspace; raises what the library raises."""
        self._graph.build_plan_at_index(index)
        size: int = self._graph.get_workspace_size_plan_at_index(index)
        return size

    def run(self, index: int, tensors: Mapping[str, torch.Tensor], workspace: torch.Tensor) -> None:
        """Launch a plan that was built on torch's current stream, and wait for nothing.

        Tensors are named images, weights and outputs; the one that the operation computes is
        written. They and the workspace are handed over as the addresses of their memory.
        """
        addresses = {self._tensors[name]: one.data_ptr() for name, one in tensors.items()}
        self._graph.execute_plan_at_index(addresses, workspace.data_ptr(), index, self._handle())
