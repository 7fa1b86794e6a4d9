"""The command `run`: from options to a record on the screen."""

import sys
from pathlib import Path

import msgspec

from bench.config.request import checked, merged, read_file
from bench.machine.inventory import inspect
from reports.runs import runs_folder
from reports.schema.config import Request, RunConfig
from reports.schema.record import Record

FAILED, UNSURE = 4, 3


def run_command(
    given: dict[str, object],
    file: Path | None,
    allow_unsure: bool,
    output: Path | None,
    as_json: bool,
    *,
    dry_run: bool,
) -> int:
    """Run as asked, show the record, and return the exit code."""
    request = merged(checked(given, typed=False), read_file(file) if file else {})
    if dry_run:
        from bench.cli.dry_run import show_plan  # noqa: PLC0415

        show_plan(request, inspect(), as_json=as_json)
        return 0
    return run_request(request, output, as_json=as_json, allow_unsure=allow_unsure)


def run_request(request: Request, output: Path | None, *, as_json: bool, allow_unsure: bool) -> int:
    """Run a checked request."""
    # The sessions need numpy and the figures scipy: not before a run is certain.
    from bench.cli.display import RunDisplay  # noqa: PLC0415
    from bench.session.run import execute  # noqa: PLC0415

    with RunDisplay() as display:
        record = execute(
            request,
            inspect(),
            root=runs_folder(output),
            command=tuple(sys.argv[1:]),
            display=display,
        )
    show_record(record, as_json=as_json)
    return exit_code(record, allow_unsure=allow_unsure)


def show_record(record: Record, *, as_json: bool) -> None:
    """The record on standard output: as a table for people, or as JSON and nothing else."""
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        sys.stdout.buffer.flush()
        return
    from rich.console import Console  # noqa: PLC0415

    from reports.render.console import print_record  # noqa: PLC0415

    print_record(Console(highlight=False), record)


def exit_code(record: Record, *, allow_unsure: bool) -> int:
    """0 for a sound run, 3 for one that cannot be believed, 4 for one that failed."""
    if record.status == "failed":
        return FAILED
    unsteady = any(not session.steadiness.steady for session in record.sessions)
    unsure = record.status == "invalid" or unsteady
    return UNSURE if unsure and not allow_unsure else 0


def request_of(config: RunConfig) -> Request:
    """The request that leads to exactly this configuration on a machine like its own."""
    derived = {"classes", "launcher", "engine"}
    fields = msgspec.structs.asdict(config)
    synthetic = {"decode", "bad_files"} if config.pipeline == "synthetic" else set()
    return {
        name: value
        for name, value in fields.items()
        if value is not None and name not in derived | synthetic
    }
