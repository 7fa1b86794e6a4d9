"""The commands of `runs`: what is stored, and doing it again."""

import sys
from pathlib import Path

import msgspec

from bench.cli.run import request_of, run_request, show_record
from bench.errors import UsageError
from reports.runs import Unfinished, find, load, runs_folder, scan
from reports.schema.record import schema


def list_command(output: Path | None, as_json: bool) -> int:
    """All runs, oldest first."""
    found = list(scan(runs_folder(output)))
    if as_json:
        rows = [
            {"id": run.id, "status": "unfinished", "why": run.why}
            if isinstance(run, Unfinished)
            else run
            for run in found
        ]
        sys.stdout.buffer.write(msgspec.json.encode(rows) + b"\n")
        return 0
    from rich.console import Console  # noqa: PLC0415

    from reports.render.console import print_runs  # noqa: PLC0415

    if not found:
        print(f"no runs in {runs_folder(output).absolute()}", file=sys.stderr)
        return 0
    print_runs(Console(highlight=False), found)
    return 0


def show_command(wanted: str, output: Path | None, as_json: bool) -> int:
    """One run."""
    show_record(load(find(runs_folder(output), wanted)), as_json=as_json)
    return 0


def rerun_command(wanted: str, allow_unsure: bool, output: Path | None, as_json: bool) -> int:
    """The resolved configuration again; what this machine cannot do is said before it starts."""
    record = load(find(runs_folder(output), wanted))
    if record.kind != "run":
        raise UsageError(f"{record.id} is a {record.kind}, not a run; give the id of a run")
    request = request_of(record.resolved)
    if record.data and record.data.made:
        del request["data"]  # made again from its seed where it is not there
    return run_request(request, output, as_json=as_json, allow_unsure=allow_unsure)


def schema_command() -> int:
    """JSON Schema of the record."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n")
    return 0
