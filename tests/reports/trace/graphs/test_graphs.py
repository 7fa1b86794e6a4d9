"""Operators, shapes and modules of replayed graphs, on traces made by hand."""

from pathlib import Path

import numpy as np
import pytest

from resnext_bench.reports.render.trace.graphs import rows
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.layers.work import origins
from resnext_bench.reports.trace.reading.read import read
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.graphs.made_graphs import BLOCK, CONV, COPY, NORM, OPERATORS, RELU, Program
from tests.reports.trace.made import Made
from tests.reports.trace.words import sentences_of

BLOCKS = (BLOCK,) * 4


def analysed(program: Program, folder: Path, capture: Program | None = None) -> Analysis:
    path = program.made.write(folder)
    if capture is None:
        return analyse(path)
    other = capture.made.write(folder, "capture.json")
    return analyse(path, capture=lambda: read(other))


def told(found: Analysis) -> list[tuple[str, str, str]]:
    """Kernel, operator and module of each row that a graph launched, by their starts."""
    trace, links = found.trace, found.links
    graph = [trace.names[name] == "cudaGraphLaunch" for name in trace.host.name[links.launch]]
    mine = np.flatnonzero(graph)
    module = found.places.names(found.places.of(origins(found, mine)))
    operators = [trace.names[trace.host.name[row]] if row >= 0 else "" for row in links.operator]
    return [
        (trace.names[trace.device.name[row]], operators[row], str(name))
        for row, name in zip(mine.tolist(), module, strict=True)
    ]


def expected(first: int = 1, *blocks: tuple[str, ...]) -> list[tuple[str, str, str]]:
    return [
        (name, OPERATORS[name], f"layer{number}")
        for number, block in enumerate(blocks or BLOCKS, first)
        for name in block
    ]


def why(found: TraceReport) -> str:
    assert found.graphs
    assert not found.graphs.told_ns
    (one,) = found.graphs.untold
    (sentence,) = (one for one in sentences_of(found) if "CUDA graphs" in one)
    return f"{one.why}: {sentence.partition(': ')[2]}"


def test_as_in_an_eager_run(tmp_path: Path) -> None:
    found = analysed(Program().eager(*BLOCKS).replay(*BLOCKS).replay(*BLOCKS), tmp_path)
    assert told(found) == 2 * expected()
    graphs = report(found).graphs
    assert graphs
    assert (graphs.replays, graphs.rows, graphs.total_ns) == (2, 24, 24 * 5000)
    (source,) = graphs.sources
    assert (source.kind, source.order, source.file) == ("eager", "streams", "")
    assert (source.replays, source.rows, graphs.told_ns) == (2, 24, graphs.total_ns)


def test_copies_are_matched_with_the_kernels_around_them(tmp_path: Path) -> None:
    blocks = ((COPY, *BLOCK), BLOCK, (*BLOCK, COPY), (*BLOCK, COPY))
    found = analysed(Program().eager(*blocks).replay(*blocks), tmp_path)
    assert told(found) == expected(1, *blocks)


def test_kernels_alone_where_the_eager_run_has_other_copies(tmp_path: Path) -> None:
    blocks = ((COPY, *BLOCK), *BLOCKS[1:])
    found = analysed(Program().eager(*BLOCKS).replay(*blocks), tmp_path)
    assert told(found)[0] == (COPY, "", "")
    assert told(found)[1:] == expected()


@pytest.mark.parametrize("upper", [0, 5 << 32])
def test_numbers_of_nodes_tell_the_order_on_any_streams(tmp_path: Path, upper: int) -> None:
    """The kernels of a graph run in another order than that of the capture, on three streams."""
    order = [4, 0, 1, 5, 2, 3, 9, 10, 6, 11, 7, 8]
    program = Program().eager(*BLOCKS)
    nodes = [upper + 3 * number + 1 for number in order]
    program.replay(*BLOCKS, nodes=nodes, order=order, streams=[20, 21, 22] * 4)
    found = analysed(program, tmp_path)
    assert told(found) == [expected()[number] for number in order]
    (source,) = report(found).graphs.sources  # type: ignore[union-attr]
    assert source.order == "nodes"


def test_without_them_streams_are_told_apart(tmp_path: Path) -> None:
    """What ran beside on another stream is found where the eager run launched it."""
    program = Program().eager(BLOCK, BLOCK)
    program.stream = 8
    program.eager((RELU,), first=9)
    program.stream = 7
    program.eager(BLOCK, BLOCK, first=3)
    names = (*BLOCK, *BLOCK, RELU, *BLOCK, *BLOCK)
    streams = [30] * 6 + [31] + [30] * 6
    order = [6, *range(6), *range(7, 13)]  # runs long before its turn in the capture
    program.replay(names, streams=streams, order=order)
    beside = (RELU, OPERATORS[RELU], "layer9")
    assert told(analysed(program, tmp_path)) == [beside, *expected()]


