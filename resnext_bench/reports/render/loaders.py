"""A sweep of loaders on the terminal: rates by threads, the knees, then prefetch."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resnext_bench.reports.loaders import Knee, LoaderBench, LoaderRate
from resnext_bench.reports.render.bars import bar
from resnext_bench.reports.render.words import count_of


def print_loaders(console: Console, bench: LoaderBench) -> None:
    """Show a sweep."""
    if bench.invalid:
        more = f"; {len(bench.invalid) - 1} more below" if len(bench.invalid) > 1 else ""
        console.print(Text(f"INVALID: {bench.invalid[0]}{more}", style="bold red"))
    console.print(Text(_title(bench), style="bold"))
    console.print(_table(bench.threads, "threads", bench.knees))
    for knee in bench.knees:
        console.print(Text(_sentence(knee, bench)))
    if bench.prefetch:
        console.print(_table(bench.prefetch, "prefetch", ()))
    for line in _remarks(bench):
        console.print(line)


def _title(bench: LoaderBench) -> str:
    ranks = f"{bench.ranks} ranks, " if bench.ranks > 1 else ""
    return (
        f"Loaders alone on {bench.hardware}: {ranks}{bench.batch_size} x {bench.image_size} px, "
        f"{bench.images:,} images of {bench.mean_bytes / 1e3:,.0f} kB"
    )


def _table(rates: Sequence[LoaderRate], varied: str, knees: Sequence[Knee]) -> Table:
    best = max(rate.images_per_s.value for rate in rates)
    settings = [knee.setting for knee in knees if knee.is_inside]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("loader", style="cyan")
    for name in (varied, "images/s", "interval", "cores"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    if settings:
        table.add_column("", style="green", no_wrap=True)
    for rate in rates:
        setting, found = rate.setting, rate.images_per_s
        value = setting.loader_threads if varied == "threads" else setting.prefetch
        cells = (
            _loader(rate, varied),
            str(value),
            f"{found.value:,.0f}",
            f"{found.low:,.0f} to {found.high:,.0f}",
            f"{rate.cores:.2f}",
            bar(found.value / best, 8),
        )
        table.add_row(*cells, *(["knee" if setting in settings else ""] if settings else []))
    return table


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


def _remarks(bench: LoaderBench) -> Iterator[Text]:
    count = len(bench.threads[0].rounds)
    yield Text(
        f"{bench.confidence_percent:g} % intervals over {count} rounds; knee: the fewest threads "
        "with 95 % of the best rate; cores: busy, of a rank",
        style="dim",
    )
    for reason in bench.invalid[1:]:
        yield Text.assemble(("INVALID ", "bold red"), reason)
    for note in bench.notes:
        yield Text.assemble(("note ", "yellow"), note)
