"""What is said of convolutions, at 80 columns and as Markdown."""

from msgspec.structs import replace

from resnext_bench.reports.render.convs import mib, sections, shape_words
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.schema.convs import Convs, PlannedDevice
from tests.reports.drawn import drawn
from tests.reports.made_convs import made_convolution, made_convs, made_plans, made_problem


def told(record: Convs) -> str:
    return " ".join(" ".join(drawn(sections(record), 80)).split())


def test_the_headline_says_what_the_limit_hides() -> None:
    assert "for 6 problems; its limit of 2 hides plans in all 6 problems" in told(made_convs())
    problems = (made_problem(plans=made_plans()[:2]), made_problem())
    assert "hides plans in 1 of 2 problems" in told(made_convs(problems=problems))
    settings = made_convs().settings

    everything = made_convs(settings=replace(settings, benchmark_limit=0))
    assert "hides" not in told(everything)
    assert "it times all of them, once each, and takes the fastest." in told(everything)


def test_a_problem_without_plans_has_no_table_and_is_not_counted() -> None:
    none = made_problem(plans=(), why="no engine for this")
    out = told(made_convs(problems=(made_problem(), none)))
    assert "PyTorch's first choice for 1 of 2 problems;" in out
    assert out.count("knobs workspace PyTorch") == 1
    assert "no plan for the forward of layer1.0.conv2: no engine for this" in out


def test_only_candidates_are_counted() -> None:
    assert "layer1.0.conv2 x2 forward eng22 392.0 MiB 3" in told(made_convs())


def test_workspaces_are_those_of_first_choices_and_of_timing() -> None:
    out = told(made_convs())
    assert "Largest workspace: 392.0 MiB in first choices, 784.0 MiB while plans are timed" in out
    assert "(eng67, " in out


def test_sizes_that_look_the_same_are_told_once() -> None:
    """Two workspaces differ by 16 bytes: both are 392.0 MiB."""
    some = tuple(made_problem(plans=made_plans(transposes=411_051_024 + more)) for more in (0, 16))
    out = told(made_convs(problems=some))
    assert "needs 392.0 MiB more than" in out
    assert "392.0 MiB to" not in out
    assert "1 rule for this device" in out


def test_transposes_are_told_with_their_size() -> None:
    assert "Hidden transposes" not in told(made_convs())
    copied = made_problem(plans=made_plans(transposes=411_051_024))
    out = told(made_convs(problems=(copied, made_problem())))
    assert "Hidden transposes in 1 of 2 problems: in NCHW the first choice needs 392.0 MiB" in out


def test_a_first_choice_without_tensor_cores_is_a_warning() -> None:
    plain = made_problem(plans=made_plans(notes=()))
    out = told(made_convs(problems=(plain, *[made_problem()] * 3)))
    assert "The first choice uses no tensor cores in 1 of 4 problems." in out
    assert "no tensor cores" not in told(made_convs())


def test_a_first_choice_that_is_not_deterministic_is_a_warning() -> None:
    plain = made_problem(plans=made_plans(notes=("tensor_core", "nondeterministic")))
    out = told(made_convs(problems=(plain, plain, *[made_problem()] * 2)))
    assert "The first choice is not deterministic in 2 of 4 problems." in out
    assert "not deterministic in" not in told(made_convs())


def test_a_layer_alone_is_shown_in_full() -> None:
    out = told(made_convs(problems=made_convs().problems[:1]))
    assert "3 eng5 – cannot be built" in out
    assert "4 eng0 none never timed not deterministic, fallback" in out


def test_a_problem_without_plans_says_why() -> None:
    problems = (*made_convs().problems, made_problem(plans=(), why="no engine"))
    assert "no plan for the forward of layer1.0.conv2: no engine" in told(
        made_convs(problems=problems)
    )


def test_a_failure_is_its_reason() -> None:
    record = made_convs(status="failed", why="cuDNN has no plan: no engine", problems=())
    assert told(record).startswith("cuDNN has no plan: no engine")


def test_what_was_assumed_of_the_device_is_told() -> None:
    assert "none of its assumed fields is known to change plans" in told(made_convs())
    fields: dict[str, int | str | list[int]] = {"deviceName": "x"}
    given = PlannedDevice(name="x", source="mine.json", fields=fields)
    assert "assumed" not in told(made_convs(device=given))
    unsure = PlannedDevice(name="x", source="b", fields=fields, assumed=("a", "b"), decisive=("a",))
    assert "of its assumed fields a can change plans" in told(made_convs(device=unsure))


def test_shapes_in_words() -> None:
    assert shape_words(made_convolution()) == "128@56, 32 groups"
    wide = made_convolution(images=(1, 64, 8, 16), groups=1, kernel=(1, 1), stride=(2, 2))
    assert shape_words(wide) == "64@8x16/2, 1x1"
    apart = made_convolution(stride=(2, 1), dilation=(2, 2))
    assert shape_words(apart) == "128@56/2x1, dilation 2, 32 groups"


def test_sizes_in_words() -> None:
    assert [mib(size) for size in (None, 0, 131, 2**20, 2**30)] == [
        *("–", "none", "none", "1.0 MiB", "1,024.0 MiB"),
    ]


def test_it_is_markdown_as_well() -> None:
    assert "| layer1.0.conv2 x2 | forward | eng22 |" in markdown(sections(made_convs()))
