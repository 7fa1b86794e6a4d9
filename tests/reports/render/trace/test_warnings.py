"""Every kind of warning has a sentence, which holds its values."""

from typing import get_args

import pytest

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.trace.warnings import error_in_words, sentences
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import LeftOutWhy
from resnext_bench.reports.schema.trace_graphs import UntoldWhy
from resnext_bench.reports.schema.trace_time import Impossible
from resnext_bench.reports.schema.trace_warnings import WarningKind, warning

EXAMPLES = (
    warning("bytes_after_gzip"),
    warning("bytes_ignored", count=1234),
    warning("gzip_damaged", byte=1234, why="invalid code"),
    warning("gzip_cut", byte=1234),
    warning("events_cut", byte=1234),
    warning("end_unreadable"),
    warning("rows_unreadable", rows=2, byte=1234),
    *(
        warning("rows_odd", of=of, rows=1234)
        for of in ("negative duration", "no time", "beyond range", "no bytes")
    ),
    warning("rows_unknown", of_device=True, rows=1234, names=("category a", "b", "c", "d")),
    *(
        warning("times_impossible", of=of, rows=1234, on="device", largest_ns=7_200_000_000_000)
        for of in get_args(Impossible.__annotations__["kind"])
    ),
    warning("device_without_work", names=("H100", "A100")),
    warning("other_devices", device=1, others=(0, 2)),
    warning("steps_unmarked"),
    warning("steps_without_work"),
    warning("launches_without_kernels", share=0.25),
    warning("kernels_without_launches"),
    *(
        warning(
            "graphs_untold",
            of=of,
            replays=3,
            kernels=412,
            launches=398,
            wrong=2,
            name="gemm",
            operator="aten::relu",
        )
        for of in get_args(UntoldWhy)
    ),
    warning("times_coarse", resolution_ns=250.0),
    warning("memory_totals_missing", on="GPU 0"),
    warning("memory_by_size", on="GPU 0"),
    *(
        warning(kind, on="GPU 0", rows=1234)  # type: ignore[arg-type]
        for kind in ("memory_totals_negative", "memory_rows_moved", "memory_rows_lost")
    ),
    warning("memory_not_recorded", on="GPU 0", bytes=1234),
    warning("ranks_missing", ranks=tuple(range(1, 12)), world=12),
    warning("ranks_unknown", count=2),
    warning("ranks_without_work", ranks=(1, 5)),
    warning("ranks_twice", ranks=(3, 5)),
    warning("steps_not_shared"),
    warning("steps_renumbered", ranks=(2, 3), by=1),
    warning("collectives_differ"),
    warning("clocks_differ"),
    warning("recorded_apart", apart_ns=90_000_000_000),
    *(warning("files_left_out", of=of, names=tuple("abcdef")) for of in get_args(LeftOutWhy)),
    warning("archive_damaged", why="Bad CRC-32 for file 'a.json'", covered=True),
    warning("archive_cut", why="unexpected end of data"),
    warning("file_unreadable", of="empty", told="a.json: the file is empty (0 bytes)"),
    warning("run_invalid", told="INVALID: cores were lost"),
)


def test_every_kind_has_an_example_here() -> None:
    """`host_alone` has several sentences, which rest on evidence: see test_alone."""
    assert {one.kind for one in EXAMPLES} == {*get_args(WarningKind)} - {"host_alone"}


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: f"{one.kind} {one.values.get('of', '')}")
def test_a_sentence_says_its_values(one: Note) -> None:
    (told,) = sentences([one])
    assert " " in told
    assert not set("{}") & set(told)
    for name in one.values.keys() & {"rows", "byte", "count", "why", "told", "world"}:
        value = one.values[name]
        assert (f"{value:,}" if isinstance(value, int) else str(value)) in told


def test_files_are_listed_up_to_four() -> None:
    (told,) = sentences([warning("files_left_out", of="cycle", names=tuple("abcdef"))])
    assert told == "6 files left out (earlier cycles of the same processes): a, b, c, d and 2 more"


def test_ranks_are_listed_up_to_eight() -> None:
    (told,) = sentences([warning("ranks_missing", ranks=tuple(range(1, 12)), world=12)])
    assert told == "traces of 11 of 12 ranks are missing: 1, 2, 3, 4, 5, 6, 7, 8, ..."


def test_damage_says_whether_anything_is_reported() -> None:
    whole, covered = (
        sentences([warning("gzip_cut", byte=5, **more)])[0] for more in ({}, {"covered": True})
    )
    assert covered == f"{whole}; the report covers what was read before"


def test_an_error_carries_its_facts() -> None:
    plain, full = (
        TraceError("a.json: no"),
        TraceError("a.json: no", facts=[warning("gzip_cut", byte=5)]),
    )
    assert error_in_words(plain) == "a.json: no"
    assert error_in_words(full) == "a.json: no (gzip data end too early, at byte 5)"


def test_a_kind_of_a_later_version_is_told_by_its_name() -> None:
    assert sentences([Note(kind="told_by_the_future")]) == ["told_by_the_future"]


def test_one_rank_is_no_ranks() -> None:
    (told,) = sentences([warning("ranks_without_work", ranks=(2,))])
    assert told.endswith(": rank 2")