def test_streams_that_the_eager_run_did_not_have_are_no_order(tmp_path: Path) -> None:
    program = Program().eager(*BLOCKS).replay(*BLOCKS, streams=[20, 21, 22] * 4)
    found = analysed(program, tmp_path)
    assert why(report(found)).startswith("order: 12 kernels run on several streams")
    assert {operator for _, operator, _ in told(found)} == {""}


def test_the_capture_in_the_same_trace(tmp_path: Path) -> None:
    found = analysed(Program().captured(*BLOCKS).replay(*BLOCKS).replay(*BLOCKS), tmp_path)
    assert told(found) == 2 * expected()
    (source,) = report(found).graphs.sources  # type: ignore[union-attr]
    assert (source.kind, source.replays) == ("capture", 2)


def test_what_was_launched_eagerly_counts_more_than_a_capture(tmp_path: Path) -> None:
    """A capture with as many launches of the same kinds may still be that of another graph."""
    program = Program().captured((RELU, RELU, RELU), *BLOCKS[1:], first=11)
    found = analysed(program.eager(*BLOCKS).replay(*BLOCKS), tmp_path)
    assert told(found) == expected()


def test_another_number_of_launches_is_another_graph(tmp_path: Path) -> None:
    found = report(analysed(Program().captured(*BLOCKS[1:]).replay(*BLOCKS), tmp_path))
    words = "counts: the replay has 12 kernels, the capture 9 launches: not the same graph"
    assert why(found) == words


def test_operators_that_launch_no_such_kernels_are_another_graph(tmp_path: Path) -> None:
    program = Program().captured((NORM, CONV, RELU), *BLOCKS[1:]).replay(*BLOCKS)
    found = why(report(analysed(program, tmp_path)))
    assert found.startswith("implausible: not the same graph as the capture, by which 2 of 12 ")
    # Of pairs that occur as often as one another, that whose kernel comes last by name.
    assert found.endswith(f": {NORM} below {OPERATORS[CONV]}")


def test_a_capture_that_comes_after_the_replay_is_not_its_own(tmp_path: Path) -> None:
    found = report(analysed(Program().replay(*BLOCKS).captured(*BLOCKS), tmp_path))
    assert why(found).startswith("no source: ")


def test_nothing_that_tells_them(tmp_path: Path) -> None:
    found = report(analysed(Program().replay(*BLOCKS).replay(*BLOCKS), tmp_path))
    assert why(found).startswith("no source: the trace has neither their capture nor an eager run")
    assert list(rows(found)) == [("graphs", "2 replays, of operators that are not known")]


def test_other_kernels(tmp_path: Path) -> None:
    program = Program().eager(*BLOCKS).replay((NORM, *BLOCK), *BLOCKS[1:])
    words = "names: no eager run launched the same 13 kernels in the same order"
    assert why(report(analysed(program, tmp_path))) == words


def test_a_run_with_a_graph_in_between_is_none(tmp_path: Path) -> None:
    program = Program().eager(*BLOCKS[:2]).replay(BLOCK).eager(*BLOCKS[2:], first=3)
    found = report(analysed(program.replay(*BLOCKS), tmp_path))
    assert found.graphs
    assert {one.why for one in found.graphs.untold} == {"names", "short"}


def test_few_kernels_are_not_recognised_by_their_names(tmp_path: Path) -> None:
    found = report(analysed(Program().eager(BLOCK).replay(BLOCK), tmp_path))
    assert why(found) == "short: 3 kernels are too few to be recognised by their names"


def test_layers_with_the_same_kernels_are_told_apart_by_what_is_around(tmp_path: Path) -> None:
    """A graph for each layer: the order in which they are replayed is that of the eager run."""
    last = (CONV, CONV)
    program = Program().eager(*BLOCKS, last)
    for block in (*BLOCKS, last):
        program.replay(block)
    assert told(analysed(program, tmp_path)) == expected(1, *BLOCKS, last)


def test_where_that_is_undecided_nothing_is_told(tmp_path: Path) -> None:
    """One layer with three before and behind it in the eager run, replayed by itself."""
    program = Program().eager(*BLOCKS, *BLOCKS, *BLOCKS).replay(*BLOCKS)
    found = report(analysed(program, tmp_path))
    words = "ambiguous: they fit to several places that tell different operators, shapes or modules"
    assert why(found) == words


