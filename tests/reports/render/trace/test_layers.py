"""The table by module: which rows, what they add up to, and what is said with it."""

from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.render.model import Line, Note, Section, Table, rows_of
from resnext_bench.reports.render.trace.layer_rows import MOST, Chosen, Modules, common
from resnext_bench.reports.render.trace.layers import layers
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.layers.made_model import Model, Source
from tests.reports.trace.made import Made


def network(source: Source = "labels", blocks: int = 3) -> Model:
    """Layers of so many blocks, each with two convolutions; a head; an addition in each block."""
    model = Model(source=source)
    with model.call("stem"):
        model.op("conv", 50)
    for layer in ("layer1", "layer2"):
        with model.call(layer):
            for block in range(blocks):
                with model.call(f"{layer}_{block}" if source == "python" else str(block)):
                    for conv in ("conv1", "conv2"):
                        with model.call(f"{layer}{block}{conv}_0" if source == "python" else conv):
                            model.op("conv", 3)
                    model.op("add", 1)
    model.op("add", 2)
    model.run_back(1)
    return model


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def drawn(found: TraceReport, top: int = 40, **chosen: object) -> list[Section]:
    return list(layers(found, top, Chosen(**chosen)))  # type: ignore[arg-type]


def table(sections: list[Section]) -> Table:
    (found,) = (one for one in sections if isinstance(one, Table))
    return found


def names(sections: list[Section], group: int = 0) -> list[str]:
    return [str(row[-1]) for row in table(sections).groups[group]]


def lines(sections: list[Section]) -> str:
    """Return what stands below the table, or instead of it."""
    notes = (note for one in sections if isinstance(one, Table) for note in one.notes)
    return "\n".join(one.text for one in (*notes, *sections) if isinstance(one, Line | Note))


def column(found: Table, name: str) -> list[str]:
    at = [str(one.name) for one in found.columns].index(name)
    return [str(row[at]) for row in rows_of(found)]


@pytest.mark.parametrize(
    ("depth", "rows"),
    [
        (1, ["stem: Tstem", "layer1: Tlayer1", "layer2: Tlayer2"]),
        (
            2,
            [
                "stem: Tstem",
                *(f"layer1.{block}: T{block}" for block in range(3)),
                *(f"layer2.{block}: T{block}" for block in range(3)),
            ],
        ),
    ],
)
def test_modules_of_one_depth(depth: int, rows: list[str], tmp_path: Path) -> None:
    assert names(drawn(reported(network().made, tmp_path), depth=depth)) == rows


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 99])
def test_rows_of_any_depth_add_up_to_all_work(depth: int, tmp_path: Path) -> None:
    """What a module does outside of those in it has a row of its own."""
    found = reported(network().made, tmp_path)
    assert found.layers
    modules = Modules(found.layers)
    shown = modules.shown(depth, modules.every())
    outside = sum(row.total_ns for row in found.layers.outside)
    assert sum(one.total_ns for one in shown) + outside == found.layers.work_ns
    for one in shown:
        assert one.forward_ns + one.backward_ns == one.total_ns == sum(one.classes.values())
    assert any(one.is_itself for one in shown) == (depth > 2)


def test_unless_told_the_deepest_level_that_reads_well(tmp_path: Path) -> None:
    few, many = (reported(network(blocks=count).made, tmp_path) for count in (3, 9))
    assert "layer1.0.conv1: Tconv1" in names(drawn(few))
    assert len(names(drawn(many))) <= MOST
    assert "layer1.0: T0" in names(drawn(many))


@pytest.mark.parametrize(
    ("pattern", "rows"),
    [
        ("layer1.*", 9),
        ("layer1", 9),
        ("*.conv1", 6),
        ("conv1", 6),
        ("layer2.1", 3),
        ("stem", 1),
        ("*", 19),
    ],
)
def test_a_pattern_chooses_modules_with_all_below_them(
    pattern: str, rows: int, tmp_path: Path
) -> None:
    found = reported(network().made, tmp_path)
    assert found.layers
    modules = Modules(found.layers)
    within = modules.named(pattern)
    tops = [one for one in within if found.layers.rows[one].above not in within]
    whole = sum(found.layers.rows[one].total_ns for one in tops)
    for depth in (1, 2, 3):
        assert sum(one.total_ns for one in modules.shown(depth, within)) == whole
    sections = drawn(found, depth=3, module=pattern)
    assert len(names(sections)) == rows
    assert names(sections, 1) == [f"all of {pattern}"]
    assert column(table(sections), "ms")[-1] == f"{whole / 1e6:.3f}"


