"""The command `run`: from options to a record on the screen."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import ANSWERS, Pardon, conclude, say, waiting_for
from resnext_bench.cli.terminal.show import shown_when_interrupted
from resnext_bench.config.request import checked, merged, read_file
from resnext_bench.machine.doctor.look import begin_look
from resnext_bench.machine.inventory import Machine, inspect
from resnext_bench.machine.lock import wait_until_free
from resnext_bench.machine.member import Member, find_member
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.store.runs import runs_folder

if TYPE_CHECKING:
    from resnext_bench.reports.render.model import Section


def run_command(
    given: dict[str, object],
    file: Path | None,
    pardon: Pardon,
    output: Path | None,
    form: Format,
    *,
    dry_run: bool,
    wait: float | None = None,
) -> int:
    """Run, show the record, and return the exit code."""
    request = merged(checked(given, typed=False), read_file(file) if file else {})
    if dry_run:
        from resnext_bench.cli.run.dry_run import show_plan

        member, machine = _whereabouts(request)
        if member is None or member.leads:
            show_plan(request, machine, member, form)
        return 0
    if wait:
        wait_until_free(wait, say)
    return run_request(request, output, form, pardon=pardon)


def run_request(request: Request, output: Path | None, form: Format, *, pardon: Pardon) -> int:
    """Run a checked request, or take part in it as a rank that another launcher started."""
    member, machine = _whereabouts(request)
    if member and not member.leads:
        from resnext_bench.session.runs.run import take_part

        take_part(request, machine, member, runs_folder(output))
        return 0
    look = begin_look()
    # The sessions need numpy and the figures scipy: not before a run is certain.
    from resnext_bench.cli.terminal.display import RunDisplay
    from resnext_bench.session.runs.batch import after_lack, is_auto
    from resnext_bench.session.runs.run import execute

    seen = look()
    with RunDisplay(look=lambda: seen) as display:
        asked = request
        request, note = _with_batch(request, member, machine, display.preparing)

        def measured(request: Request, note: str) -> Record:
            return execute(
                request,
                machine,
                root=runs_folder(output),
                command=tuple(sys.argv[1:]),
                display=display,
                member=member,
                note=note,
            )

        with shown_when_interrupted(form):
            record = measured(request, note)
            while is_auto(asked) and (less := after_lack(request, record)):
                request, note = less
                say(note)
                record = measured(request, note)
    return conclude(record, form, pardon, _of_traces(record, runs_folder(output)))


def _of_traces(record: Record, root: Path) -> "Iterator[Section]":
    """Yield a short report on the run's traces, which are read only when it is asked for."""
    if record.profiled:
        from resnext_bench.cli.trace.report import profiled_sections

        yield from profiled_sections(record.id, root)


def _with_batch(
    request: Request, member: Member | None, machine: Machine, tell: Callable[[str, int, int], None]
) -> tuple[Request, str]:
    """Replace --batch-size auto by a number; return the request and a note of how it was found."""
    from resnext_bench.session.runs.batch import is_auto, require_number, with_largest_batch

    if not is_auto(request):
        return request, ""
    if member:
        require_number(
            request,
            f"{member.launcher} has started the ranks, so auto cannot be used; give a number",
        )
    return with_largest_batch(request, machine, tell)


def _whereabouts(request: Request) -> tuple[Member | None, Machine]:
    """Return which rank of another launcher's group this is, if any, and the machine it may use."""
    member = find_member()
    with waiting_for(ANSWERS):
        machine = inspect(str(request.get("device", "")))
    if member is None:
        return None, machine
    from resnext_bench.machine.share import own_share

    return member, own_share(machine, member)
