"""What a file is: gzip with bytes behind it, other compressions, JSON by other programs."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.reading import source
from resnext_bench.reports.trace.reading.read import read
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made
from tests.reports.trace.words import kinds, sentences_of

GEMM = "ampere_sgemm_128x64_nn"


def made(steps: int = 30) -> Made:
    made = Made()
    for number in range(steps):
        made.step(number, number * 100.5, 100)
        made.op("aten::mm", number * 100.5 + 4, 8.25)
        made.kernel(GEMM, number * 100.5 + 10, 70.125)
    return made


TEXT = made().text().encode()
WHOLE = gzip.compress(TEXT, mtime=0)


def written(folder: Path, data: bytes, name: str = "t.json.gz") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def warnings(path: Path) -> list[str]:
    """Those of a trace that is there as a whole."""
    trace = read(path)
    assert trace.events == len(made().rows)
    return sentences_of(trace)


@pytest.mark.parametrize("chunk", [64, 4 << 20])
@pytest.mark.parametrize(
    ("behind", "told"),
    [
        (b"", []),
        (b"\0" * 5, []),
        (b"\0" * 700, []),
        (b"x", ["1 byte after the end of the gzip data is ignored"]),
        (b"\x1f", ["1 byte after the end of the gzip data is ignored"]),
        (b"garbage" * 100, ["700 bytes after the end of the gzip data are ignored"]),
        (b"\0\0\0tail", ["4 bytes after the end of the gzip data are ignored"]),
        (gzip.compress(b"", mtime=0), []),
        (gzip.compress(b"\n", mtime=0) + b"\0" * 9, []),
        (b"\x1f\x8bno gzip at all", ["bytes after the end of the gzip data are ignored"]),
    ],
)
def test_bytes_behind_a_whole_gzip(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    behind: bytes,
    told: list[str],
    chunk: int,
) -> None:
    monkeypatch.setattr(source, "_AT_ONCE", chunk)
    found = warnings(written(tmp_path, WHOLE + behind))
    assert [one.partition(":")[0] for one in found] == told


@pytest.mark.parametrize("chunk", [64, 4 << 20])
@pytest.mark.parametrize("parts", [2, 3, 7])
def test_members_of_a_gzip_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int, chunk: int
) -> None:
    """As pigz and bgzip write them; where a member ends, a chunk of the file may end, too."""
    size = len(TEXT) // parts + 1
    members = [gzip.compress(TEXT[at : at + size]) for at in range(0, len(TEXT), size)]
    monkeypatch.setattr(source, "_AT_ONCE", len(members[0]) if chunk == 64 else chunk)
    assert warnings(written(tmp_path, b"".join(members))) == []
    assert warnings(written(tmp_path, b"\0\0".join(members))) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(behind=st.binary(max_size=80), at_once=st.integers(1, 3000))
def test_whatever_is_behind_a_gzip_loses_nothing(
    tmp_path: Path, behind: bytes, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_AT_ONCE", at_once)
        found = warnings(written(tmp_path, WHOLE + behind))
    assert bool(found) == bool(behind.strip(b"\0")) or behind.lstrip(b"\0")[:2] == b"\x1f\x8b"


def test_a_gzip_that_is_cut_is_no_whole_one(tmp_path: Path) -> None:
    data = WHOLE + gzip.compress(TEXT, mtime=0)[:50]
    assert warnings(written(tmp_path, data)) == [
        "bytes after the end of the gzip data are ignored: the trace before them is whole"
    ]
    told = sentences_of(read(written(tmp_path, WHOLE[:-300])))[0]
    assert f"gzip data end too early, at byte {len(WHOLE) - 300:,}" in told
    half = len(TEXT) // 2
    data = gzip.compress(TEXT[:half]) + gzip.compress(TEXT[half:])[:-200]
    assert kinds(read(written(tmp_path, data)))[0] == "gzip_cut"


@pytest.mark.parametrize("behind", [b"\0" * 100, b"\n\n", b" \r\n\0"])
def test_padding_behind_json(tmp_path: Path, behind: bytes) -> None:
    assert warnings(written(tmp_path, TEXT + behind, "t.json")) == []


def tarred() -> bytes:
    room = io.BytesIO()
    with tarfile.open(fileobj=room, mode="w") as archive:
        info = tarfile.TarInfo("trace.json")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    return room.getvalue()


def zipped() -> bytes:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as archive:
        archive.writestr("trace.json", TEXT)
    return room.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.json.zst", b"\x28\xb5\x2f\xfd" + b"x" * 99, "compressed with zstd; unpack it first"),
        ("t.json.xz", b"\xfd7zXZ\0" + b"x" * 99, "compressed with xz; unpack it first"),
        ("t.json.bz2", b"BZh91AY&SY" + b"x" * 99, "compressed with bzip2; unpack it first"),
        ("t.json.lz4", b"\x04\x22\x4d\x18" + b"x" * 99, "compressed with lz4; unpack it first"),
        ("t.zip", zipped(), "a zip archive; unpack it first"),
        ("t.tar", tarred(), "a tar archive; unpack it first"),
        ("t.tar.gz", gzip.compress(tarred(), mtime=0), "a tar archive; unpack it first"),
        ("t.json.gz.gz", gzip.compress(WHOLE, mtime=0), "compressed twice; unpack it once first"),
        ("t.json", TEXT.decode().encode("utf-16"), "text in UTF-16"),
        ("t.sqlite", b"SQLite format 3\0" + b"x" * 99, "an SQLite database"),
    ],
)
def test_what_is_packed_is_told_with_what_to_do(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    path = written(tmp_path, data, name)
    with pytest.raises(TraceError) as caught:
        analyse(path)
    assert str(caught.value).startswith(f"{path}: not a trace but {said}")
    assert "\n" not in str(caught.value)


def loose(rows: list[dict]) -> list[dict]:
    """As Ascend's tools write times, and Gaudi's what has no arguments."""
    found = []
    for row in rows:
        one = {**row, "ts": f"{row['ts']:.3f}", "dur": f"{row['dur']:.3f}"}
        found += [one, {"ph": "f", "cat": "ac2g", "name": "x", "ts": one["ts"], "args": None}]
    return found


def test_numbers_as_text_and_null_for_arguments(tmp_path: Path) -> None:
    one = made(3000)
    plain = report(analyse(one.write(tmp_path)))
    one.rows = loose(one.rows)
    found = report(analyse(one.write(tmp_path, "loose.json")))
    assert (found.steps, found.kernels, found.facts) == (plain.steps, plain.kernels, [])


def test_names_of_rows_that_no_terminal_should_obey(tmp_path: Path) -> None:
    one = made(1).kernel("ev\x1b[31mil\nname", 50, 5)
    text = one.text().encode().replace(b'"aten::mm"', b'"aten::\xff\xfemm"')
    found = report(analyse(written(tmp_path, text, "t.json")))
    assert {row.name for row in found.kernels} == {GEMM, "ev\x1b[31mil\nname"}


def test_json_dumps_of_a_list(tmp_path: Path) -> None:
    text = json.dumps(made().rows).encode()
    assert warnings(written(tmp_path, text, "t.json")) == []
    assert warnings(written(tmp_path, gzip.compress(text) + b"\0" * 20)) == []
