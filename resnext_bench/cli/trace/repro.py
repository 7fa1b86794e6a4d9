"""`trace repro`: the calls of a trace by time, and a script that makes one of them again."""

import sys
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import say
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.watching import watched
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.trace.repro import refusal, sections, which_file
from resnext_bench.reports.render.trace.warnings import error_in_words, sentences
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.reports.store.trace_files import TraceFile, trace_files
from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.recordings import last_cycles, left_out_facts
from resnext_bench.reports.trace.repro.calls import Found, calls_of, listed
from resnext_bench.reports.trace.repro.resolve import Refused
from resnext_bench.reports.trace.repro.script import script
from resnext_bench.session.signatures import signatures

_TOP: Final = 20


def repro_command(
    wanted: str,
    operator: int | None,
    top: int | None,
    rank: int | None,
    output: Path | None,
    form: Format,
) -> int:
    """List the calls, or write the script of one."""
    if operator is None:
        if output is not None:
            raise UsageError("--output is for the script of a call: choose one by --operator N")
        analysis = _read(_one_of(wanted, rank))
        found = listed(analysis, calls_of(analysis, signatures()))
        if form == "json":
            print_json(msgspec.json.encode(found))
        else:
            show_sections(sections(found, top or _TOP), form)
        return 0
    if form != "table" or top is not None:
        raise UsageError("--json, --markdown and --top are for the list: leave out --operator")
    return _write(_chosen(calls_of(_read(_one_of(wanted, rank)), signatures()), operator), output)


def _one_of(wanted: str, rank: int | None) -> TraceFile:
    """Return the trace of the rank that was asked for, else the first, which is then said."""
    files, left = last_cycles(trace_files(wanted, None))
    for told in sentences(left_out_facts(left, Path(wanted))):
        say(told)
    if rank is None:
        if len(files) > 1:
            say(which_file(files[0].path, len(files) - 1))
        return files[0]
    for file in files:
        if file.rank == rank:
            return file
    there = ", ".join(str(one.rank) for one in files if one.rank is not None)
    raise UsageError(
        f"--rank {rank}: no trace of that rank" + (f"; there are {there}" if there else "")
    )


def _read(file: TraceFile) -> Analysis:
    with watched(file.path, 1, 1) as progress:
        try:
            return analyse(file.path, progress, file.rank, details=True)
        except TraceError as error:
            raise TraceError(error_in_words(error)) from None


def _chosen(found: list[Found], operator: int) -> Found:
    if not found:
        raise UsageError(f"--operator {operator}: no operator of this trace computes anything")
    if operator > len(found):
        raise UsageError(f"--operator {operator}: the trace has 1 to {len(found)}")
    return found[operator - 1]


def _write(one: Found, output: Path | None) -> int:
    if isinstance(one.call, Refused):
        raise UsageError(refusal(one.row))
    text = script(one.call, one.told)
    if output is None:
        sys.stdout.write(text)
        return 0
    write_atomically(output, text.encode())
    say(f"{output}: run it with python {output}")
    return 0
