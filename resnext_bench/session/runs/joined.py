"""What a rank other than the first does in a group that another launcher has started.

It trains like the others and hands over its samples. The first rank writes the record, so this
one's folder is removed, unless it failed: then its log says why.
"""

from dataclasses import replace
from pathlib import Path

from resnext_bench.errors import RunFailed
from resnext_bench.job import SessionFolder
from resnext_bench.launch.failure import find_failure
from resnext_bench.launch.processes import Processes
from resnext_bench.launch.unwritten import raise_unwritten
from resnext_bench.launch.watch import wait_for_end
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.member import Member
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.store.files import temporary_folder
from resnext_bench.session.runs.run import TIMEOUT_S
from resnext_bench.session.setup import Setup, set_up


def take_part(request: Request, machine: Machine, member: Member, runs: Path) -> None:
    """Train in every session of the first rank's run; raise RunFailed if this rank fails.

    Traces stay on this node, in its own `runs` folder.
    """
    with temporary_folder(kept_after=RunFailed) as root:
        setup = set_up(request, machine, root=root, command=(), tell=lambda *_: None, member=member)
        setup = replace(setup, traces=runs)
        for number in range(1, setup.config.sessions + 1):
            _train(setup, member, setup.session_folder(number), number)


def _train(setup: Setup, member: Member, folder: SessionFolder, number: int) -> None:
    folder.create(setup.job(number, TIMEOUT_S), setup.data.images if setup.data else None)
    with Processes(setup.commands(folder, 0), folder) as processes:
        codes = wait_for_end(processes, folder, lambda _: None, member.rank)
    if any(codes):
        raise_unwritten(folder)
        failure = find_failure(folder, codes)
        raise RunFailed(f"{failure.what}; its log is {failure.log}")
