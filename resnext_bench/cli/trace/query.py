"""`trace query`: questions to a trace in SQL, and its tables as files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from resnext_bench.cli.terminal.outcome import say
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.trace.many.reading import is_other, refused
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.trace.warnings import error_in_words, sentences
from resnext_bench.reports.store.trace_files import TraceFile, find_traces
from resnext_bench.reports.store.unpacked import Unpacked, in_order
from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.recordings import last_cycles, left_out_facts
from resnext_bench.reports.trace.sql import ask, export


def query_command(
    wanted: str,
    sql: str | None,
    form: str | None,
    to: str,
    output: Path | None,
    *,
    as_json: bool,
    keep_going: bool = False,
) -> int:
    """Answer the question, or export the tables; 1 where a broken file was left out."""
    if sql is not None and sql.strip() and form is not None:
        raise UsageError("trace query: give a question or --export, not both")
    if (sql is None or not sql.strip()) == (form is None):
        raise UsageError(
            'trace query: give a question, as in "SELECT * FROM steps", or --export parquet|csv'
        )
    broken: list[str] = []
    traces = _analyses(wanted, output, broken if keep_going else None)
    if form is not None:
        written = [str(path) for path in export(traces, Path(to), form)]
        print_json(msgspec.json.encode(written)) if as_json else print("\n".join(written))
        return int(bool(broken))
    answer = ask(traces, sql or "")
    if as_json:
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        print_json(msgspec.json.encode(rows, enc_hook=str))
        return int(bool(broken))
    from resnext_bench.cli.terminal.screen import screen
    from resnext_bench.reports.render.runs import print_answer

    print_answer(screen(), answer.columns, answer.rows)
    return int(bool(broken))


def _analyses(wanted: str, output: Path | None, broken: list[str] | None) -> Iterator[Analysis]:
    """Analyse one trace after another, so that only one is in memory at a time.

    Of each process the last cycle, as in `trace report`; what is left out is said. Broken files are
    left out and named in `broken`; without it the first of them ends the command.
    """
    traces = find_traces(wanted, output)
    for error in traces.broken:
        _give_up(error, broken, several=True)
    files, left = last_cycles(traces.files)
    for told in sentences(left_out_facts(left, Path(wanted))):
        say(told)
    return _analysed(files, broken)


def _analysed(files: Sequence[TraceFile], broken: list[str] | None) -> Iterator[Analysis]:
    count = 0
    with Unpacked() as unpacked:
        for number in in_order([one.path for one in files]):
            file = files[number]
            at = unpacked.place(file.path)
            try:
                analysis = analyse(file.path, rank=file.rank, details=True, at=at)
            except TraceError as error:
                if is_other(file, error) and len(files) > 1:
                    say(f"left out: {error}")
                else:
                    _give_up(error, broken, several=len(files) > 1)
                continue
            finally:
                if at is not None:
                    at.unlink(missing_ok=True)
            count += 1
            yield analysis
            del analysis
    if not count:
        raise TraceError("; ".join(broken or []) or "no trace could be read")


def _give_up(error: TraceError, broken: list[str] | None, *, several: bool) -> None:
    """Leave a file out, and say so; raise where that is not wanted."""
    if broken is None:
        raise refused(error, several=several) from None
    broken.append(error_in_words(error))
    say(f"left out: {error_in_words(error)}")
