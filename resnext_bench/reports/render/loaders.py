"""Renders a sweep of loaders: rates by threads, the knees, then prefetch."""

from collections.abc import Iterator, Sequence

from resnext_bench.reports.render.bounds import span
from resnext_bench.reports.render.model import Column, Line, Section, Table, bar
from resnext_bench.reports.schema.loaders import Knee, LoaderBench, LoaderRate, Setting
from resnext_bench.wording import count_of


def sections(bench: LoaderBench) -> Iterator[Section]:
    """Yield a sweep."""
    if bench.invalid:
        more = f"; {len(bench.invalid) - 1} more below" if len(bench.invalid) > 1 else ""
        yield Line(text=f"INVALID: {bench.invalid[0]}{more}", tone="bad", is_headline=True)
    yield Line(text=_title(bench), tone="strong", is_headline=not bench.invalid)
    yield _table(bench.threads, "threads", bench.knees)
    yield from (Line(text=_sentence(knee, bench)) for knee in bench.knees)
    if bench.prefetch:
        yield _table(bench.prefetch, "prefetch", ())
    yield from _remarks(bench)


def _title(bench: LoaderBench) -> str:
    ranks = f"{bench.ranks} ranks, " if bench.ranks > 1 else ""
    return (
        f"Loaders alone on {bench.hardware}: {ranks}{bench.batch_size} x {bench.image_size} px, "
        f"{bench.images:,} images of {bench.mean_bytes / 1e3:,.0f} kB"
    )


def _table(rates: Sequence[LoaderRate], varied: str, knees: Sequence[Knee]) -> Table:
    settings = [knee.setting for knee in knees if knee.is_inside]
    knee = [Column(name="", tone="good")] if settings else []
    numbers = (varied, "images/s", "interval", "cores")
    best = max(rate.images_per_s.value for rate in rates)
    return Table(
        columns=(
            Column(name="loader", tone="name", may_fold=True),
            *(Column(name=name, is_number=True) for name in numbers),
            Column(name=""),
            *knee,
        ),
        groups=(tuple(_row(rate, varied, best, settings) for rate in rates),),
    )


def _row(
    rate: LoaderRate, varied: str, best: float, settings: Sequence[Setting]
) -> tuple[str, ...]:
    setting, found = rate.setting, rate.images_per_s
    value = setting.loader_threads if varied == "threads" else setting.prefetch
    knee = ["knee" if setting in settings else ""] if settings else []
    return (
        _loader(rate, varied),
        str(value),
        f"{found.value:,.0f}",
        span(found.low, found.high, "{:,.0f}".format),
        f"{rate.cores:.2f}",
        bar(found.value / best, 8),
        *knee,
    )


def _loader(rate: LoaderRate, varied: str) -> str:
    setting = rate.setting
    name = f"{setting.pipeline} {setting.decode}"
    return name if varied == "threads" else f"{name} x{setting.loader_threads}"


def _sentence(knee: Knee, bench: LoaderBench) -> str:
    setting = knee.setting
    name = f"{setting.pipeline}, decode {setting.decode}"
    threads = setting.loader_threads
    if not knee.is_inside:
        cores = (
            f"; a rank has {count_of(bench.rank_cores, 'core')}, and training needs some of them"
        )
        return f"{name}: no knee up to {count_of(threads, 'thread')}{cores}."
    plural = f"thread{'s' * (threads > 1)} of a rank reach{'es' * (threads == 1)}"
    return f"{name}: {threads} {plural} {100 * knee.of_best:.0f} % of the best rate."


def _remarks(bench: LoaderBench) -> Iterator[Line]:
    count = len(bench.threads[0].rounds)
    yield Line(
        text=f"{bench.confidence_percent:g} % intervals over {count} rounds; knee: the fewest "
        "threads with 95 % of the best rate; cores: busy cores per rank",
        tone="dim",
    )
    for reason in bench.invalid[1:]:
        yield Line(label="INVALID", label_tone="bad", text=reason)
    yield from (Line(label="note", text=note) for note in bench.notes)
