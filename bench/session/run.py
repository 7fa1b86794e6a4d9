"""A run: the sessions of one configuration, one after another, and their record."""

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from bench.config.resolve import Resolved, resolve
from bench.errors import Interrupted
from bench.job import Job, SessionFolder
from bench.launch.commands import commands
from bench.launch.ports import choose_port
from bench.launch.topology import place_ranks
from bench.launch.watch import Progress, SessionFailed, run_session
from bench.machine import nvml
from bench.machine.fingerprint import fingerprint
from bench.machine.gpu_watch import GpuWatch, open_watch
from bench.machine.inventory import Machine
from bench.machine.process import undisturbed
from bench.rankfile import Phase
from bench.session.data import Data, prepare_data, record_of
from reports import runs
from reports.columns import FILE, write_columns
from reports.figures import figures_of, steadiness_of, window_of
from reports.files import describe
from reports.schema.config import Choice, Request, RunConfig
from reports.schema.record import Failure, File, Record, Session, Status, Thresholds
from reports.schema.samples import SessionResult
from reports.schema.topology import Topology
from reports.validity import judge

TIMEOUT_S = 300.0
"""Longest wait of one rank for another: above any first step, below any user's patience."""


class Display(Protocol):
    """Whoever shows how far a run is."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Data is being made or checked."""

    def planned(self, config: RunConfig, choices: Sequence[Choice], folder: Path) -> None:
        """The run has its configuration and its folder."""

    def session(self, number: int, total: int) -> None:
        """A session starts."""

    def progress(self, progress: Progress) -> None:
        """Called about twice a second while a session runs."""


@dataclass(kw_only=True, slots=True)
class _Run:
    """A run in the making: what is known so far, so that any end can be recorded."""

    id: str
    folder: Path
    command: tuple[str, ...]
    request: Request
    machine: Machine
    resolved: Resolved
    topology: Topology
    data: Data | None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    results: list[SessionResult] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    @property
    def config(self) -> RunConfig:
        return self.resolved.config


def execute(
    request: Request,
    machine: Machine,
    *,
    root: Path,
    command: Sequence[str],
    display: Display,
) -> Record:
    """Do what was asked and leave a record of it, whatever the end.

    Raises before the first process starts for what the user can mend; from then on every end is
    a record with a status, also a failure and an interruption, which is raised again.
    """
    data = prepare_data(request, machine, display.preparing)
    resolved = resolve(request, machine, data.facts if data else None)
    port = choose_port(resolved.port)
    folder = runs.create(root, f"{resolved.config.model}-{resolved.config.nodes}n")
    run = _Run(
        id=folder.name,
        folder=folder,
        command=tuple(command),
        request=request,
        machine=machine,
        resolved=resolved,
        topology=place_ranks(resolved.config, machine),
        data=data,
    )
    display.planned(run.config, resolved.choices, folder)
    return _recorded(run, port, display)


def _recorded(run: _Run, port: int, display: Display) -> Record:
    try:
        for number in range(1, run.config.sessions + 1):
            display.session(number, run.config.sessions)
            # A later session takes its own port: the first one's may linger in the kernel.
            _one_session(run, number, port if number == 1 else choose_port(0), display)
    except SessionFailed as failed:
        return _close(run, "failed", failed.failure.what, failed.failure)
    except (KeyboardInterrupt, Interrupted):
        with undisturbed():
            why = f"stopped after {len(run.sessions)} complete sessions"
            _close(run, "interrupted", why, None)
        raise Interrupted(f"interrupted; the record is in {run.folder}") from None
    except Exception as error:
        # Finished sessions are kept whatever went wrong after them; the error is then told.
        _close(run, "failed", f"{type(error).__name__}: {error}", None)
        raise
    reasons = [reason for session in run.sessions for reason in session.invalid]
    with undisturbed():
        return _close(run, "invalid" if reasons else "ok", "; ".join(dict.fromkeys(reasons)), None)


def _one_session(run: _Run, number: int, port: int, display: Display) -> None:
    folder = SessionFolder((run.folder / f"session-{number}").absolute())
    job = Job(
        run_id=run.id,
        session=number,
        config=run.config,
        topology=run.topology,
        images=run.data.facts.root if run.data else None,
        timeout_s=TIMEOUT_S,
    )
    folder.create(job, run.data.images if run.data else None)
    plan = commands(run.config, run.topology, folder=folder.path, run_id=run.id, port=port)
    started, clock = datetime.now(UTC), time.monotonic()
    with ExitStack() as stack:
        watch = open_watch(stack.enter_context(nvml.session()), _gpu_indices(run.topology))
        watch.note_residents()
        listener = _Listener(watch=watch, display=display, clock=clock)
        result = run_session(plan, folder, listener)
    _keep(run, number, result, listener, started)


