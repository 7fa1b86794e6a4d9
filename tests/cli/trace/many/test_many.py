"""Commands on many traces: archives, broken files, JSON of other programs."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from resnext_bench.cli.trace.many.reading import Reading, gather
from resnext_bench.reports.store.trace_files import find_traces
from resnext_bench.reports.trace.many.jobs import Done
from resnext_bench.reports.trace.many.tasks import Ranking
from tests.cli.typed import Typed
from tests.reports.trace.ranks.made_ranks import Plan, made_ranks


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "200")
    return Typed(monkeypatch, capsys, "trace")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three ranks and of an archive of them."""
    made = tmp_path_factory.mktemp("ranks")
    paths = [
        one.write(made, f"rank{at}.pt.trace.json.gz")
        for at, one in enumerate(made_ranks(Plan(ranks=3, steps=3)))
    ]
    with zipfile.ZipFile(made / "ranks.zip", "w") as archive:
        for path in paths:
            archive.write(path, f"job/{path.name}")
    return made


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "ranks.zip"
    path.write_bytes((folder / "ranks.zip").read_bytes())
    return path


def add(archive: Path, name: str, data: bytes) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(name, data)


@pytest.mark.parametrize("command", ["report", "ranks"])
def test_an_archive_is_a_folder(typed: Typed, folder: Path, archive: Path, command: str) -> None:
    code, out, err = typed(command, archive, "--json")
    assert (code, err) == (0, "")
    of_folder = typed(command, folder, "--json")[1]
    told, other = json.loads(out), json.loads(of_folder)
    assert [Path(one["file"]).parent for one in told["ranks"]] == [archive / "job"] * 3
    for one in (told, other):
        one.pop("facts"), one.pop("warnings"), one.pop("left_out")
    plain = json.dumps(told).replace(f"{archive}/job", str(folder))
    assert plain == json.dumps(other)


def test_query_and_diff_of_an_archive(typed: Typed, folder: Path, archive: Path) -> None:
    asked = "SELECT rank, count(*) AS n FROM kernels GROUP BY rank ORDER BY rank"
    code, out, err = typed("query", archive, asked, "--json")
    assert (code, err) == (0, "")
    assert (
        out
        == typed("query", folder / "rank0.pt.trace.json.gz", asked, "--json")[1][:-2]
        + (out[out.index(',{"rank":1') :])
    )
    code, out, _ = typed("diff", archive, archive, "--json")
    assert (code, json.loads(out)["a"]["ranks"]) == (0, 3)


@pytest.mark.parametrize("command", ["report", "ranks", "query"])
def test_a_broken_member_ends_the_command_unless_it_may_not(
    typed: Typed, archive: Path, command: str
) -> None:
    add(archive, "job/rank3.pt.trace.json", b"")
    more = ["SELECT count(*) FROM steps"] if command == "query" else []
    code, out, err = typed(command, archive, *more)
    assert (code, out) == (2, "")
    name = f"{archive}/job/rank3.pt.trace.json"
    assert err == f"error: {name}: the file is empty (0 bytes); --keep-going leaves it out\n"
    code, out, err = typed(command, archive, *more, "--keep-going")
    assert code == 1
    assert f"{name}: the file is empty (0 bytes)" in out + err


def test_a_broken_file_is_a_kind_with_values(typed: Typed, archive: Path) -> None:
    add(archive, "job/rank3.pt.trace.json", b'{"traceEv')
    told = json.loads(typed("ranks", archive, "--json", "--keep-going")[1])
    (fact,) = [one for one in told["facts"] if one["kind"] == "file_unreadable"]
    assert fact["values"]["of"] == "no trace"
    assert [one["rank"] for one in told["ranks"]] == [0, 1, 2]


def test_a_diff_with_a_broken_file_is_no_success(typed: Typed, folder: Path, archive: Path) -> None:
    add(archive, "job/rank3.pt.trace.json", b"")
    assert typed("diff", folder, archive)[0] == 2
    code, out, _ = typed("diff", folder, archive, "--keep-going", "--json")
    assert (code, json.loads(out)["is_beyond"]) == (1, False)


