"""`trace query`: questions to a trace in SQL, and its tables as files."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from resnext_bench.cli.terminal.outcome import say
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.trace.warnings import error_in_words, sentences
from resnext_bench.reports.store.trace_files import TraceFile, trace_files
from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.recordings import last_cycles, left_out_facts
from resnext_bench.reports.trace.sql import ask, export


def query_command(
    wanted: str, sql: str | None, form: str | None, to: str, output: Path | None, *, as_json: bool
) -> int:
    """Answer the question, or export the tables."""
    if sql is not None and sql.strip() and form is not None:
        raise UsageError("trace query: give a question or --export, not both")
    if (sql is None or not sql.strip()) == (form is None):
        raise UsageError(
            'trace query: give a question, as in "SELECT * FROM steps", or --export parquet|csv'
        )
    traces = _analyses(wanted, output)
    if form is not None:
        written = [str(path) for path in export(traces, Path(to), form)]
        print_json(msgspec.json.encode(written)) if as_json else print("\n".join(written))
        return 0
    answer = ask(traces, sql or "")
    if as_json:
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        print_json(msgspec.json.encode(rows, enc_hook=str))
        return 0
    from resnext_bench.cli.terminal.screen import screen
    from resnext_bench.reports.render.runs import print_answer

    print_answer(screen(), answer.columns, answer.rows)
    return 0


def _analyses(wanted: str, output: Path | None) -> Iterator[Analysis]:
    """Analyse one trace after another, so that only one is in memory at a time.

    Of each process the last cycle, as in `trace report`; what is left out is said.
    """
    files, left = last_cycles(trace_files(wanted, output))
    for told in sentences(left_out_facts(left, Path(wanted))):
        say(told)
    return map(_analysed, files)


def _analysed(file: TraceFile) -> Analysis:
    try:
        return analyse(file.path, rank=file.rank, details=True)
    except TraceError as error:
        raise TraceError(error_in_words(error)) from None
