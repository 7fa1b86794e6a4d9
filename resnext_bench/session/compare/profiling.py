"""Profiles both sides after the verdict, and attaches what their traces differ in to the record.

The record with the verdict has been written before the first side is built, and the verdict is
never touched: whatever ends the pass, an interruption too, adds a note and no more.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from resnext_bench.errors import BenchError, Interrupted, cannot_write
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.figures.profiles import disagreement, headline
from resnext_bench.reports.render.notes import sentence
from resnext_bench.reports.render.trace.diff_facts import fact_sentences
from resnext_bench.reports.render.trace.warnings import error_in_words
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.comparison_profile import FILE, ComparedProfile
from resnext_bench.reports.schema.notes import SIDES, Note, note
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.trace_diff import TraceDiff
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import describe, write_atomically
from resnext_bench.reports.store.trace_files import find_traces
from resnext_bench.reports.trace.differences.recorded import compared, read
from resnext_bench.session.compare.configured import Configured
from resnext_bench.session.recording import Recording
from resnext_bench.session.turns.profiles import play_profiles

TRACES: Final = "profile"
"""Folder of the traces in a side's run, as the ranks name it."""

Tell = Callable[[str, int, int], None]
"""Called with the activity, how many sides are done, and of how many."""


def with_profile(record: Comparison, source: Configured, folder: Path, tell: Tell) -> Comparison:
    """Profile both sides of a comparison that has ended, if that was asked for.

    Return the record with what the profiles differ in, as it is stored. Raises Interrupted with the
    record, in which the verdict stands.
    """
    steps = record.limits.profile_steps
    if not steps or record.status not in ("ok", "invalid"):
        return record
    if record.status == "invalid":
        return _kept(folder, record, _nothing(steps, note("profile_skipped")))
    try:
        found, whole = _taken(record, source, folder, steps, tell)
        return _kept(folder, record, found, whole)
    except (KeyboardInterrupt, Interrupted):
        with undisturbed():
            _remove_pass(source)
            kept = _kept(folder, record, _nothing(steps, note("profile_interrupted")))
        raise Interrupted(
            f"interrupted while profiling; the verdict stands, and is in {folder}", kept
        ) from None


def with_traces(record: Comparison, folder: Path, a: Path, b: Path) -> Comparison:
    """Return a comparison of stored runs with what the traces of these two differ in."""
    found, whole = _differing(record, a, b, steps=0)
    return _kept(folder, record, found, whole)


def _taken(
    record: Comparison, source: Configured, folder: Path, steps: int, tell: Tell
) -> tuple[ComparedProfile, TraceDiff | None]:
    sides = source.a, source.b
    number, log = _number(source), ""
    try:
        results = play_profiles(
            [(run.setup, module) for run, module in zip(sides, source.modules, strict=True)],
            number,
            steps=steps,
            together=source.design == "duet",
            tell=tell,
        )
        for run, result in zip(sides, results, strict=True):
            _list_traces(run, result)
            _remove_session(run, number)
    except SessionFailed as failed:
        log = failed.failure.log
        which = next((one for one, run in zip(SIDES, sides, strict=True) if _is_of(log, run)), "")
        fact = note("profile_failed", which, why=failed.failure.what, log=log)  # type: ignore[arg-type]
    except (BenchError, StoreError) as error:
        fact = note("profile_failed", why=str(error))
    except OSError as error:
        fact = note("profile_failed", why=cannot_write(error))
    else:
        if lost := _unwritten(results):
            return _nothing(steps, lost), None
        return _differing(record, *(folder / run.id for run in sides), steps=steps)
    _remove_pass(source, log)
    return _nothing(steps, fact), None


def _is_of(log: str, run: Recording) -> bool:
    return Path(log).is_relative_to(run.setup.folder.absolute())


def _list_traces(run: Recording, result: SessionResult) -> None:
    """Add the traces to the record of a side, as those of a run that was profiled."""
    traces = tuple(one.profiled for one in result.facts if one.profiled)
    folder = run.setup.folder
    runs.save(folder, replace(runs.load_run(folder), profiled=traces))


def _unwritten(results: Sequence[SessionResult]) -> Note | None:
    """Return why a rank has no trace, of the first one."""
    for side, result in zip(SIDES, results, strict=True):
        for facts in result.facts:
            if facts.unwritten:
                number, why, path = facts.unwritten
                return note("profile_unwritten", side, why=cannot_write(OSError(number, why, path)))
    return None


def _differing(
    record: Comparison, a: Path, b: Path, *, steps: int
) -> tuple[ComparedProfile, TraceDiff | None]:
    """Compare the traces of two runs; those that cannot be read are told."""
    try:
        of_a, of_b = (read(find_traces(str(one), None), one, error_in_words) for one in (a, b))
        whole = compared(of_a, of_b, margin_percent=record.limits.margin_percent)
    except StoreError as error:
        return _nothing(steps, note("profile_unread", why=str(error))), None
    diff = headline(whole)
    doubt = disagreement(record, diff)
    facts = (*([doubt] if doubt else ()), *whole.facts)
    notes = (*([sentence(doubt)] if doubt else ()), *fact_sentences(whole.facts))
    found = ComparedProfile(
        steps=steps, traces=(a.name, b.name), diff=diff, facts=facts, notes=notes
    )
    return found, replace(whole, warnings=fact_sentences(whole.facts))


def _nothing(steps: int, why: Note) -> ComparedProfile:
    """Return a profile of which there is nothing but the reason."""
    return ComparedProfile(steps=steps, facts=(why,), notes=(sentence(why),))


def _kept(
    folder: Path, record: Comparison, found: ComparedProfile, whole: TraceDiff | None = None
) -> Comparison:
    """Write the record again, with the profile; where that fails, the one before stays."""
    try:
        files = record.files
        if whole is not None:
            write_atomically(folder / FILE, msgspec.json.encode(whole))
            files = (*files, describe(folder / FILE, folder))
        done = replace(record, profile=found, files=files)
        runs.save(folder, done)
        return done
    except OSError as error:
        lost = note("profile_unsaved", why=cannot_write(error))
        return replace(
            record,
            profile=replace(
                found, facts=(*found.facts, lost), notes=(*found.notes, sentence(lost))
            ),
        )


def _number(source: Configured) -> int:
    """Return the number of the session that the pass is: it follows those that were measured."""
    return len(source.a.sessions) + 1


def _remove_pass(source: Configured, log: str = "") -> None:
    """Remove what a pass that did not end has left: no record lists it. A log that is named stays.

    That are the traces, and the session with its pipes and logs.
    """
    for run in (source.a, source.b):
        _remove_session(run, _number(source), log)
        with suppress(StoreError):
            if runs.load_run(run.setup.folder).profiled:
                continue
        shutil.rmtree(run.setup.folder / TRACES, ignore_errors=True)


def _remove_session(run: Recording, number: int, log: str = "") -> None:
    """Remove a session of a side; of one with the log that is named, all else."""
    folder = run.session_folder(number).path
    if not log or not Path(log).is_relative_to(folder.absolute()):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.absolute().iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path != Path(log):
            path.unlink(missing_ok=True)
