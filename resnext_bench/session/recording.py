"""A run in progress: what its sessions measured so far, so that it can be recorded at any end."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from resnext_bench.config.errata import without_effect
from resnext_bench.errors import CannotHere, NotKept
from resnext_bench.job import SessionFolder
from resnext_bench.launch.topology import topology_seen
from resnext_bench.machine.fingerprint import changes_speed, fingerprint
from resnext_bench.machine.gpu.words import silence_of, silence_words
from resnext_bench.reports.errors import Unwritten
from resnext_bench.reports.figures.attribution import Sides, attribute
from resnext_bench.reports.figures.cost import cost_of
from resnext_bench.reports.figures.notes import facts_of
from resnext_bench.reports.figures.stragglers import slow_ranks
from resnext_bench.reports.figures.validity import GpuUse, judge
from resnext_bench.reports.figures.window import (
    Window,
    figures_of,
    interval_of,
    steadiness_of,
    window_of,
)
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.schema.attribution import Attribution
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.machine import GpusSeen
from resnext_bench.reports.schema.notes import Note, note
from resnext_bench.reports.schema.record import Environment, Failure, File, Record, Status
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.sessions import Figures, Session, Steadiness
from resnext_bench.reports.schema.topology import Topology
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.columns import FILE, GPU_FILE, write_columns, write_gpu_columns
from resnext_bench.reports.store.files import describe
from resnext_bench.session.data import epoch_note, record_of
from resnext_bench.session.setup import Setup
from resnext_bench.version import own_version


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """When a session was started, and how long its processes took to their first step."""

    at: datetime
    launch_s: float
    load_1min: float | None = None
    """The host's load average before the session."""


