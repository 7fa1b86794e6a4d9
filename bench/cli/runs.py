"""The commands of `runs`: what is stored, and doing it again."""

import sys
from pathlib import Path

import msgspec

from bench.cli.run import run_request
from bench.cli.show import show_stored
from bench.config.resolve import request_of
from reports.runs import Unfinished, find, load, load_run, runs_folder, scan
from reports.schema.upgrade import schema


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
    from rich.console import Console

    from reports.render.console import print_runs

    if not found:
        print(f"no runs in {runs_folder(output).absolute()}", file=sys.stderr)
        return 0
    print_runs(Console(highlight=False), found)
    return 0


def show_command(wanted: str, output: Path | None, as_json: bool) -> int:
    """One run."""
    show_stored(load(find(runs_folder(output), wanted)), as_json=as_json)
    return 0


def rerun_command(wanted: str, allow_unsure: bool, output: Path | None, as_json: bool) -> int:
    """The resolved configuration again; what this machine cannot do is said before it starts."""
    record = load_run(find(runs_folder(output), wanted))
    request = request_of(record.resolved)
    if record.data and record.data.made:
        del request["data"]  # made again from its seed where it is not there
    return run_request(request, output, as_json=as_json, allow_unsure=allow_unsure)


def schema_command() -> int:
    """JSON Schema of the record."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n")
    return 0
