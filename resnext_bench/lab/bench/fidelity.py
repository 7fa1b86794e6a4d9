"""Fidelity: does the shipped worker cost anything beside a loop written by hand?

Both train the same network in the same processes, in alternating blocks: ours with its rank file,
its guards' witnesses and progress drawn by the parent, the other one bare. Each session is a fresh
launch of all ranks by the project's own launcher.
"""

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from resnext_bench.cli.terminal.display import RunDisplay
from resnext_bench.config.resolve import resolve
from resnext_bench.errors import RunFailed
from resnext_bench.job import Job, SessionFolder
from resnext_bench.lab.bench.intervals import Pairs
from resnext_bench.lab.bench.plan import OPTIONS_FILE, Plan
from resnext_bench.launch.commands import commands
from resnext_bench.launch.failure import find_failure
from resnext_bench.launch.ports import choose_port
from resnext_bench.launch.processes import Processes
from resnext_bench.launch.topology import place_ranks
from resnext_bench.launch.watch import POLL_S, progress_of
from resnext_bench.machine.inventory import inspect
from resnext_bench.rankfile import Phase, RankFile
from resnext_bench.reports.schema.config import Request
from resnext_bench.session.data import prepare_data

CASES = ("synthetic-1", "dali-1", "synthetic-2", "dali-2")
"""Cases, named by pipeline and number of ranks."""


def session_pairs(case: str, plan: Plan, over: Request | None = None) -> Pairs:
    """Launch one session of a case; every pair is (ours, bare) in seconds a block.

    `over` replaces options: another network, or one GPU for synthetic batches on one rank.
    """
    pipeline, _, ranks = case.partition("-")
    request: Request = {
        "model": "resnext14_4x4d",
        "image_size": 32,
        "batch_size": 2,
        "amp": True,
        "device": "cpu",
        "nodes": int(ranks),
        "nproc_per_node": 1,
        "threads": 1,
        "pipeline": pipeline,
        "learning_rate": 0.001,
        "warm_up": 1,
        "steps": (plan.pairs + 1) * (plan.steps + 1),
    }
    request |= over or {}
    with tempfile.TemporaryDirectory(prefix="fidelity-") as folder, RunDisplay() as display:
        return _launched(request, plan, SessionFolder(Path(folder)), display)


def _launched(request: Request, plan: Plan, folder: SessionFolder, display: RunDisplay) -> Pairs:
    machine = inspect()
    data = prepare_data(request, machine, display.preparing)
    config = resolve(request, machine, data.facts if data else None).config
    topology = place_ranks(config, machine)
    job = Job(
        run_id="fidelity",
        session=1,
        config=config,
        topology=topology,
        images=data.facts.root if data else None,
        timeout_s=120,
    )
    folder.create(job, data.images if data else None)
    (folder.path / OPTIONS_FILE).write_text(json.dumps(asdict(plan)))
    starting = commands(
        config,
        topology,
        folder=folder.path,
        run_id="fidelity",
        port=choose_port(0),
        module="resnext_bench.lab.bench.fidelity_worker",
    )
    with Processes(starting, folder) as processes:
        codes = _watched(processes, folder, display)
    if any(codes):
        failure = find_failure(folder, codes)
        raise RunFailed("\n".join([failure.what, *failure.log_tail]))
    return [(ours, bare) for ours, bare in json.loads(folder.result.read_text())]


def _watched(processes: Processes, folder: SessionFolder, display: RunDisplay) -> list[int | None]:
    """Watch as for a run, drawing only during our side's blocks, which bear the cost."""
    while None in (codes := processes.exit_codes) and not any(codes):
        file = RankFile.open(folder.rank_file(0))
        if file and file.phase is Phase.TIMED:
            display.progress(progress_of(file))
        time.sleep(POLL_S)
    return codes
