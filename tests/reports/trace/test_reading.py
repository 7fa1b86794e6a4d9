"""Files as they come: cut, damaged, empty, enormous, or no traces at all."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.store import gzipped
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.reading import pieces, source
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made
from tests.reports.trace.words import refused, sentences_of

GEMM = "ampere_sgemm_128x64_nn"


def made(steps: int = 30) -> Made:
    made = Made(header={"schemaVersion": 1, "distributedInfo": {"rank": 3, "world_size": 4}})
    for number in range(steps):
        made.step(number, number * 100.5, 100)
        made.op("aten::mm", number * 100.5 + 4, 8.25)
        made.kernel(GEMM, number * 100.5 + 10, 70.125)
    return made


def reported(path: Path) -> TraceReport:
    return report(analyse(path))


def written(folder: Path, data: bytes, name: str = "t.json") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def error(path: Path) -> str:
    told = refused(lambda: reported(path))
    assert str(path) in told
    assert "\n" not in told
    return told


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"hello", "its 5 bytes hold no"),
        (b'{"kind": "run", "id": 3}', "its 24 bytes hold no"),
        (b'{"traceEvents": []}', "no events"),
        (b'{"traceEvents": [', "no events"),
        (b"[]", "no events"),
        (b"[1, 2, 3]", "no events, and neither kernels nor operators among them (3 rows cannot"),
        (b'{"traceEvents": [{"ph": "X", "cat": "ac2g", "name": "x", "ts": 1}]}', "1 row, and"),
        (b"\x1f\x8b", "gzip data end too early, at byte 2"),
        (b"\x1f\x8bxxxxxxxxxxxxxxxxxxxx", "gzip data are damaged near byte 0"),
        (b"\x00\x01\x02" * 100, "its 300 bytes hold no"),
        (b'"' + b"x" * 1000, "its 1,001 bytes hold no"),
    ],
)
def test_what_is_no_trace(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in error(written(tmp_path, data))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert "cannot be read" in error(tmp_path / "missing.json")
    assert "cannot be read" in error(tmp_path)


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.77, 0.999])
def test_cut_json_is_reported_with_the_byte(tmp_path: Path, cut: float) -> None:
    text = made().text().encode()
    size = int(len(text) * cut)
    found = reported(written(tmp_path, text[:size]))
    assert any(f"at byte {size:,}" in warning for warning in sentences_of(found))
    assert 0 < found.trust.steps_used <= 30
    assert found.sums.work_ns > 0


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_cut_gzip_is_reported(tmp_path: Path, cut: float) -> None:
    data = gzip.compress(made(3000).text(indent=1).encode(), 1)
    size = int(len(data) * cut)
    found = reported(written(tmp_path, data[:size], "t.json.gz"))
    assert any(f"gzip data end too early, at byte {size:,}" in one for one in sentences_of(found))
    assert 0 < found.trust.steps_used < 3000


def test_damaged_gzip_is_reported(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(made(9000).text(indent=1).encode(), 1))
    data[-2000:-1000] = b"\xff" * 1000
    found = reported(written(tmp_path, bytes(data)))
    assert any("gzip data are damaged near byte" in one for one in sentences_of(found))


def test_one_event(tmp_path: Path) -> None:
    row = {"ph": "X", "cat": "kernel", "name": GEMM, "ts": 5, "dur": 2.5, "args": {"device": 0}}
    for text in (json.dumps([row]), json.dumps({"traceEvents": [row]})):
        assert reported(written(tmp_path, text.encode())).sums.busy_ns == 2500


def test_odd_rows_are_told_and_the_rest_is_right(tmp_path: Path) -> None:
    """NaN, negative durations, wrong types, rows that are none: in the middle of good ones."""
    good = made()
    odd = [
        {**good.rows[1], "dur": -5},
        {**good.rows[1], "ts": float("nan")},
        {**good.rows[1], "dur": float("inf")},
        {**good.rows[1], "ts": 1e300},
        {**good.rows[1], "ts": 10**400},
        {**good.rows[1], "dur": "12 us"},
        {**good.rows[1], "args": [1, 2]},
        {**good.rows[1], "name": {"a": 1}},
        {**good.rows[1], "args": {"correlation": 2**70, "External id": -(2**70)}, "dur": 0},
        7,
        "text",
        None,
        [],
    ]
    rows = [*good.rows[:20], *odd, *good.rows[20:]]
    text = json.dumps({**good.header, "traceEvents": rows})
    found, plain = reported(written(tmp_path, text.encode())), reported(good.write(tmp_path))
    assert found.steps == plain.steps
    assert found.kernels == plain.kernels
    told = "; ".join(sentences_of(found))
    assert "cannot be read and are left out, the first at byte" in told
    assert "1 row with negative duration" in told


def test_duplicate_ids_take_the_first_launch(tmp_path: Path) -> None:
    one = made(1)
    launch = next(row for row in one.rows if row["name"] == "cudaLaunchKernel")
    one.rows.append({**launch, "ts": launch["ts"] + 500, "cat": "cuda_driver"})
    one.rows.append(dict(one.rows[-2]))
    found = reported(one.write(tmp_path))
    assert found.trust.linked_launch == 1
    assert found.trust.steps_used == 1


@pytest.mark.parametrize("name", ["r.json", "r.json.gz"])
@pytest.mark.parametrize("chunk", [64, 1000, 4 << 20])
def test_chunks_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, name: str
) -> None:
    plain = reported(made().write(tmp_path))
    monkeypatch.setattr(source, "CHUNK", chunk)
    monkeypatch.setattr(gzipped, "CHUNK", chunk)
    monkeypatch.setattr(source, "_AT_ONCE", chunk)
    found = reported(made().write(tmp_path, name))
    assert (found.steps, found.kernels, found.events) == (plain.steps, plain.kernels, plain.events)
    assert (found.facts, found.rank, found.world_size) == ([], 3, 4)


def test_events_that_hold_what_looks_like_events(tmp_path: Path) -> None:
    """A cut inside an event, in lists or in text, must not lose it."""
    one = made(200)
    for row in one.rows:
        row["args"]["frames"] = [{"name": "a", "ph": "X"}, {"name": "b"}]
        row["args"]["text"] = '}, {"ph": "X", "name": "no event"'
    assert reported(one.write(tmp_path)).steps == reported(made(200).write(tmp_path)).steps


def test_fields_behind_the_events(tmp_path: Path) -> None:
    one = made(2)
    text = json.dumps({"traceEvents": one.rows, "baseTimeNanoseconds": 5, "traceName": "[}],{"})
    trace = analyse(written(tmp_path, text.encode())).trace
    assert trace.header == {"baseTimeNanoseconds": 5, "traceName": "[}],{"}
    assert trace.facts == ()


def test_names_are_unicode(tmp_path: Path) -> None:
    one = made(1)
    one.kernel("größer_als_片", 50, 5)
    assert "größer_als_片" in {row.name for row in reported(one.write(tmp_path)).kernels}
    text = one.text(ensure_ascii=False).replace('"dur": 5,', '"dur": 5, "x": NaN,')
    assert "größer_als_片" in {
        row.name for row in reported(written(tmp_path, text.encode())).kernels
    }


@pytest.mark.slow
def test_a_million_threads(tmp_path: Path) -> None:
    rows = ",".join(
        f'{{"ph":"X","cat":"cpu_op","name":"aten::add","pid":1,"tid":{n},"ts":{n % 1000},"dur":2}}'
        for n in range(1_000_000)
    )
    found = reported(written(tmp_path, f'{{"traceEvents":[{rows}]}}'.encode()))
    assert found.kernels[0].count == 1_000_000
    assert found.steps.compute_ns == [1_001_000]


def test_bytes_of_python_frames_cost_no_memory(tmp_path: Path) -> None:
    """Rows that no figure needs are dropped as they come."""
    one = made(2)
    for number in range(2000):
        one.row("python_function", f"f{number}" * 50, number, 1)
    trace = analyse(one.write(tmp_path)).trace
    assert trace.categories["python_function"] == 2000
    assert not any(name.startswith("f1") for name in trace.names)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(["ph", "cat", "name", "ts", "dur", "pid", "tid", "args"])
ARGS = st.dictionaries(
    st.sampled_from(
        [
            *("correlation", "stream", "device", "External id", "Sequence number", "Input Dims"),
            *("Concrete Inputs", "Input Strides", "Input type"),
        ]
    ),
    VALUES,
    max_size=4,
)
ROWS = st.fixed_dictionaries(
    {
        "cat": st.sampled_from(
            ["kernel", "cpu_op", "cuda_runtime", "user_annotation", "gpu_memcpy"]
        ),
        "name": st.sampled_from([GEMM, "aten::convolution", "ProfilerStep#1", "ProfilerStep#2"])
        | st.text(max_size=8),
        "ts": st.floats(0, 1e4) | VALUES,
        "dur": st.floats(0, 100) | VALUES,
        "args": ARGS | VALUES,
    },
    optional={"pid": VALUES, "tid": VALUES, "ph": VALUES},
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=150,
)
@given(rows=st.lists(ROWS | st.dictionaries(KEYS, VALUES), max_size=12))
def test_any_rows_give_a_report_or_an_error(rows: list[object], tmp_path: Path) -> None:
    _report_or_error(written(tmp_path, json.dumps({"traceEvents": rows}).encode()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_damage_anywhere_gives_a_report_or_an_error(data: st.DataObject, tmp_path: Path) -> None:
    text = bytearray(made(4).text(indent=data.draw(st.sampled_from([None, 1]))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=10))
    found = _report_or_error(written(tmp_path, bytes(text)))
    if found is not None and found.events < 16 and not _is_json(bytes(text)):
        assert found.facts, "what is missing is told"


def _is_json(text: bytes) -> bool:
    """Damage may leave sound JSON behind, with a row less, another number, or another letter."""
    try:
        return bool(json.loads(text.decode("utf-8", "replace")))
    except ValueError:
        return False


def _report_or_error(path: Path) -> TraceReport | None:
    try:
        found = reported(path)
    except TraceError as told:
        if str(path) not in str(told):
            raise
        return None
    parts = found.steps
    assert parts.step_ns == [
        sum(step)
        for step in zip(
            parts.compute_ns,
            parts.exposed_communication_ns,
            parts.exposed_copy_ns,
            parts.idle_ns,
            strict=True,
        )
    ]
    return found


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    path, seen = made().write(tmp_path, "t.json.gz"), []
    analyse(path, lambda read, size: seen.append((read, size)))
    assert seen[-1] == (path.stat().st_size,) * 2


def test_the_smallest_event_is_not_taken_for_a_cut() -> None:
    assert pieces._LARGEST > pieces._TAIL > pieces._EVENT_SIZE