def test_another_trace_tells_it(tmp_path: Path) -> None:
    """Its names, threads, shapes and modules are its own; this trace has a network of its own."""
    capture = Program().eager((RELU,), first=7).eager(*BLOCKS, first=2)
    program = Program().stepped(BLOCKS, BLOCKS)
    found = analysed(program, tmp_path, capture)
    assert told(found) == 2 * expected(2)
    one = report(found)
    assert one.trust.steps_used == 2
    (source,) = one.graphs.sources  # type: ignore[union-attr]
    assert source.file.endswith("capture.json")
    assert [row.calls for row in one.convs] == [2, 2, 2, 2]
    assert one.layers
    calls = {row.name: (row.calls, row.total_ns) for row in one.layers.rows}
    assert {f"layer{number}" for number in range(2, 6)} <= set(calls)
    assert {calls[f"layer{number}"] for number in range(2, 6)} == {(2, 30_000)}
    assert one.host == report(analyse(tmp_path / "rank0.pt.trace.json")).host


def test_calls_of_a_replay_are_calls_of_their_own(tmp_path: Path) -> None:
    """Their shape has the FLOP of each replay, and the median of a call is that of one."""
    program = Program().eager(*BLOCKS)
    program.host = program.device + 5
    found = report(analysed(program.stepped(BLOCKS, BLOCKS, BLOCKS), tmp_path))
    convs = {row.channels: row for row in found.convs}
    assert set(convs) == {16, 32, 48, 64}
    flop = 2 * 8 * 64 * 64 * 14 * 14
    row = convs[64]
    assert (row.calls, row.total_ns, row.median_ns) == (3, 15_000, 5000)
    assert row.tflops == pytest.approx(flop / 5000 / 1e3)
    assert found.layers
    layer = next(one for one in found.layers.rows if one.name == "layer4")
    assert (layer.calls, layer.forward_flop, layer.total_ns) == (3, 3 * flop, 45_000)


def test_a_range_that_cuts_a_replay_has_no_rates_of_it(tmp_path: Path) -> None:
    program = Program().eager(*BLOCKS).replay(*BLOCKS)
    path = program.made.write(tmp_path)
    last = max(row["ts"] for row in program.made.rows) * 1000
    span = Span(start=int(last - 22_000 - 10_000))
    (row,) = (one for one in report(analyse(path, span=span)).convs if one.channels == 64)
    assert (row.calls, row.cut_calls, row.tflops) == (1, 1, None)


def test_a_trace_without_graphs_asks_for_no_capture(tmp_path: Path) -> None:
    path = Program().eager(*BLOCKS).made.write(tmp_path)

    def asked() -> None:
        raise AssertionError

    found = report(analyse(path, capture=asked))  # type: ignore[arg-type]
    assert found.graphs is None
    assert list(rows(found)) == []


def test_a_capture_that_holds_nothing(tmp_path: Path) -> None:
    found = report(analysed(Program().replay(*BLOCKS), tmp_path, Program(made=Made())))
    words = why(found)
    assert words.startswith(f"no source: neither this trace nor {tmp_path}")
    assert "capture.json has their capture or an eager run of the same step" in words
    assert "--capture" not in words


@pytest.mark.parametrize("late", [False, True])
def test_all_in_a_graph_leaves_nothing_to_capture(tmp_path: Path, late: bool) -> None:
    """Gaps within a replay are no launch latency; nor is the time before it a reason to capture.

    12 kernels of 5 us with 10 us before each of them, of which those of the first come late.
    """
    program = Program().stepped(BLOCKS)
    kernels = [row for row in program.made.rows if row["cat"] == "kernel"]
    begun = kernels[0]["ts"]
    for at, row in enumerate(kernels):
        row["ts"] = begun + 15 * at + 200 * late
    (step,) = (row for row in program.made.rows if row["name"].startswith("ProfilerStep"))
    step["dur"] = 600
    found = report(analysed(program, tmp_path))
    idle = {row.cause: row.total_ns for row in found.idle}
    assert idle["within replays of graphs"] == 11 * 10_000
    assert idle.get("launch latency, dependency", 0) == (10_000 + 200_000 * late)
    assert {one.kind for one in found.advice} & {"latency", "launches"} == set()


def test_nodes_that_are_there_twice_are_no_order(tmp_path: Path) -> None:
    """As in a loop within a graph: it falls back to the stream's own order."""
    program = Program().eager(*BLOCKS).replay(*BLOCKS, nodes=[1] * 12)
    found = analysed(program, tmp_path)
    assert told(found) == expected()
    (source,) = report(found).graphs.sources  # type: ignore[union-attr]
    assert source.order == "streams"


def test_words_of_what_tells_them(tmp_path: Path) -> None:
    found = report(analysed(Program().captured(*BLOCKS).replay(*BLOCKS), tmp_path))
    assert list(rows(found)) == [
        ("graphs", "1 replay, 100.0 % of their time to an operator"),
        ("", "by a capture of as many launches (order: streams)"),
    ]