@dataclass(kw_only=True, slots=True)
class Recording:
    """What was measured of one run: its sessions so far, and notes for the reader."""

    setup: Setup
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    results: list[SessionResult] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    before: tuple[str, ...] = ()
    """Notes on how its configuration was found, and on who else measured when it started."""
    seen: Topology | None = None
    """The places of ranks that another launcher has started, once they have reported them."""
    sides: list[Sides] = field(default_factory=list)
    """All sides of each session in which the run was one of several."""
    told: list[str] = field(default_factory=list)
    """Further notes on its sessions."""

    @property
    def id(self) -> str:
        """The run's id is its folder's name."""
        return self.setup.id

    @property
    def config(self) -> RunConfig:
        """The resolved configuration."""
        return self.setup.config

    @property
    def stood(self) -> Topology:
        """The places of the ranks, as far as they are known."""
        return self.seen or self.setup.topology

    def session_folder(self, number: int) -> SessionFolder:
        """Return the folder that the processes of session `number` share."""
        return self.setup.session_folder(number)

    @property
    def untraced(self) -> OSError | None:
        """Return why a rank's trace could not be written."""
        facts = (one for result in self.results for one in result.facts)
        return next((Unwritten(*one.unwritten) for one in facts if one.unwritten), None)

    def environment(self) -> Environment:
        """Return the machine and the software of its sessions so far."""
        versions = self.results[-1].versions if self.results else {}
        found = fingerprint(self.setup.machine, versions)
        return msgspec.structs.replace(found, of_ranks=self._variables())

    def _variables(self) -> dict[str, str]:
        """Return the variables that ranks get from us and that change speed."""
        (first, *_) = self.setup.commands(SessionFolder(self.setup.folder), 0)
        return {name: value for name, value in first.environment.items() if changes_speed(name)}

    def keep(
        self, result: SessionResult, steadiness: Steadiness, use: GpuUse, started: Started
    ) -> Session:
        """Compute one session's figures and verdict as soon as it has ended.

        Raises CannotHere when its software is not that of the sessions before.
        """
        self._require_same_versions(result.versions)
        if self.setup.member:
            self.seen = topology_seen(self.setup.topology, result)
        window = window_of(result, steadiness.cut, self._all_seen(use.seen))
        judged = judge(result, use, self.setup.thresholds)
        unseen = self._unseen(use, window.window_s)
        slow = slow_ranks(result.samples, window.columns)
        found = msgspec.structs.replace(judged, notes=(*judged.notes, *unseen, *slow))
        losses = [samples.loss for samples in result.samples]
        session = Session(
            number=len(self.sessions) + 1,
            started=started.at.isoformat(timespec="seconds"),
            launch_s=round(started.launch_s, 2),
            figures=self._figures([window]),
            steadiness=steadiness,
            invalid=sentences(found.invalid),
            notes=sentences(found.notes),
            facts=found,
            first_loss=_finite_mean([loss[0] for loss in losses]),
            last_loss=_finite_mean([loss[-1] for loss in losses]),
            load_1min=started.load_1min,
            gpus=use.seen,
            graphs=result.facts[0].graphs,
        )
        self.results.append(result)
        self.sessions.append(session)
        write_gpu_columns(self.session_folder(session.number).path / GPU_FILE, use.moments)
        return session

    def keep_cut(self, result: SessionResult, started: Started, doubts: Sequence[Note]) -> None:
        """Keep what is left of an interrupted session if the run has no other."""
        session = self.keep(result, steadiness_of(result), GpuUse(), started)
        self.sessions[-1] = msgspec.structs.replace(
            session,
            steps_asked=self.config.steps,
            notes=sentences(doubts),
            facts=msgspec.structs.replace(facts_of(session), notes=tuple(doubts)),
        )

    @property
    def cut(self) -> str:
        """Say how many steps an interrupted session has; empty where there is none."""
        if not self.sessions or (asked := self.sessions[-1].steps_asked) is None:
            return ""
        return f"{len(self.results[-1].samples[0].step_ns)} of {asked} steps"

    def _unseen(self, use: GpuUse, window_s: float) -> Iterator[Note]:
        """Return notes on guards that could see nothing."""
        if self.config.device != "cuda":
            return
        watched, devices = len(use.seen.index) if use.seen else 0, self.stood.devices
        if not watched:
            stock = self.setup.machine.stock
            silence = silence_of(stock.silences, stock.presence)
            said = {"said": silence_words(silence)} if silence else {}
            yield note("gpus_unwatched", window_s=window_s, **said)
        elif watched < devices:
            yield note("gpus_partly_watched", watched=watched, devices=devices)

    def _all_seen(self, gpus: GpusSeen | None) -> GpusSeen | None:
        """Return what was seen of the GPUs, if all were: otherwise their energy means nothing."""
        return gpus if gpus and len(gpus.index) == self.stood.devices else None

    def _require_same_versions(self, now: dict[str, str]) -> None:
        then = self.results[0].versions if self.results else now
        for name in sorted(then.keys() | now.keys()):
            if then.get(name) != now.get(name):
                raise CannotHere(
                    f"{name} was {then.get(name, 'missing')} in the first session and is "
                    f"{now.get(name, 'missing')} now, so the sessions cannot be combined; start "
                    "again"
                )

    def close(
        self,
        status: Status,
        why: str,
        failure: Failure | None,
        lost: Mapping[int, str] | None = None,
    ) -> Record:
        """Write the samples, then the record; raise NotKept with the record where that fails.

        `lost` are reasons, by number, for which sessions of this run do not count beside its own:
        what was wrong with the other side of a comparison. An invalid run's figures are those of
        all its sessions; those of others leave out what does not count, as long as any is left.
        """
        doubts = self._doubts(lost or {})
        if status == "ok" and doubts and len(doubts) == len(self.sessions):
            status, why = "invalid", "; ".join(dict.fromkeys(doubts.values()))
        some = status != "invalid" and len(doubts) < len(self.sessions)
        left_out = tuple(doubts) if some else ()
        counted = [one for one in self.sessions if one.number not in left_out]
        windows = [
            window_of(result, session.steadiness.cut, self._all_seen(session.gpus))
            for result, session in zip(self.results, self.sessions, strict=True)
            if session.number not in left_out
        ]
        last = self.results[-1] if self.results else None
        figures = self._figures(windows) if windows else None
        record = Record(
            id=self.id,
            kind="run",
            status=status,
            why=why,
            tool_version=own_version(),
            created=self.created.isoformat(timespec="seconds"),
            duration_s=round((datetime.now(UTC) - self.created).total_seconds(), 2),
            command=self.setup.command,
            requested=self.setup.request,
            resolved=self.config,
            choices=self.setup.resolved.choices,
            topology=self.stood,
            environment=self.environment(),
            data=record_of(self.setup.data) if self.setup.data else None,
            thresholds=self.setup.thresholds,
            device_name=last.device_name if last else "",
            weight_format=self._weights(),
            figures=figures,
            interval=interval_of(counted),
            sessions=tuple(self.sessions),
            left_out=left_out,
            notes=(*(_uncounted(one, doubts[one]) for one in left_out), *self._notes()),
            failure=failure,
            profiled=tuple(facts.profiled for facts in last.facts if facts.profiled)
            if last
            else (),
            cost=cost_of(
                self.config,
                self.results,
                figures.images_per_s if figures else None,
                self.stood.devices,
            ),
            attribution=self._attribution(),
        )
        try:
            record = msgspec.structs.replace(record, files=self._files())
            runs.save(self.setup.folder, record)
        except OSError as error:
            if not self.sessions and failure is None:  # there is nothing to be shown
                raise
            raise NotKept(record, error) from error
        return record

    def _doubts(self, lost: Mapping[int, str]) -> dict[int, str]:
        """Return why sessions do not count, by number, for reasons of this run or for `lost`."""
        found = {one.number: (*one.invalid, lost.get(one.number, "")) for one in self.sessions}
        return {number: reasons[0] for number, reasons in found.items() if reasons[0]}

    def _attribution(self) -> Attribution | None:
        cores = len(self.setup.topology.places[0].cores)
        images = self.config.global_batch_size
        return attribute(self.sides, images=images, rank_cores=cores) if self.sides else None

    def _figures(self, windows: Sequence[Window]) -> Figures:
        return figures_of(windows, batch_size=self.config.batch_size, devices=self.stood.devices)

    def _files(self) -> tuple[File, ...]:
        folder = self.setup.folder
        if self.results:
            write_columns(folder / FILE, self.results)
        logs = sorted(path for path in folder.rglob("*.log") if path.stat().st_size)
        results = sorted(
            path
            for name in ("result.msgpack", GPU_FILE)
            for path in folder.glob(f"session-*/{name}")
        )
        samples = [path for path in (folder / FILE,) if path.exists()]
        return tuple(describe(path, folder) for path in [*samples, *results, *logs])

    def _weights(self) -> str:
        """Return the format of the convolution weights; empty where there are none."""
        return self.results[-1].facts[0].weight_format if self.results else ""

    def _notes(self) -> tuple[str, ...]:
        """Return what a reader must know before comparing these figures with others."""
        topology, notes, data = self.stood, list(self.before), self.setup.data
        if topology.emulated:
            notes.append(f"{topology.nodes} nodes emulated on one host: no network between them")
        shared = max(place.device_shared_by for place in topology.places)
        if shared > 1:
            notes.append(f"device shared by {shared} ranks: not a scaling measurement")
        one_layout = self.config.channels_last and self.config.other_layout == "none"
        if one_layout and self._weights() in ("NCHW", "mixed"):
            notes.append(
                f"weights are {self._weights()} although channels-last was requested: convolutions "
                "convert them in each step"
            )
        if data and data.left_out:
            notes.append(f"{data.left_out} files that do not decode were left out")
        if data:
            notes += data.notes
        if data and (told := epoch_note(data, self.config)):
            notes.append(told)
        notes += without_effect(self.config)
        notes += self.told
        for session in self.sessions:
            prefix = f"session {session.number}: " if len(self.sessions) > 1 else ""
            unsteady = [] if session.steadiness.steady else [session.steadiness.why]
            notes += [prefix + note for note in (*session.notes, *unsteady)]
        return tuple(notes)


def _uncounted(number: int, why: str) -> str:
    return f"session {number} does not count in the figures: {why}"


def _finite_mean(values: Sequence[float]) -> float | None:
    """Return the mean, or None where it is not finite: JSON has no NaN and no infinity."""
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else None
