"""What differs between two records of convolutions."""

from resnext_bench.reports.render.convs_diff import diff_sections
from resnext_bench.reports.schema.convs import Convs, ConvsDiff, Plan
from resnext_bench.reports.store.conv_differences import diff
from tests.reports.drawn import drawn
from tests.reports.made_convs import made_convolution, made_convs, made_plans, made_problem


def record(*plans: Plan, **changes: object) -> Convs:
    convolutions = (made_convolution(),)
    problems = (made_problem(plans=plans or made_plans()),)
    return made_convs(convolutions=convolutions, problems=problems, **changes)


def told(found: ConvsDiff) -> str:
    return " ".join(" ".join(drawn(diff_sections(found), 80)).split())


def test_equal_records_have_no_changes() -> None:
    found = diff(made_convs(), made_convs(convolutions=made_convs().convolutions))
    assert (found.changes, found.settings, found.only) == ((), (), (0, 0))


def test_another_first_choice_is_a_change() -> None:
    first, second, *others = made_plans()
    (change,) = diff(record(), record(second, first, *others)).changes
    assert change.first == ("eng22_k2=5", "eng67_k2=2")
    assert change.workspace == (first.workspace, second.workspace)
    assert (change.gone, change.new, change.reordered) == ((), (), True)


def test_engines_that_came_and_went_are_named() -> None:
    first, *others = made_plans()
    new = Plan(tag="eng99_k1=0", workspace=0)
    (change,) = diff(record(first, *others), record(first, new)).changes
    assert (change.gone, change.new) == ((0, 5, 67), (99,))
    assert not change.reordered


def test_a_workspace_that_grew_is_a_change() -> None:
    (change,) = diff(record(), record(*made_plans(workspace=2**30))).changes
    assert change.first == ("eng22_k2=5", "eng22_k2=5")
    assert change.workspace == (411_051_024, 2**30)


def test_other_shapes_are_other_problems() -> None:
    other = made_convs(convolutions=(made_convolution(dtype="fp16"),), problems=(made_problem(),))
    found = diff(record(), other)
    assert (found.problems, found.only) == (0, (1, 1))
    assert "no problem in common" in told(found)


def test_versions_that_differ_are_shown() -> None:
    found = diff(record(), record(libraries={"cudnn": "9.28.0", "cudnn-frontend": "1.28.0"}))
    assert found.settings == (("cudnn", "9.26.0", "9.28.0"),)
    out = told(found)
    assert "another engine in 0 of 1 problem; plans differ in 0" in out
    assert "cudnn 9.26.0 9.28.0" in out


def test_changes_are_rows() -> None:
    first, second, *others = made_plans()
    out = told(diff(record(), record(second, first, *others)))
    assert "layer1.0.conv2 forward eng22 → eng67 392.0 MiB → 784.0 MiB another order" in out