def test_nothing_can_be_read(typed: Typed, tmp_path: Path) -> None:
    for rank in range(2):
        (tmp_path / f"rank{rank}.pt.trace.json").write_bytes(b"")
    code, _, err = typed("ranks", tmp_path, "--keep-going")
    assert (code, err.count("the file is empty")) == (2, 2)


def test_json_of_something_else_is_not_broken(typed: Typed, tmp_path: Path) -> None:
    for at, one in enumerate(made_ranks(Plan(ranks=2, steps=3))):
        one.write(tmp_path, f"rank{at}.json")
    (tmp_path / "config.json").write_text('{"lr": 0.1}')
    (tmp_path / "job.json").write_text("{}")
    code, out, err = typed("ranks", tmp_path, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["left_out"] == [{"file": str(tmp_path / "config.json"), "why": "other"}]
    (tmp_path / "config.json").write_text('{"lr": 0.')
    assert typed("ranks", tmp_path)[0] == 2


def test_an_archive_that_ends_too_early(typed: Typed, folder: Path, tmp_path: Path) -> None:
    import tarfile

    path = tmp_path / "ranks.tar"
    with tarfile.open(path, "w") as archive:
        for rank in range(3):
            name = f"rank{rank}.pt.trace.json.gz"
            archive.add(folder / name, name)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    code, _, err = typed("ranks", path)
    assert (code, "--keep-going reports what it holds" in err) == (2, True)


def test_a_member_of_a_zip_with_a_damaged_header_is_a_broken_file(
    typed: Typed, archive: Path
) -> None:
    data = archive.read_bytes()
    at = data.index(b"PK\3\4", data.index(b"rank1.pt"))
    archive.write_bytes(data[:at] + b"\xff" + data[at + 1 :])
    name = f"{archive}/job/rank2.pt.trace.json.gz"
    code, out, err = typed("ranks", archive)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {name}: cannot be read: the archive is damaged: ")
    assert err.endswith("; --keep-going leaves it out\n")
    code, out, _ = typed("ranks", archive, "--keep-going", "--json")
    assert code == 1
    assert [one["rank"] for one in json.loads(out)["ranks"]] == [0, 1]


def test_reasons_stand_one_after_another(typed: Typed, folder: Path, tmp_path: Path) -> None:
    whole = (folder / "rank0.pt.trace.json.gz").read_bytes()
    (tmp_path / "rank0.pt.trace.json.gz").write_bytes(whole)
    (tmp_path / "rank1.pt.trace.json.gz").write_bytes(whole[:12] + b"\xff" * 99)
    (tmp_path / "rank2.pt.trace.json").write_text('{"traceEvents": [{"ph": "M"}]}')
    code, _, err = typed("ranks", tmp_path, "--keep-going")
    assert (code, "((" in err, err.count("))")) == (2, False, 0)
    assert "/rank1.pt.trace.json.gz: nothing of it can be read (gzip data" in err
    assert "/rank2.pt.trace.json: 1 row, and neither kernels nor operators among them" in err


def test_an_error_ends_those_who_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    def in_processes(*_: object) -> Iterator[Done]:
        try:
            yield Done(number=0, bug="ZeroDivisionError")
        finally:
            ended.append(True)

    monkeypatch.setattr("resnext_bench.cli.trace.many.reading.in_processes", in_processes)
    monkeypatch.setattr("resnext_bench.cli.trace.many.reading.how_many", lambda *_: 2)
    with pytest.raises(RuntimeError, match="ZeroDivisionError") as held:
        gather(Ranking(), find_traces(str(folder), None), Reading())
    assert ended, "though the traceback lives"
    del held


def test_an_archive_of_which_nothing_can_be_read(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "ranks.tgz"
    path.write_bytes(b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 99)
    for command in ("ranks", "report"):
        code, _, err = typed(command, path)
        assert code == 2
        assert err.startswith(f"error: {path}: the archive is cut or damaged, and may have held")
        assert "(gzip data are damaged near byte 0: " in err


def test_an_unfinished_run(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "session-1").mkdir()
    (tmp_path / "session-1" / "job.json").write_text("{}")
    code, _, err = typed("report", tmp_path)
    assert code == 2
    assert "a run that has not finished, as it has no record.json; and it has left no traces" in err