def test_instances_and_what_they_are_in(tmp_path: Path) -> None:
    found = reported(network("python").made, tmp_path)
    sections = drawn(found, depth=2)
    assert "layer1_0 in layer1" in names(sections)
    assert "the fourth Conv2d that ran" in lines(sections)
    for pattern in ("layer1.*", "layer1 > layer1_0", "layer1_0"):
        assert names(drawn(found, module=pattern))


def test_the_title_tells_what_all_rows_are_in(tmp_path: Path) -> None:
    found = reported(network().made, tmp_path)
    assert table(drawn(found, module="layer1.*", depth=3)).title.startswith("by module in layer1,")
    assert table(drawn(found, module="layer1.0.*")).title.startswith("by module in layer1 > 0,")
    assert table(drawn(found, top=1, depth=3)).title.startswith("by module, ms")


def test_the_rest_and_what_is_in_no_module(tmp_path: Path) -> None:
    sections = drawn(reported(network().made, tmp_path), top=2, depth=1)
    assert names(sections) == ["stem: Tstem", "layer1: Tlayer1", "1 more module"]
    assert names(sections, 1) == [
        "all modules",
        "other forward work in no module",
        "other backward work in no module",
    ]
    assert names(sections, 2) == ["all work"]
    assert "the first 2 of 3" in table(sections).title


def test_what_is_not_recorded_is_said(tmp_path: Path) -> None:
    plain = drawn(reported(Made().kernel("k", 10, 5), tmp_path))
    assert not any(isinstance(one, Table) for one in plain)
    assert "not recorded" in lines(plain)
    assert "--profile" in lines(plain)
    assert "with_stack=True" in lines(plain)
    assert "compiled" not in lines(plain)
    made = Made().op("Torch-Compiled Region: 0/0", 0, 20).kernel("k", 30, 5, 3)
    assert "compiled" in lines(drawn(reported(made, tmp_path)))


def test_nothing_where_it_is_not_wanted(tmp_path: Path) -> None:
    made = network().made
    assert drawn(reported(made, tmp_path), is_wanted=False) == []
    without = report(analyse(made.write(tmp_path), layers=False), layers=False)
    assert without.layers is None
    assert drawn(without) == []


def test_flop_that_are_not_all_known_are_at_least(tmp_path: Path) -> None:
    found = reported(network().made, tmp_path)
    assert found.layers
    rows = [
        msgspec.structs.replace(row, forward_flop=4_000_000, backward_flop=0, uncounted_ns=1)
        for row in found.layers.rows
    ]
    some = msgspec.structs.replace(found, layers=msgspec.structs.replace(found.layers, rows=rows))
    gflop = column(table(drawn(some, depth=1)), "GFLOP")
    assert all(one.startswith("≥ ") for one in gflop[:3])


def test_calls_that_the_range_cuts_are_left_out_and_told(tmp_path: Path) -> None:
    found = reported(network().made, tmp_path)
    assert found.layers
    assert "cut by the range" not in lines(drawn(found))
    rows = [
        msgspec.structs.replace(
            row, forward_flop=10**9, backward_flop=0, uncounted_ns=0, cut_ns=row.total_ns // 2
        )
        for row in found.layers.rows
    ]
    some = msgspec.structs.replace(found, layers=msgspec.structs.replace(found.layers, rows=rows))
    told = drawn(some, depth=1)
    assert lines(told).count("cut by the range: no rate") == 1
    assert "does not record shapes" not in lines(told)
    assert column(table(told), "GFLOP")[0] == "≥ 1.00"
    (stem,) = (at for at, one in enumerate(names(told)) if one.startswith("stem"))
    assert column(table(told), "TFLOP/s")[stem] == "39.2"


@pytest.mark.parametrize(
    ("paths", "begin"),
    [
        ([("a", "b", "c"), ("a", "b", "d")], ("a", "b")),
        ([("a", "b"), ("a",)], ()),
        ([("a",)], ()),
        ([("a", "b", "c")], ("a", "b")),
        ([("a", "x"), ("b", "x")], ()),
        ([], ()),
    ],
)
def test_what_all_paths_begin_with(paths: list[tuple[str, ...]], begin: tuple[str, ...]) -> None:
    assert common(paths) == begin
