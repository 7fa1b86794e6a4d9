"""`doctor --aa`: the noise floor of this machine on the screen."""

import sys
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.cli.compare.sides import side_request
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.errors import NotKept
from resnext_bench.machine.inventory import inspect
from resnext_bench.machine.member import require_alone
from resnext_bench.reports.schema.comparison import Comparison, Limits
from resnext_bench.reports.store.runs import runs_folder
from resnext_bench.session.turns.blocks import FEWEST_PAIRS

UNKNOWN: Final = 3
"""Exit code where too few sessions count."""


def floor_command(
    both: str, sessions: int, output: Path | None, form: Format, *, allow_unsure: bool
) -> int:
    """Compare a configuration with itself and say how small a change can be detected."""
    require_alone("doctor --aa")
    request = side_request(both, "--both")
    from resnext_bench.cli.compare.display import CompareDisplay
    from resnext_bench.machine.doctor.look import look_while_held
    from resnext_bench.session.compare.floor import measure_floor

    limits = Limits(
        margin_percent=2,
        max_sessions=sessions,
        max_minutes=24 * 60,
        pairs=FEWEST_PAIRS,
        more_pairs=True,
        block_steps=0,
        fixed=True,
    )
    try:
        with CompareDisplay(look=look_while_held) as display:
            duet, relaunch = measure_floor(
                request,
                inspect(),
                given=both,
                sessions=sessions,
                limits=limits,
                root=runs_folder(output),
                command=tuple(sys.argv[1:]),
                display=display,
            )
    except NotKept as lost:
        if isinstance(lost.record, tuple):
            duet, relaunch = lost.record
            _show(duet, relaunch, form, allow_unsure=allow_unsure)
        raise
    return _show(duet, relaunch, form, allow_unsure=allow_unsure)


def _show(duet: Comparison, relaunch: Comparison, form: Format, *, allow_unsure: bool) -> int:
    from resnext_bench.reports.render.notes import sentence
    from resnext_bench.reports.verdicts.floor import TooFew, floor_of

    try:
        floor = floor_of(duet, relaunch, sentence)
    except TooFew as few:
        print(f"the noise floor is not known: {few}", file=sys.stderr)
        print("resnext-bench doctor shows what disturbs measurements", file=sys.stderr)
        return 0 if allow_unsure else UNKNOWN
    if form == "json":
        print_json(msgspec.json.format(msgspec.json.encode(floor), indent=2))
        return 0
    from resnext_bench.reports.render.floor import floor_sections

    show_sections(floor_sections(floor), form)
    return 0
