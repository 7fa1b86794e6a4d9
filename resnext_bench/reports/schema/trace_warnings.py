"""What to doubt of a trace's report, as facts: a kind, and values.

The sentences are made of them in `reports/render/trace/warnings.py`, and no code reads them back.
"""

from typing import Literal

from resnext_bench.reports.schema.notes import Note, Value

WarningKind = Literal[
    # of the file
    "bytes_after_gzip",
    "bytes_ignored",
    "gzip_damaged",
    "gzip_cut",
    "archive_damaged",
    "archive_cut",
    "events_cut",
    "end_unreadable",
    "rows_unreadable",
    "rows_odd",
    # of what is not understood, or cannot be
    "host_alone",
    "rows_unknown",
    "times_impossible",
    # of devices and steps
    "device_without_work",
    "other_devices",
    "steps_unmarked",
    "steps_without_work",
    "launches_without_kernels",
    "kernels_without_launches",
    "graphs_untold",
    "times_coarse",
    # of memory
    "memory_totals_missing",
    "memory_by_size",
    "memory_totals_negative",
    "memory_rows_moved",
    "memory_rows_lost",
    "memory_not_recorded",
    # of several ranks and files
    "ranks_missing",
    "ranks_unknown",
    "ranks_twice",
    "ranks_without_work",
    "steps_not_shared",
    "steps_renumbered",
    "collectives_differ",
    "clocks_differ",
    "recorded_apart",
    "files_left_out",
    "file_unreadable",
    "run_invalid",
]
"""A file: bytes after its compressed data or damage in them or in its archive, an end within its
events, rows that cannot be read or whose numbers cannot be. What figures are without: a device's
work, rows that are not understood or whose times are not believed. A device that the trace names
without its work, devices that are not reported on, no marked steps or none with work, launches
without kernels, kernels without launches, replays of graphs whose operators are not told, coarse
time stamps. Memory whose totals or addresses are not recorded, totals below 0, rows out of order,
rows that must be missing, totals that no row explains. Ranks without a trace, traces without a
rank, ranks that are there twice, ranks of whose device the trace holds no work; why collectives of
ranks cannot be matched, or only roughly; ranks whose steps are numbered from elsewhere, and by how
much; files that are not part of the report, and an invalid run that left them."""


def warning(kind: WarningKind, /, **values: Value) -> Note:
    """Return a warning of a kind, with what its sentence needs."""
    return Note(kind=kind, values=values)
