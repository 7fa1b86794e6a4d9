"""Renders data sets: what was made, what a check found, what was packed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resnext_bench.data_formats import SHARDS, file_of
from resnext_bench.reports.schema.datasets import (
    Bad,
    Checked,
    Made,
    PackedSet,
    Pass,
    Spread,
    Storage,
)
from resnext_bench.wording import count_of

NAMED: Final = 5


def print_made(console: Console, made: Made) -> None:
    """Print what was made in a line or two."""
    source = "painted" if made.photos is None else f"cut from {count_of(made.photos, 'photograph')}"
    done = "complete already" if made.already_there else f"in {made.seconds:.1f} s"
    console.print(
        Text.assemble(
            (f"{made.images:,} JPEGs", "bold green"),
            f" in {count_of(made.classes, 'class')}, {source} from seed {made.seed}, "
            f"{size(made.bytes)}; {done}",
        )
    )
    for line in (*_notes(made.notes), *_left_out(made.left_out), *_loose(made.loose)):
        console.print(line)
    console.print(Text(f"resnext-bench run --data {made.folder}", style="cyan"), soft_wrap=True)


def print_packed(console: Console, packed: PackedSet) -> None:
    """Print the shards in short, and what a reader has to know."""
    largest = max(packed.shards, key=lambda shard: shard.bytes)
    table = _table()
    table.add_row(
        "packed",
        f"{count_of(packed.images, 'image')} of {count_of(packed.classes, 'class')} in "
        f"{packed.seconds:.1f} s",
    )
    table.add_row("format", _format(packed))
    first, last = packed.shards[0].name, packed.shards[-1].name
    names = first if first == last else f"{first} to {last}"
    table.add_row("shards", f"{len(packed.shards)}: {names}")
    table.add_row("size", f"{size(packed.bytes)}, the largest shard {size(largest.bytes)}")
    table.add_row("order", f"shuffled with seed {packed.seed}")
    table.add_row("next to them", "an index for DALI for each shard (.idx), dataset.json")
    console.print(table)
    for line in (*_notes(packed.notes), *_left_out(packed.left_out)):
        console.print(line)


def _format(packed: PackedSet) -> str:
    extensions = ", ".join(f".{name}" for name in packed.extensions)
    return SHARDS[packed.format].holds.format(extensions=extensions)


def print_checked(console: Console, found: Checked) -> None:
    """Print figures first, then what is bad."""
    table = _table()
    for name, value in _rows(found):
        table.add_row(name, value)
    console.print(table)
    for line in _bad_lines(found.bad):
        console.print(line)
    console.print(_verdict(found))


def _rows(found: Checked) -> Iterator[tuple[str, str]]:
    known = found.known_before
    yield (
        "good samples" if found.shards else "good files",
        f"{found.good:,} ({size(found.total_bytes)})"
        + (f"; {known:,} of all known from before" if known else ""),
    )
    if found.notes and not found.shards:
        yield "read", "; ".join(found.notes)
    if found.shards:
        counted = count_of(found.shards, file_of(found.format))
        yield "shards", "; ".join([counted, *found.notes])
    if found.kinds:
        yield "formats", ", ".join(f"{count:,} {kind}" for kind, count in found.kinds.items())
    if found.misnamed:
        named = ", ".join(f"{count:,} {kind}" for kind, count in found.misnamed.items())
        yield "misnamed", f"{named} (files are read by content, so this does no harm)"
    if found.skipped:
        kinds = list(found.skipped.items())
        shown = ", ".join(
            f"{count:,} {name or 'without extension'}" for name, count in kinds[:NAMED]
        )
        yield "no images", f"{shown}{', …' * (len(kinds) > NAMED)} (by extension, ignored)"
    if found.loose:
        beside = "shards" if found.shards else "class folders"
        yield "loose", f"{found.loose:,} next to the {beside}, in no class (ignored)"
    yield from _size_rows(found)
    yield "classes", _balance(found)
    if found.storage:
        yield from _storage_rows(found.storage, in_shards=bool(found.shards))


def _size_rows(found: Checked) -> Iterator[tuple[str, str]]:
    if not (found.width and found.height and found.megapixels and found.file_bytes):
        return
    width, height = found.width, found.height
    pairs = {
        "median": (width.median, height.median),
        "p5": (width.p5, height.p5),
        "p95": (width.p95, height.p95),
    }
    yield "pixels", "   ".join(f"{name} {w:.0f} x {h:.0f}" for name, (w, h) in pairs.items())
    yield "megapixels", _spread(found.megapixels, lambda value: f"{value:.3g}")
    yield "file size", _spread(found.file_bytes, size)


def _spread(spread: Spread, told: Callable[[float], str]) -> str:
    return (
        f"median {told(spread.median)}   p5 {told(spread.p5)}   p95 {told(spread.p95)}"
        f"   mean {told(spread.mean)}"
    )


def _balance(found: Checked) -> str:
    balance = found.balance
    if balance.smallest.images == balance.largest.images:
        return f"{balance.classes:,} of {count_of(balance.largest.images, 'good image')} each"
    parts = (
        ("smallest", balance.smallest),
        ("median", balance.median),
        ("largest", balance.largest),
    )
    named = "\n".join(f"{word} {one.images:,} ({one.name})" for word, one in parts)
    return f"{balance.classes:,}, of good images:\n{named}"


def _storage_rows(storage: Storage, *, in_shards: bool) -> Iterator[tuple[str, str]]:
    yield "cold", _pass(storage.cold, cold=True)
    yield "warm", _pass(storage.warm, cold=False)
    threads = count_of(storage.threads, "thread")
    what = "piece" if in_shards else "file"
    where = "at random of the shards" if in_shards else "at random"
    yield "", f"{count_of(storage.files, what)} {where}, {size(storage.bytes)}, by {threads}"


def _pass(one: Pass, *, cold: bool) -> str:
    if one.bytes_per_s is None or one.images_per_s is None:
        stay = "pages stay in the cache" if cold else "pages do not stay in the cache"
        return f"cannot be measured here ({stay}: {one.resident_percent:.0f} %)"
    return f"{one.bytes_per_s / 1e6:,.0f} MB/s, enough for {one.images_per_s:,.0f} images/s"


def _bad_lines(bad: Sequence[Bad]) -> Iterator[Text]:
    """Yield a line for each kind, and some of its files."""
    kinds: dict[str, list[Bad]] = defaultdict(list)
    for file in bad:
        kinds[file.why].append(file)
    for why, files in sorted(kinds.items(), key=lambda one: -len(one[1])):
        yield Text.assemble((f"{len(files):,} {why}", "bold red"))
        for file in files[:NAMED]:
            seems = f" ({file.seems})" if file.seems else ""
            yield Text(f"  {file.path}{seems}")
        if len(files) > NAMED:
            yield Text(f"  … {len(files) - NAMED:,} more (--json names all)", style="dim")


def _verdict(found: Checked) -> Text:
    if not found.bad:
        return Text("All good", style="bold green")
    total = found.good + len(found.bad)
    stopping = found.decoded_now + found.known_before - found.good  # loaders see no others
    passed = len(found.bad) - stopping
    told = []
    if stopping:
        told.append(f"stops because of {stopping:,}, or leaves them out with --bad-files skip")
    if passed:
        told.append(f"ignores {passed:,} that are not regular files")
    return Text.assemble(
        (f"{len(found.bad):,} of {total:,} bad", "bold red"), f"; run {'; it '.join(told)}"
    )


def _notes(notes: Sequence[str]) -> Iterator[Text]:
    for note in notes:
        yield Text.assemble(("note ", "yellow"), note)


def _left_out(bad: Sequence[Bad]) -> Iterator[Text]:
    if bad:
        does = "does" if len(bad) == 1 else "do"
        what = f"{count_of(len(bad), 'file')} that {does} not decode"
        yield Text.assemble(("left out ", "yellow"), what)
        yield from _bad_lines(bad)


def _loose(count: int) -> Iterator[Text]:
    if count:
        text = f"{count_of(count, 'photograph')} next to the class folders"
        yield Text.assemble(("left out ", "yellow"), text)


def size(value: float) -> str:
    """Return bytes in words, by powers of ten as storage is sold."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= one:
            return (
                f"{value / one:.3g} {unit}" if value < 999.5 * one else f"{value / one:,.0f} {unit}"
            )
    return f"{value:.0f} B"


def _table() -> Table:
    table = Table(box=box.ROUNDED, show_header=False, padding=(0, 1))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    return table
