"""A/A: compares one configuration with itself, as a duet and relaunched, in turn."""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from resnext_bench.errors import NotKept, RunFailed
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.lock import measuring
from resnext_bench.reports.schema.comparison import Comparison, Design, Limits
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.store import runs
from resnext_bench.session.compare.configured import Configured
from resnext_bench.session.compare.contest import Contest
from resnext_bench.session.compare.opening import Display
from resnext_bench.session.recording import Recording
from resnext_bench.session.setup import set_up
from resnext_bench.whole import whole_folder

_DESIGNS: Final[tuple[Design, ...]] = ("duet", "relaunch")


def measure_floor(
    request: Request,
    machine: Machine,
    *,
    given: str,
    sessions: int,
    limits: Limits,
    root: Path,
    command: tuple[str, ...],
    display: Display,
) -> tuple[Comparison, Comparison]:
    """Take `sessions` of each design, in turn, so that the machine's drift affects both alike."""
    with measuring("doctor --aa"):
        return _measured(request, given, machine, sessions, limits, root, command, display)


def _measured(
    request: Request,
    given: str,
    machine: Machine,
    sessions: int,
    limits: Limits,
    root: Path,
    command: tuple[str, ...],
    display: Display,
) -> tuple[Comparison, Comparison]:
    with ExitStack() as begun:  # of what never started nothing may be left, nor be "last"
        contests: list[Contest] = []
        for design in _DESIGNS:
            folder = begun.enter_context(whole_folder(runs.create(root, f"aa-{design}")))
            source = _source(design, request, given, machine, limits, folder, command, display)
            contests.append(
                Contest(
                    source=source, limits=limits, folder=folder, command=command, display=display
                )
            )
    display.compared(contests[0].source.sides(), (), limits)
    lost: NotKept | None = None
    try:
        with suppress(SessionFailed), ExitStack() as stack:
            for contest in contests:
                stack.enter_context(contest.recorded())
            for _ in range(sessions):
                for contest in contests:
                    contest.advance()
    except NotKept as unkept:
        lost = unkept
    duet, relaunch = (contest.record for contest in contests)
    for record in (duet, relaunch):
        if record is None or record.status == "failed":
            raise RunFailed(_failed(record))
    assert duet
    assert relaunch
    if lost:
        raise NotKept((duet, relaunch), lost.error) from lost
    return duet, relaunch


def _failed(record: Comparison | None) -> str:
    if record is None:
        return "A/A failed: nothing was measured"
    log = f"; its log ends in {record.failure.log}" if record.failure else ""
    return f"A/A failed: {record.why}{log} (`runs show {record.id}`)"


def _source(
    design: Design,
    request: Request,
    given: str,
    machine: Machine,
    limits: Limits,
    folder: Path,
    command: tuple[str, ...],
    display: Display,
) -> Configured:
    a, b = (
        Recording(
            setup=set_up(request, machine, root=folder, command=command, tell=display.preparing)
        )
        for _ in range(2)
    )
    source = Configured(
        a=a,
        b=b,
        given=(given, given),
        design=design,
        may_relaunch=False,
        blocks=limits.pairs,
        more_blocks=limits.more_pairs,
        steps_asked=limits.block_steps,
    )
    if design == "relaunch":
        source.require_launchable()
    return source
