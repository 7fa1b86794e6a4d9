"""Traces that are unlike are compared as far as possible, and what cannot be matched is said."""

from pathlib import Path

from resnext_bench.reports.render.trace.diff import matched_by
from resnext_bench.reports.render.trace.diff_facts import fact_sentences
from tests.reports.trace.differences.programs import (
    NET,
    Layer,
    changed,
    compared,
    conv,
    kinds,
    only,
    program,
)
from tests.reports.trace.made import Made


def test_one_without_shapes(tmp_path: Path) -> None:
    slow = changed(NET, "stem", us=130.0)
    found = compared(program(NET), program(slow, shapes=False), tmp_path)
    assert only(found).delta_ns == 30_000
    assert found.matched_by == "modules"
    (fact,) = found.facts
    assert (fact.kind, fact.side) == ("shapes_missing", "b")


def test_shapes_of_one_side_make_nothing_new(tmp_path: Path) -> None:
    """Work of one module is one row where one side alone tells its shapes; a renamed module keeps
    its partner by type and order.
    """
    both = (
        conv("block", 40.0, batch=4),
        conv("block", 60.0, batch=8),
        conv("stem", 90.0, batch=2),
        Layer(name="relu", us=20.0),
    )
    renamed = (*both[:2], conv("begin", 95.0, batch=2), both[3])
    found = compared(program(both), program(renamed, shapes=False), tmp_path)
    assert found.matched_by == "modules"
    assert [(row.kind, row.delta_ns, row.changed) for row in found.rows] == [("slower", 5_000, [])]
    assert kinds(found) == ["modules_renamed", "shapes_missing"]
    assert "is matched by module, operator, class and kernel" in fact_sentences(found.facts)[1]
    assert matched_by(found) == "module, then operator, class and kernel"
    back = compared(program(renamed, shapes=False), program(both), tmp_path)
    assert [(row.kind, row.delta_ns) for row in back.rows] == [("faster", -5_000)]


def test_a_number_of_ranks_that_is_not_recorded(tmp_path: Path) -> None:
    """Not to be told is not to be one, and where the other one is one nothing need be said."""

    def of(world: int | None) -> Made:
        info = {"rank": 0, "world_size": world} if world else {}
        return program(NET, header={"distributedInfo": info} if info else {})

    assert compared(of(None), of(None), tmp_path).facts == []
    assert compared(of(None), of(1), tmp_path).facts == []
    (fact,) = compared(of(8), of(None), tmp_path).facts
    assert (fact.kind, fact.side, fact.values) == ("world_unknown", "b", {"of": 8})
    assert kinds(compared(of(1), of(8), tmp_path)) == ["worlds_differ"]


def test_one_without_modules(tmp_path: Path) -> None:
    found = compared(program(NET), program(NET, labels=False), tmp_path)
    assert (found.matched_by, found.rows) == ("shapes", [])
    (fact,) = found.facts
    assert (fact.kind, fact.side) == ("modules_missing", "b")


def test_both_without_either(tmp_path: Path) -> None:
    a, b = (
        program(layers, labels=False, shapes=False)
        for layers in (NET, changed(NET, "relu", us=33.0))
    )
    found = compared(a, b, tmp_path)
    assert found.matched_by == "operators"
    assert only(found).delta_ns == 13_000
    assert [(one.kind, one.side) for one in found.facts] == [
        ("modules_missing", ""),
        ("shapes_missing", ""),
    ]


def test_another_device(tmp_path: Path) -> None:
    header = {"deviceProperties": [{"id": 0, "name": "NVIDIA B200"}]}
    found = compared(program(NET), program(NET, header=header), tmp_path)
    (fact,) = found.facts
    assert (fact.kind, fact.values) == ("devices_differ", {"a": "NVIDIA H100", "b": "NVIDIA B200"})


def test_another_world_and_rank(tmp_path: Path) -> None:
    a, b = (
        program(NET, header={"distributedInfo": {"rank": rank, "world_size": world}})
        for rank, world in ((0, 2), (3, 8))
    )
    assert kinds(compared(a, b, tmp_path)) == ["worlds_differ", "ranks_differ"]


def test_a_cpu_against_a_device(tmp_path: Path) -> None:
    cpu = Made()
    for step in range(4):
        cpu.step(step, step * 900.5, 900).op("aten::relu", step * 900.5 + 3, 500)
    found = compared(program(NET), cpu, tmp_path)
    assert "host_against_device" in kinds(found)
    assert any(row.kind in ("slower", "faster") for row in found.rows)


def test_another_program(tmp_path: Path) -> None:
    other = [Layer(name="", op="aten::mm", kernel="ampere_sgemm_128x64_nn", us=40.0)]
    found = compared(program(NET[:2]), program(other), tmp_path)
    assert {row.kind for row in found.rows} == {"new", "gone"}
    assert "unpaired_time" in kinds(found)


def test_steps_that_something_else_tells(tmp_path: Path) -> None:
    unmarked = program(NET)
    unmarked.rows = [row for row in unmarked.rows if "ProfilerStep" not in row["name"]]
    found = compared(program(NET), unmarked, tmp_path)
    (fact, *_) = (one for one in found.facts if one.kind == "steps_differ")
    assert fact.values["a"] == "profiler"
    assert fact.values["b"] != "profiler"
