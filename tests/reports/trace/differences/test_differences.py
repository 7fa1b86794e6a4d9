"""What became of the work, in made pairs of traces."""

from pathlib import Path

import pytest

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.trace.differences.differences import difference
from resnext_bench.reports.trace.differences.pairs import Unpairable
from tests.reports.trace.differences.programs import (
    GEMM,
    NET,
    NHWC,
    WINOGRAD,
    Layer,
    as_they_are,
    changed,
    compared,
    conv,
    kinds,
    only,
    program,
    side_of,
    turned,
)
from tests.reports.trace.made import Made


def test_itself_is_empty(tmp_path: Path) -> None:
    made = program(NET, wobble=1.5)
    found = compared(made, made, tmp_path)
    assert (found.delta_ns, found.verdict, found.is_beyond) == (0, "same", False)
    assert found.rows == found.modules == found.classes == []
    assert all(not one.delta_ns for one in (*found.parts, *found.rest, found.work))
    assert found.unchanged_ns == found.work.a_ns > 0


def test_a_slower_layer(tmp_path: Path) -> None:
    slow = changed(NET, "block.conv2", us=110.0)
    found = compared(program(NET), program(slow), tmp_path)
    row = only(found)
    assert (row.kind, row.delta_ns, row.changed) == ("slower", 30_000, [])
    assert row.a
    assert row.a.modules == ["block.conv2"]
    assert row.a.calls == 1
    (module,) = found.modules
    assert (module.module, module.kind, module.delta_ns) == ("block.conv2", "slower", 30_000)
    assert found.verdict == "slower"
    assert found.is_beyond


def test_within_the_margin(tmp_path: Path) -> None:
    slow = changed(NET, "stem", us=105.0)
    found = compared(program(NET), program(slow), tmp_path)
    assert (found.verdict, found.is_beyond) == ("slower", False)


def test_swapping_sides_turns_all_signs(tmp_path: Path) -> None:
    other = (*changed(NET, "stem", kernel=WINOGRAD, us=71.3), Layer(name="tail", us=9.7))
    a, b = program(NET, 3, wobble=0.7), program(other[1:], 4, wobble=1.1)
    one, two = compared(a, b, tmp_path), compared(b, a, tmp_path)
    assert one.rows
    assert turned(one) == as_they_are(two)
    assert one.delta_ns == -two.delta_ns
    assert one.interval
    assert two.interval
    assert one.interval.low_ns == pytest.approx(-two.interval.high_ns)
    assert [part.delta_ns for part in one.parts] == [-part.delta_ns for part in two.parts]


def test_another_kernel_of_the_same_class(tmp_path: Path) -> None:
    swapped = changed(NET, "stem", kernel=WINOGRAD, us=70.0)
    row = only(compared(program(NET), program(swapped), tmp_path))
    assert (row.kind, row.delta_ns, row.changed) == ("faster", -30_000, ["kernel"])
    assert row.a
    assert row.b
    assert (row.a.kernels, row.b.kernels) == ([GEMM], [WINOGRAD])


def test_another_kernel_in_the_same_time(tmp_path: Path) -> None:
    found = compared(program(NET), program(changed(NET, "stem", kernel=WINOGRAD)), tmp_path)
    row = only(found)
    assert (row.kind, row.changed) == ("same", ["kernel"])
    assert (found.verdict, found.unchanged_ns) == ("same", found.work.a_ns - row.a_ns)


def test_moved_to_another_class(tmp_path: Path) -> None:
    moved = changed(NET, "relu", kernel="void at::native::reduce_kernel<512, 1>")
    row = only(compared(program(NET), program(moved), tmp_path))
    assert row.changed == ["class", "kernel"]
    assert row.a
    assert row.b
    assert (row.a.classes, row.b.classes) == (["elementwise"], ["reduction"])


def test_a_copy_is_not_what_a_layout_transform_has_become(tmp_path: Path) -> None:
    layout = Layer(name="relu", kernel="cudnn::ops::nchwToNhwcKernel<__half>", us=20.0)
    copied = changed(NET, "relu", kernel="void at::native::direct_copy_kernel_cuda")
    a = (*NET[:1], layout, *NET[2:])
    found = compared(program(a), program(copied), tmp_path)
    assert sorted(row.kind for row in found.rows) == ["gone", "new"]


def test_another_operator(tmp_path: Path) -> None:
    other = changed(NET, "relu", op="aten::clamp_min", us=18.0)
    row = only(compared(program(NET), program(other), tmp_path))
    assert (row.kind, row.changed) == ("faster", ["operator"])


def test_moved_to_another_memory_format(tmp_path: Path) -> None:
    turned_around = changed(NET, "stem", strides=NHWC, us=80.0)
    row = only(compared(program(NET), program(turned_around), tmp_path))
    assert row.changed == ["memory format"]
    assert row.a
    assert row.b
    assert (row.a.formats, row.b.formats) == (["NCHW"], ["NHWC"])


def test_a_new_copy(tmp_path: Path) -> None:
    copy = Layer(name="", op="aten::copy_", kernel="Memcpy HtoD", us=7.5, category="gpu_memcpy")
    found = compared(program(NET), program((*NET[:2], copy, *NET[2:])), tmp_path)
    row = only(found)
    assert (row.kind, row.a, row.a_ns, row.b_ns) == ("new", None, 0, 7_500)
    assert row.b
    assert (row.b.classes, row.b.operators, row.b.modules) == (["copy"], ["aten::copy_"], [])
    (module,) = found.modules
    assert (module.module, module.outside, module.delta_ns) == ("", "data", 7_500)
    (copies,) = (part for part in found.parts if part.part == "exposed copy")
    assert copies.delta_ns == 7_500