@dataclass(kw_only=True, slots=True)
class _Listener:
    """Passes progress on, samples the GPUs in the window, and notes when training began."""

    watch: GpuWatch
    display: Display
    clock: float
    launch_s: float = 0.0
    phase: Phase = Phase.STARTING

    def __call__(self, progress: Progress) -> None:
        if self.phase < Phase.WARM_UP <= progress.phase:
            self.launch_s = time.monotonic() - self.clock
        if self.phase < Phase.TIMED <= progress.phase:
            self.watch.start()
        if progress.phase is Phase.TIMED:
            self.watch.sample()
        self.phase = progress.phase
        self.display.progress(progress)


def _gpu_indices(topology: Topology) -> list[int]:
    names = {place.device for place in topology.places if place.device != "cpu"}
    return sorted(int(name.partition(":")[2]) for name in names)


def _keep(
    run: _Run, number: int, result: SessionResult, listener: _Listener, started: datetime
) -> None:
    """Work out one session's figures and verdict as soon as it has ended."""
    steadiness = steadiness_of(result)
    window = window_of(result, steadiness.cut)
    use = listener.watch.report()
    verdict = judge(result, use, Thresholds())
    unwatched = run.config.device == "cuda" and not use.samples
    unseen = ("the GPUs were not watched: NVML gave no answer",) if unwatched else ()
    losses = [samples.loss for samples in result.samples]
    run.results.append(result)
    run.cuts.append(steadiness.cut)
    run.sessions.append(
        Session(
            number=number,
            started=started.isoformat(timespec="seconds"),
            launch_s=round(listener.launch_s, 2),
            figures=figures_of(
                [window], batch_size=run.config.batch_size, devices=run.topology.devices
            ),
            steadiness=steadiness,
            invalid=verdict.invalid,
            notes=(*verdict.notes, *unseen),
            first_loss=_finite_mean([loss[0] for loss in losses]),
            last_loss=_finite_mean([loss[-1] for loss in losses]),
        )
    )


def _finite_mean(values: Sequence[float]) -> float | None:
    """The mean, or None where there is none: JSON knows no NaN and no infinity."""
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else None


def _close(run: _Run, status: Status, why: str, failure: Failure | None) -> Record:
    """Write the samples, then the record."""
    windows = [window_of(result, cut) for result, cut in zip(run.results, run.cuts, strict=True)]
    last = run.results[-1] if run.results else None
    record = Record(
        id=run.id,
        kind="run",
        status=status,
        why=why,
        tool_version=version("resnext-bench"),
        created=run.created.isoformat(timespec="seconds"),
        duration_s=round((datetime.now(UTC) - run.created).total_seconds(), 2),
        command=run.command,
        requested=run.request,
        resolved=run.config,
        choices=run.resolved.choices,
        topology=run.topology,
        environment=fingerprint(run.machine, last.versions if last else {}),
        data=record_of(run.data) if run.data else None,
        thresholds=Thresholds(),
        device_name=last.device_name if last else "",
        weight_format=last.facts[0].weight_format if last else "",
        figures=figures_of(windows, batch_size=run.config.batch_size, devices=run.topology.devices)
        if windows
        else None,
        sessions=tuple(run.sessions),
        notes=_notes(run),
        failure=failure,
        files=_files(run),
    )
    runs.save(run.folder, record)
    return record


def _files(run: _Run) -> tuple[File, ...]:
    if run.results:
        write_columns(run.folder / FILE, run.results)
    logs = sorted(path for path in run.folder.rglob("*.log") if path.stat().st_size)
    results = sorted(run.folder.glob("session-*/result.msgpack"))
    samples = [path for path in (run.folder / FILE,) if path.exists()]
    return tuple(describe(path, run.folder) for path in [*samples, *results, *logs])


def _notes(run: _Run) -> tuple[str, ...]:
    """What a reader must know before comparing these figures with others."""
    topology, notes = run.topology, []
    if topology.emulated:
        notes.append(f"{topology.nodes} nodes emulated on one host: no network between them")
    shared = max(place.device_shared_by for place in topology.places)
    if shared > 1:
        notes.append(f"device shared by {shared} ranks: not a scaling measurement")
    if run.data and run.data.left_out:
        notes.append(f"{run.data.left_out} files that do not decode were left out")
    for session in run.sessions:
        prefix = f"session {session.number}: " if run.config.sessions > 1 else ""
        unsteady = [] if session.steadiness.steady else [session.steadiness.why]
        notes += [prefix + note for note in (*session.notes, *unsteady)]
    return tuple(notes)
