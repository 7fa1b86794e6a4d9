"""Is it the loader? One answer for each case, with the figures that it rests on."""

import msgspec
import pytest

from resnext_bench.reports.render.attribution import sections as attribution_sections
from resnext_bench.reports.render.model import Line, Section, Table, rows_of
from resnext_bench.reports.render.run import sections
from resnext_bench.reports.schema.attribution import Attribution, Prediction, SideTimes
from resnext_bench.reports.schema.interval import Estimate
from tests.reports.drawn import drawn
from tests.reports.made_results import made_config, made_record


def estimate(value: float, half: float = 1.0) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def times(name: str, ms: float, threads: int = 0, cores: float | None = 1.0) -> SideTimes:
    return SideTimes(
        name=name,  # type: ignore[arg-type]
        loader_threads=threads,
        step_ms=((ms, ms),),
        wait_ms=((0.1, 0.1),),
        cores=cores,
        mean_ms=estimate(ms),
    )


def made(**changes: object) -> Attribution:
    """Steps of 16 images: 200 images/s alone, a loader of 160, together 128."""
    found = Attribution(
        confidence_percent=99.0,
        replicate="round",
        replicates=2,
        block_steps=(10, 10, 10, 10),
        sides=(
            times("synthetic", 80.0, cores=1.9),
            times("loader", 100.0, 1),
            times("real", 125.0, 1, 1.8),
            times("double", 220.0, 1, None),
            times("other_threads", 106.0, 2, None),
        ),
        rank_cores=2,
        cost_ms=estimate(45.0),
        wait_ms=estimate(25.0),
        contention_ms=estimate(20.0),
        bound="loader",
        predictions=(
            Prediction(
                what="model_twice_as_fast",
                loader_threads=1,
                images_per_s=estimate(145.0, 5),
                loader_bound=True,
            ),
            Prediction(
                what="loader_threads",
                loader_threads=2,
                images_per_s=estimate(150.0, 5),
                gain_percent=estimate(17.0, 4),
            ),
        ),
    )
    return msgspec.structs.replace(found, **changes)


def shown(found: Attribution, width: int = 80) -> str:
    record = made_record(resolved=made_config(attribution_rounds=2), attribution=found)
    return " ".join(" ".join(drawn(sections(record), width)).split())


def test_an_attribution_is_told_with_all_its_figures() -> None:
    answer, together, step, *lines = attribution_of(made())
    assert isinstance(answer, Line)
    assert answer.text == (
        "Is it the loader? Yes: it delivers 160 images/s, and training alone takes 200;"
        " loading makes a step 56.2 % longer."
    )
    assert isinstance(together, Table)
    assert rows_of(together) == [
        ("training alone (synthetic)", "80.0", "200.0", "1.90"),
        ("loader alone, 1 thread", "100", "160.0", "1.00"),
        ("both: the run", "125", "128.0", "1.80"),
        ("both, two batches a step", "220", "145.5", ""),
        ("both, 2 threads", "106", "150.9", ""),
    ]
    assert together.caption.startswith("99 % intervals over 2 rounds of one launch; ")
    assert isinstance(step, Table)
    assert [row[:3] for row in rows_of(step)] == [
        ("cost of loading", "45.0", "44.0 to 46.0"),
        ("  exposed wait", "25.0", "24.0 to 26.0"),
        ("  contention", "20.0", "19.0 to 21.0"),
    ]
    assert [line.text for line in lines if isinstance(line, Line)] == [
        (
            "Contention: to keep pace with each other they need 2.5 of 2 cores"
            " (alone, at full speed: training 1.9, loader 1.0)."
        ),
        "A model twice as fast would be loader-bound at 145 images/s (140 to 150).",
        "2 loader threads would reach 150 images/s (145 to 155): 17.0 % more.",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_and_rows_are_whole_at_any_width(width: int) -> None:
    text = shown(made(), width)
    for section in attribution_of(made()):
        if isinstance(section, Line):
            assert section.text in text
        elif isinstance(section, Table) and section.columns[-1].is_number:
            for row in rows_of(section):
                assert " ".join(filter(None, row)) in text


def attribution_of(found: Attribution) -> list[Section]:
    return list(attribution_sections(found, made_config(attribution_rounds=2)))


def ahead(cost: Estimate) -> Attribution:
    sides = (times("synthetic", 80.0), times("loader", 20.0, 4), times("real", 84.0, 4))
    return made(bound="training", sides=sides, cost_ms=cost, predictions=())


def test_a_loader_that_is_ahead_and_costs_something() -> None:
    text = shown(ahead(estimate(4.0)))
    assert "In part: it is ahead (800 images/s, and training alone takes 200)" in text
    assert "yet loading makes a step 5.0 % longer" in text
    assert "The loader alone would feed a model up to 4 times as fast." in text
    assert "Contention:" not in text, "at rest for most of a step"


def test_a_loader_that_costs_nothing_that_can_be_told() -> None:
    text = shown(ahead(estimate(0.2)))
    assert "No: it is ahead" in text
    assert "loading makes a step at most 1.5 % longer" in text
    assert "cost of loading 0.20 -0.80 to 1.20" in text


def test_as_fast_as_training() -> None:
    assert "As much as training" in shown(made(bound="even"))


def test_what_cannot_be_told_is_not_told() -> None:
    text = shown(made(bound="unsure", cost_ms=estimate(4.0, 40.0)))
    assert "Is it the loader? Can't tell yet: it delivers 160 images/s" in text
    assert "at most 55.0 % longer. Give more --attribution-rounds." in text


def test_a_loader_makes_no_step_shorter() -> None:
    text = shown(ahead(estimate(-4.0)))
    assert "No: it is ahead" in text
    assert "with it a step was 5.0 % shorter, which the loader cannot have caused" in text


def test_a_model_that_is_slow_still() -> None:
    (first, _) = made().predictions
    slow = msgspec.structs.replace(first, loader_bound=False)
    assert "would train 145 images/s (140 to 150), not loader-bound yet" in shown(
        made(predictions=(slow,))
    )
    hindered = msgspec.structs.replace(slow, loading_percent=estimate(-40.0))
    assert "(140 to 150), 40.0 % less than without loading, but not loader-bound yet." in shown(
        made(predictions=(hindered,))
    )
    unsure = msgspec.structs.replace(first, loader_bound=None)
    assert "(140 to 150); it can't be told whether it would be loader-bound." in shown(
        made(predictions=(unsure,))
    )


def test_sessions_are_named() -> None:
    assert "over 3 sessions; cores" in shown(made(replicate="session", replicates=3))