def test_a_layer_more(tmp_path: Path) -> None:
    found = compared(program(NET), program((*NET, Layer(name="tail", us=12.0))), tmp_path)
    row = only(found)
    assert (row.kind, row.delta_ns) == ("new", 12_000)
    (module,) = found.modules
    assert (module.module, module.kind) == ("tail", "new")
    assert kinds(found) == ["modules_unpaired"]


def test_other_numbers_of_steps(tmp_path: Path) -> None:
    found = compared(program(NET, 3, wobble=1.0), program(NET, 7, wobble=1.0), tmp_path)
    assert (len(found.a.steps), len(found.b.steps)) == (3, 7)
    assert found.verdict == "unsure"
    assert found.rows
    assert all(row.noise and row.noise.is_noise for row in found.rows)


def test_means_that_are_no_whole_numbers_add_up(tmp_path: Path) -> None:
    layers = tuple(Layer(name=f"l{at}", us=10 + at / 7) for at in range(9))
    other = tuple(Layer(name=f"l{at}", us=11 + at / 11) for at in range(9))
    compared(program(layers, 7, wobble=0.013), program(other, 3, wobble=0.029), tmp_path)


def test_work_that_runs_at_the_same_time(tmp_path: Path) -> None:
    """A kernel on another stream makes the step no longer: its time is in the overlap, too."""
    a, b = program(NET, 1), program(NET, 1)
    first = next(row for row in b.rows if row["cat"] == "kernel")
    b.op("aten::sum", 20, 4)
    b.kernel("void at::native::reduce_kernel<512, 1>", first["ts"] + 1, 40, 21, stream=9)
    found = compared(a, b, tmp_path)
    (overlap,) = (row for row in found.rest if row.kind == "overlap")
    assert (found.delta_ns, overlap.delta_ns, only(found).delta_ns) == (0, -40_000, 40_000)


def test_paired_steps(tmp_path: Path) -> None:
    """Steps of unlike sizes: only pairs show a change that is in each of them."""
    a, b = program(NET, 6, wobble=30.0), program(changed(NET, "stem", us=101.0), 6, wobble=30.0)
    apart = compared(a, b, tmp_path)
    together = compared(a, b, tmp_path, is_paired=True)
    assert (apart.verdict, together.verdict) == ("unsure", "slower")
    assert only(together).noise
    assert only(apart).delta_ns == only(together).delta_ns
    with pytest.raises(Unpairable, match="a has steps 0 to 5 and b step 9"):
        compared(a, program(NET, 1, numbers=(9,)), tmp_path, is_paired=True)


def test_pairs_are_of_one_number_and_not_of_one_place(tmp_path: Path) -> None:
    """On each side another step in the middle is missing; odd ones are long."""
    a = program(NET, 6, wobble=30.0, numbers=(0, 2, 3, 4, 5, 6))
    slow = changed(NET, "stem", us=101.0)
    b = program(slow, 6, wobble=30.0, numbers=(0, 1, 2, 3, 5, 6))
    found = compared(a, b, tmp_path, is_paired=True)
    long = [0, 0, 30_000 * len(NET), 30_000 * len(NET), 0]
    for one in (found.a.steps, found.b.steps):  # 0, 2, 3, 5, 6
        assert one[1:] == [min(one[1:]) + more for more in long[1:]]
    assert (found.delta_ns, found.verdict) == (1_000, "slower")
    (fact,) = found.facts
    assert (fact.kind, fact.values) == ("steps_unpaired", {"a": 1, "b": 1})
    row = only(found)
    assert row.a
    assert row.a.calls == 1


def test_one_step_has_no_interval(tmp_path: Path) -> None:
    slow = changed(NET, "stem", us=150.0)
    found = compared(program(NET, 1), program(slow, 4), tmp_path)
    assert found.interval is None
    assert only(found).noise is None
    assert (found.verdict, found.is_beyond) == ("slower", True)
    assert "no_interval" in kinds(found)


def test_operators_on_a_cpu(tmp_path: Path) -> None:
    def made(us: float, other: str) -> Made:
        made = Made()
        for step in range(3):
            at = step * 1000.0
            made.step(step, at, 900).op("aten::mm", at + 10, us).op(other, at + 500, 50)
        return made

    found = compared(made(200, "aten::add"), made(260, "aten::sub"), tmp_path)
    assert [(row.kind, row.delta_ns, row.changed) for row in found.rows] == [
        ("slower", 60_000, []),
        ("same", 0, ["operator"]),
    ]
    assert found.parts[-1].delta_ns == -60_000
    assert found.delta_ns == 0


def test_conv_of_another_batch(tmp_path: Path) -> None:
    found = compared(program(NET), program(changed(NET, "stem", batch=32, us=300.0)), tmp_path)
    row = only(found)
    assert (row.kind, row.changed) == ("slower", ["shape"])
    assert kinds(found) == ["shapes_differ"]


def test_no_step_at_all(tmp_path: Path) -> None:
    from dataclasses import replace

    one = side_of(program(NET, 1), tmp_path)
    none = replace(one, step_ns=one.step_ns[:0])
    with pytest.raises(TraceError, match="no step with work"):
        difference(one, none, margin_percent=2)


def test_conv_is_matched_by_shape_before_anything_else(tmp_path: Path) -> None:
    """Without modules two convolutions of one operator and kernel are told apart by their sizes."""
    layers = (conv("one", 100.0), conv("two", 50.0, batch=16))
    a = program(layers, labels=False)
    found = compared(a, program(changed(layers, "two", us=40.0), labels=False), tmp_path)
    row = only(found)
    assert found.matched_by == "shapes"
    assert row.a
    assert (row.delta_ns, row.a.shapes) == (-10_000, ["64@56 → 64 3x3 n16"])
