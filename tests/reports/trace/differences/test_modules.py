"""Which module of one trace is which of the other."""

from pathlib import Path

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.differences.differences import difference
from resnext_bench.reports.trace.differences.modules import paired
from resnext_bench.reports.trace.differences.sides import side
from tests.reports.trace.differences.programs import (
    NET,
    Layer,
    adds_up,
    changed,
    compared,
    conv,
    kinds,
    only,
    program,
    side_of,
)
from tests.reports.trace.layers.made_model import Model


def renamed(prefix: str) -> tuple[Layer, ...]:
    from dataclasses import replace

    return tuple(replace(one, name=f"{prefix}{one.name}") for one in NET)


def test_the_same_names(tmp_path: Path) -> None:
    a = side_of(program(NET), tmp_path)
    assert paired(a, a) == {one.name: one.name for one in NET}


def test_renamed_modules(tmp_path: Path) -> None:
    slow = changed(renamed("backbone."), "backbone.block.conv1", us=70.0)
    found = compared(program(NET), program(slow), tmp_path)
    row = only(found)
    assert (row.kind, row.delta_ns) == ("slower", 10_000)
    (module,) = found.modules
    assert (module.module, module.name_in_b) == ("block.conv1", "backbone.block.conv1")
    assert kinds(found) == ["modules_renamed"]
    assert found.facts[0].values == {"count": len(NET)}


def test_renamed_modules_alone_are_no_difference(tmp_path: Path) -> None:
    found = compared(program(NET), program(renamed("net.")), tmp_path)
    assert (found.rows, found.modules, found.verdict) == ([], [], "same")


def test_as_many_of_a_kind_are_matched_in_their_order(tmp_path: Path) -> None:
    a = side_of(program([conv(f"a{at}", 10.0 + at) for at in range(3)]), tmp_path)
    b = side_of(program([conv(f"z{at}", 10.0 + at) for at in range(3)]), tmp_path)
    assert paired(a, b) == {"z0": "a0", "z1": "a1", "z2": "a2"}


def test_where_one_is_missing_nobody_knows_which(tmp_path: Path) -> None:
    a = program([conv(f"a{at}") for at in range(3)] + [Layer(name="same", us=900.0)])
    b = program([conv(f"z{at}") for at in range(2)] + [Layer(name="same", us=900.0)])
    found = compared(a, b, tmp_path)
    assert sorted(row.kind for row in found.rows) == ["gone"] * 3 + ["new"] * 2
    assert kinds(found) == ["modules_unpaired", "modules_unpaired"]
    assert [(one.side, one.values["count"]) for one in found.facts] == [("a", 3), ("b", 2)]


def test_other_modules_altogether(tmp_path: Path) -> None:
    """Then work is matched without modules: the same kernels are the same work."""
    other = [Layer(name=f"other{at}", type=f"T{at}", us=20.0 + at) for at in range(4)]
    mine = [Layer(name=f"mine{at}", type=f"U{at}", us=20.0 + at) for at in range(4)]
    found = compared(program(mine), program(other), tmp_path)
    assert found.matched_by == "shapes"
    assert found.rows == []
    assert kinds(found) == ["modules_differ"]


def test_instances_are_counted_by_the_profiler(tmp_path: Path) -> None:
    """`Conv2d_1` of one trace may be `Conv2d_0` of the other: one more was made before it."""

    def made(us: float, before: int, name: str) -> Path:
        model = Model(source="python")
        model.made.step(0, 5, 9000)
        with model.call("Net_0"):
            for number in range(2):
                with model.call(f"Conv2d_{before + number}"):
                    model.op("conv", us + number)
            with model.call("ReLU_0"):
                model.op("add", 3.5)
        model.run_back(4.25)
        return model.made.write(tmp_path, name)

    a, b = side(analyse(made(9, 0, "a.json"))), side(analyse(made(11, 5, "b.json")))
    assert paired(a, b) == {
        "Net_0 > Conv2d_5": "Net_0 > Conv2d_0",
        "Net_0 > Conv2d_6": "Net_0 > Conv2d_1",
        "Net_0 > ReLU_0": "Net_0 > ReLU_0",
    }
    found = difference(a, b, margin_percent=2)
    adds_up(found)
    assert [row.delta_ns for row in found.rows] == [2_000, 2_000]
