"""Words about captured graphs: what tells the operators of their replays, or why nothing does."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from resnext_bench.reports.render.model import Row
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_graphs import Graphs, GraphsFrom
from resnext_bench.wording import count_of

_KINDS: Final = {
    "eager": "an eager run of the same kernels",
    "capture": "a capture of as many launches",
}
_ORDERS: Final = {"nodes": "node ids", "streams": "streams"}
_WHY: Final = {
    "no source": (
        "the trace has neither their capture nor an eager run of the same step; record one of them "
        "too, before the replays or in another trace (--capture)"
    ),
    "short": "{kernels} are too few to be recognised by their names",
    "order": (
        "{kernels} run on several streams, and no node ids tell their order (graph node id, which "
        "newer PyTorch records on NVIDIA's devices)"
    ),
    "names": "no eager run launched the same {kernels} in the same order",
    "ambiguous": "they fit to several places that tell different operators, shapes or modules",
    "counts": "the replay has {kernels}, the capture {launches}: not the same graph",
    "implausible": (
        "not the same graph as the capture, by which {wrong} of {kernels} would be below operators "
        "that launch no such ones: {name} below {operator}"
    ),
}
_NEITHER: Final = (
    "neither this trace nor {file} has their capture or an eager run of the same step; record one "
    "of them, before the replays or in the other trace"
)
"""Where another trace was given."""
_LONGEST: Final = 60
"""Characters of a kernel's name."""


def rows(found: TraceReport) -> Iterator[Row]:
    """Yield how much of the replays' time has operators, and what tells them."""
    graphs = found.graphs
    if graphs is None:
        return
    told = count_of(graphs.replays, "replay")
    if not graphs.sources:
        yield "graphs", f"{told}, of operators that are not known"
        return
    yield "graphs", f"{told}, {_share(graphs, graphs.told_ns)} of their time to an operator"
    for one in graphs.sources:
        part = f"{_share(graphs, one.total_ns)} " if len(graphs.sources) > 1 else ""
        yield "", f"{part}by {_by(one)}"


def _share(graphs: Graphs, ns: int) -> str:
    """Return a share, rounded down: 100.0 % is all of it."""
    return f"{ns * 1000 // max(1, graphs.total_ns) / 10:.1f} %"


def _by(one: GraphsFrom) -> str:
    where = f" in {one.file}" if one.file else ""
    return f"{_KINDS[one.kind]}{where} (order: {_ORDERS[one.order]})"


def untold(values: Mapping[str, Any]) -> str:
    """Return why operators of replays are not told."""
    name = values["name"]
    words = _WHY.get(values["of"], values["of"]).format(
        kernels=count_of(values["kernels"], "kernel"),
        launches=f"{values['launches']:,} launch{'es' * (values['launches'] != 1)}",
        wrong=values["wrong"],
        name=name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}...",
        operator=values["operator"],
    )
    if values["of"] == "no source" and values.get("file"):
        words = _NEITHER.format(file=values["file"])
    many = count_of(values["replays"], "replay")
    return f"{many} of CUDA graphs without operators, shapes and modules: {words}"
