"""Recovers what ranks had measured when their session was interrupted: time stamps remain."""

import math
import platform
from collections.abc import Sequence
from typing import Final

import numpy as np

from resnext_bench.rankfile import Phase, RankFile, columns
from resnext_bench.reports.schema.notes import Note, note
from resnext_bench.reports.schema.samples import RankFacts, Samples, SessionResult
from resnext_bench.session.recording import Recording

FEWEST: Final = 2
"""Fewest steps that are worth keeping."""


def open_files(run: Recording, number: int) -> list[RankFile] | None:
    """Open the files of all ranks; return None where one is missing, as those of other hosts."""
    folder = run.session_folder(number)
    found = [RankFile.open(folder.rank_file(rank)) for rank in range(run.config.world_size)]
    files = [file for file in found if file]
    return files if len(files) == len(found) else None


def cut_window(run: Recording, number: int) -> SessionResult | None:
    """Return the steps of a window that all ranks have finished; None where they are too few."""
    files = open_files(run, number)
    if not files or any(file.phase < Phase.TIMED or not file.window_start_ns for file in files):
        return None
    done = min(file.steps_done - file.warm_up for file in files)
    if done < FEWEST:
        return None
    return result_of(run, files, [_durations(file, done) for file in files])


def _durations(file: RankFile, done: int) -> dict[str, list[int]]:
    """Compute durations as the rank itself would have, from the host's clock."""
    rows = np.array(file.marks[file.warm_up : file.warm_up + done]) - file.window_start_ns
    marks = np.vstack([np.zeros((1, rows.shape[1]), dtype=np.int64), rows])
    return columns(marks, marks)


def result_of(
    run: Recording, files: Sequence[RankFile], durations: Sequence[dict[str, list[int]]]
) -> SessionResult:
    """Return these columns of all ranks, with unknown facts left empty."""
    samples = tuple(
        _samples(run, file, columns_) for file, columns_ in zip(files, durations, strict=True)
    )
    facts = tuple(_facts(run, rank) for rank in range(len(files)))
    return SessionResult(samples=samples, facts=facts, versions={}, device_name="")


def _samples(run: Recording, file: RankFile, durations: dict[str, list[int]]) -> Samples:
    place = run.setup.topology.places[file.rank]
    return Samples(
        rank=file.rank,
        node=place.node,
        local_rank=place.local_rank,
        host=platform.node(),
        pid=file.pid,
        device=place.device,
        window_ns=sum(durations["step_ns"]),
        loss=[math.nan] * len(durations["step_ns"]),
        warm_up_ns=[],
        **durations,
    )


def _facts(run: Recording, rank: int) -> RankFacts:
    place = run.setup.topology.places[rank]
    return RankFacts(
        rank=rank,
        peak_gib=0.0,
        reserved_gib=0.0,
        affinity=place.cores,
        core_nodes=place.core_nodes,
        gpu_node=place.gpu_node,
        torch_threads=place.threads,
        counted_s=0.0,
        cpu_busy_s=0.0,
        core_busy_s=0.0,
        core_steal_s=0.0,
        parameters=0,
        parameters_unchanged=(),
        parameter_digest="",
        losses_finite=True,
        batches_distinct=0,
        batches_expected=0,
        weight_format="",
        gradient_format="either",
        first_loss=math.nan,
        last_loss=math.nan,
        start_up_s={},
    )


def doubts_of(run: Recording) -> tuple[Note, ...]:
    """Return the notes on a window that was interrupted."""
    on_gpu = run.config.device == "cuda"
    return note("unchecked"), *([note("host_clock")] if on_gpu else [])
