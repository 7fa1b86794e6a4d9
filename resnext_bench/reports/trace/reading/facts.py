"""What is to be doubted of a file that was read, and why one is no trace."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import Broken
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.trace.reading.pieces import Account
from resnext_bench.reports.trace.reading.source import Source


def no_trace(source: Source, account: Account) -> tuple[Broken, str]:
    """Return why a file in which no rows were found is no trace, as a kind and in words."""
    if source.damage:
        return "damaged", "nothing of it can be read"
    if not source.size:
        return "empty", "the file is empty (0 bytes)"
    if account.instead:
        return "packed", f"not a trace but {account.instead}"
    told = (
        f'not a trace: its {account.size:,} bytes hold no "traceEvents" array, which PyTorch\'s '
        "profiler writes (export_chrome_trace)"
    )
    return "other" if account.other else "no trace", told


def facts(account: Account, source: Source, odd: Mapping[str, int]) -> Iterator[Note]:
    """Yield what of a trace was not read, or odd; `odd`: numbers of rows by what is odd in them."""
    whole = account.closed and not account.broken_end
    if source.damage and source.members and whole:
        yield warning("bytes_after_gzip")
    elif source.damage:
        values = source.damage.values | {"covered": True}
        yield replace(source.damage, values=values)
    elif not account.closed:
        yield warning("events_cut", byte=account.size)
    if source.ignored:
        yield warning("bytes_ignored", count=source.ignored)
    if account.broken_end:
        yield warning("end_unreadable")
    if account.unread:
        yield warning("rows_unreadable", rows=account.unread, byte=account.first_unread)
    for of, count in odd.items():
        if count:
            yield warning("rows_odd", of=of, rows=count)
