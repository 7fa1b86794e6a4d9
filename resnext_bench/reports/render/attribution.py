"""Renders an attribution: the sides, what loading costs, and what would change it."""

from collections.abc import Iterator

from resnext_bench.reports.render.bounds import span
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.render.words import ms
from resnext_bench.reports.schema.attribution import Attribution, Prediction, SideTimes
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.interval import Estimate

_NAMES = {
    "synthetic": "training alone (synthetic)",
    "loader": "loader alone",
    "copy": "copy to the device alone",
    "real": "both: the run",
    "other_threads": "both",
    "double": "both, two batches a step",
}


def sections(found: Attribution, config: RunConfig) -> Iterator[Section]:
    """Yield an attribution: the answer, the sides, the cost and its parts, the predictions."""
    yield Line(text=answer(found, config), tone="strong", is_headline=True)
    yield _sides(found, config)
    yield _costs(found)
    sentences = (*explanations(found), *(predicted(one) for one in found.predictions))
    yield from (Line(text=sentence) for sentence in sentences)


def answer(found: Attribution, config: RunConfig) -> str:
    """Return a sentence that says whether it is the loader."""
    made, taken = (_rate(found, name, config) for name in ("loader", "synthetic"))
    rates = f"{made:,.0f} images/s, and training alone takes {taken:,.0f}"
    cost = _cost(found)
    if found.bound == "loader":
        return f"Is it the loader? Yes: it delivers {rates}; {cost}."
    if found.bound == "even":
        return f"Is it the loader? As much as training: it delivers {rates}; {cost}."
    if found.bound == "unsure":
        return (
            f"Is it the loader? Can't tell yet: it delivers {rates}, but with too much "
            f"uncertainty; {cost}. Give more --attribution-rounds."
        )
    if found.cost_ms.low > 0:
        return f"Is it the loader? In part: it is ahead ({rates}), yet {cost}."
    return f"Is it the loader? No: it is ahead ({rates}), and {cost}."


def _cost(found: Attribution) -> str:
    low, value, high = (
        100 * each / _ms(found, "synthetic")
        for each in (found.cost_ms.low, found.cost_ms.value, found.cost_ms.high)
    )
    if low > 0:
        return f"loading makes a step {value:.1f} % longer"
    if high < 0:
        return f"with it a step was {-value:.1f} % shorter, which the loader cannot have caused"
    return f"loading makes a step at most {max(high, 0.1):.1f} % longer"


def explanations(found: Attribution) -> Iterator[str]:
    """Explain why both together take longer than the longer one alone."""
    training, loader = found.side("synthetic"), found.side("loader")
    assert training
    assert loader
    wanted = _wanted_cores(training, loader)
    if wanted > 1.05 * found.rank_cores:
        yield (
            f"Contention: to keep pace with each other they need {wanted:.1f} of "
            f"{found.rank_cores} cores (alone, at full speed: training {training.cores:.1f}, "
            f"loader {loader.cores:.1f})."
        )
    if found.bound == "training":
        times = _ms(found, "synthetic") / _ms(found, "loader")
        yield f"The loader alone would feed a model up to {times:.2g} times as fast."


def _wanted_cores(training: SideTimes, loader: SideTimes) -> float:
    """Return the cores needed in a step of the longer one, of which the other idles for a part."""
    pair = (training, loader)
    longer = max(one.mean_ms.value for one in pair)
    return sum((one.cores or 0.0) * one.mean_ms.value for one in pair) / longer


def predicted(one: Prediction) -> str:
    """Say what another model or another loader would reach."""
    rate = one.images_per_s
    value = f"{rate.value:,.0f} images/s ({span(rate.low, rate.high, '{:,.0f}'.format)})"
    if one.what == "model_twice_as_fast":
        return f"A model twice as fast would {_faster(one, value)}."
    threads = f"{one.loader_threads} loader thread{'s' * (one.loader_threads != 1)}"
    return f"{threads} would reach {value}: {_gain(one.gain_percent)}."


def _faster(one: Prediction, value: str) -> str:
    if one.loader_bound:
        return f"be loader-bound at {value}"
    loses = _loss(one.loading_percent)
    if one.loader_bound is None:
        return f"train {value}{loses}; it can't be told whether it would be loader-bound"
    return f"train {value}{loses}, {'but ' if loses else ''}not loader-bound yet"


def _loss(percent: Estimate | None) -> str:
    if percent is None or percent.high >= 0:
        return ""
    return f", {-percent.value:.1f} % less than without loading"


def _gain(percent: Estimate | None) -> str:
    if percent is None or not _is_sure(percent):
        return "no detectable difference"
    return f"{abs(percent.value):.1f} % {'more' if percent.value > 0 else 'less'}"


def _sides(found: Attribution, config: RunConfig) -> Table:
    names = ("ms/step", "images/s", "cores")
    return Table(
        columns=(
            Column(name="alone and together", tone="name", may_fold=True),
            *(Column(name=name, is_number=True) for name in names),
        ),
        groups=(tuple(_side(side, config) for side in found.sides),),
        caption=_caption(found),
    )


def _side(side: SideTimes, config: RunConfig) -> tuple[str, ...]:
    images = config.global_batch_size * (2 if side.name == "double" else 1)
    rate = f"{1e3 * images / side.mean_ms.value:,.1f}"
    cores = "" if side.cores is None else f"{side.cores:.2f}"
    return _name(side), ms(side.mean_ms.value), rate, cores


def _caption(found: Attribution) -> str:
    over = f"{found.replicates} {found.replicate}s"
    of = " of one launch" if found.replicate == "round" and len(found.sides[0].step_ms) == 1 else ""
    return f"{found.confidence_percent:g} % intervals over {over}{of}; cores: busy cores per rank"


def _name(side: SideTimes) -> str:
    if side.name not in ("loader", "other_threads"):
        return _NAMES[side.name]
    return f"{_NAMES[side.name]}, {side.loader_threads} thread{'s' * (side.loader_threads != 1)}"


def _costs(found: Attribution) -> Table:
    rows = (
        ("cost of loading", found.cost_ms, "both minus training alone"),
        ("  exposed wait", found.wait_ms, "waiting until the batch is ready"),
        ("  contention", found.contention_ms, "the rest of the step takes longer"),
    )
    return Table(
        columns=(
            Column(name="of a step", tone="name", may_fold=True),
            Column(name="ms", is_number=True),
            Column(name="interval"),
            Column(name="what it is", tone="dim", may_fold=True),
        ),
        groups=(
            tuple(
                (
                    name,
                    _signed(value.value),
                    f"{_signed(value.low)} to {_signed(value.high)}",
                    meaning,
                )
                for name, value, meaning in rows
            ),
        ),
    )


def _signed(value: float) -> str:
    return f"-{ms(-value)}" if value < 0 else ms(value)


def _is_sure(value: Estimate) -> bool:
    return value.low > 0 or value.high < 0


def _ms(found: Attribution, name: str) -> float:
    side = next(side for side in found.sides if side.name == name)
    return side.mean_ms.value


def _rate(found: Attribution, name: str, config: RunConfig) -> float:
    return 1e3 * config.global_batch_size / _ms(found, name)
