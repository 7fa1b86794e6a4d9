"""A disk, a quota or a stream that takes nothing: one line, exit code 5, and the table."""

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from resnext_bench.cli import main as program
from resnext_bench.cli.terminal.output import PLAIN, Output, Told, fitted, open_output, print_json
from resnext_bench.errors import NotKept, cannot_write
from resnext_bench.reports.store import columns, files, runs
from tests.reports.made_results import even_samples, made_record, made_result
from tests.session.made_duets import LAPTOP, made_recording, set_stage

ROOT = Path(__file__).parents[2]
ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """Every atomic write fails."""

    def refuse(path: Path, data: bytes) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(files, "_write_beside", refuse)
    number: int = request.param
    return number


def ended(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *options: str) -> int:
    """What the program ends with where the command does this."""
    monkeypatch.setattr(program, "app", lambda *arguments, **names: act())
    monkeypatch.setattr(sys, "argv", ["resnext-bench", "run", *options])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    with pytest.raises(SystemExit) as end:
        program.main()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("broken", ERRORS, indirect=True)
def test_a_run_that_cannot_be_kept_is_shown(
    broken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = set_stage(monkeypatch)
    run = made_recording(tmp_path)
    stage.measure_session(run, 1, 0, lambda _: None)
    code = ended(monkeypatch, lambda: run.close("ok", "", None))
    out, err = capsys.readouterr()
    assert code == 5
    assert "images/s" in out
    (line,) = err.splitlines()
    assert line.startswith(
        f"error: cannot write {run.setup.folder / 'record.json'}: {os.strerror(broken)}"
    )
    assert line.endswith("what was measured is shown above, but not stored")


@pytest.mark.parametrize("text", ["IO Error: Could not write file: No space left on device", "?"])
def test_samples_that_cannot_be_written(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB tells it in words of its own."""

    class Full:
        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *what: object) -> None:
            pass

        def sql(self, *what: Any, **names: Any) -> "Full":
            return self

        def write_parquet(self, *what: Any, **names: Any) -> None:
            raise columns.duckdb.IOException(text)

    monkeypatch.setattr(columns.duckdb, "connect", Full)
    with pytest.raises(OSError, match=r"samples\.parquet") as found:
        columns.write_columns(tmp_path / columns.FILE, [made_result(even_samples(0, [10] * 4))])
    assert found.value.errno == (errno.EIO if text == "?" else errno.ENOSPC)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("broken", [errno.ENOSPC], indirect=True)
def test_a_comparison_that_cannot_be_kept_is_shown(
    broken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes on to its end, though its state is not kept after any session."""
    from resnext_bench.reports.schema.comparison import Limits
    from resnext_bench.session.compare.opening import Asked, compare
    from tests.session.made_duets import SMALL
    from tests.session.made_script import Silent

    set_stage(monkeypatch)
    asked = Asked(
        a=SMALL,
        b=SMALL | {"channels_last": False},
        given=("", ""),
        design="duet",
        limits=Limits(margin_percent=2, max_sessions=4, max_minutes=5, pairs=4, block_steps=0),
        root=tmp_path,
        command=(),
    )
    code = ended(monkeypatch, lambda: compare(asked, LAPTOP, Silent()))
    out, err = capsys.readouterr()
    assert code == 5
    assert out.startswith("b is slower than a: a step takes 100 % longer")
    assert "the comparison could not have been resumed" in " ".join(out.split())
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_no_folder_can_be_made(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*what: object, **names: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "runs"))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert ended(monkeypatch, lambda: runs.create(tmp_path / "runs", "x")) == 5
    expected = f"error: cannot write {tmp_path / 'runs'}: {os.strerror(number)}"
    assert capsys.readouterr().err.startswith(expected)


def test_what_is_no_fault_of_the_environment_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    assert ended(monkeypatch, act) == 70
    assert "internal error: OSError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ImportError("_duckdb.so: failed to map segment from shared object"),
            "_duckdb.so: failed to map segment from shared object (there was no address space left",
        ),
        (MemoryError(), "out of memory: free some, or raise ulimit -v"),
        (RuntimeError("can't start new thread"), "can't start new thread (no more threads could"),
        (
            BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)),
            "cannot start a process: Resource temporarily unavailable (no more processes can be",
        ),
    ],
)
def test_a_limit_that_is_reached_is_no_bug(
    error: Exception,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def act() -> None:
        raise error

    assert ended(monkeypatch, act) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {words}")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a dictionary changed size"),
        ImportError("cannot import name x"),
        BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), "/run/pipe"),
    ],
)
def test_what_no_limit_explains_is_a_bug(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> None:
        raise error

    assert ended(monkeypatch, act) == 70
    assert "This is a bug" in capsys.readouterr().err


def test_ctrl_c_outside_of_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> None:
        raise KeyboardInterrupt

    assert ended(monkeypatch, act) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_in_a_command_that_does_not_handle_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Typer would end it without a word."""
    app = typer.Typer()

    @app.command()
    def slow() -> None:
        raise KeyboardInterrupt

    assert ended(monkeypatch, lambda: app([])) == 130
    assert capsys.readouterr().err == "interrupted\n"


class Full(StringIO):
    """Takes so many writes, and then no byte more."""

    encoding = "utf-8"

    def __init__(self, takes: int, number: int) -> None:
        super().__init__()
        self.takes, self.number = takes, number

    def flush(self) -> None:
        self.takes -= 1
        if self.takes < 0:
            raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_standard_output_that_is_full(
    number: int,
    options: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All that it did not take is on standard error."""
    from resnext_bench.cli.terminal.show import show_stored

    monkeypatch.setattr(sys, "stdout", Full(0, number))
    code = ended(
        monkeypatch, lambda: show_stored(made_record(), "json" if options else "table"), *options
    )
    err = capsys.readouterr().err
    assert code == 5
    assert ('"images_per_s"' if options else "images/s") in err
    assert err.splitlines()[-1] == (
        f"error: cannot write standard output: {os.strerror(number)} "
        "(what it did not take is on standard error)"
    )


def test_what_arrived_is_not_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(Full(1, errno.ENOSPC))
    for text in ("first\n", "second\n", "third\n"):
        output.write(text)
        output.flush()
    assert capsys.readouterr().err == "second\nthird\n"
    assert output.error is not None


@contextmanager
def encoded(monkeypatch: pytest.MonkeyPatch, path: Path, encoding: str) -> Iterator[None]:
    """Standard output with another encoding, as a file."""
    with (
        TextIOWrapper(path.open("wb"), encoding=encoding) as stream,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stdout", stream)
        open_output()
        yield


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp437", "koi8-r"])
def test_a_table_where_the_encoding_has_no_boxes(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resnext_bench.cli.terminal.show import show_stored

    with encoded(monkeypatch, tmp_path / "out", encoding):
        show_stored(made_record(), "table")
    text = (tmp_path / "out").read_bytes().decode(encoding)
    assert "| images/s " in text
    assert re.search("#####|█████", text)
    assert "?" not in text


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1"])
def test_json_is_json_in_any_encoding(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = made_record(note="größer × 2 → \U0001f600")
    with encoded(monkeypatch, tmp_path / "out", encoding):
        print_json(msgspec.json.encode(record))
    assert msgspec.json.decode((tmp_path / "out").read_bytes())["note"] == record.note


def test_names_that_are_no_text() -> None:
    open_output_handler = "caf\udce9 ± 1 → 2"
    assert open_output_handler.encode("ascii", PLAIN) == rb"caf\xe9 +/- 1 -> 2"
    assert open_output_handler.encode("utf-8", PLAIN) == "caf\\xe9 ± 1 → 2".encode()


def test_what_helps_stands_in_the_message() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/data/x")
    assert cannot_write(full) == (
        "cannot write /data/x: No space left on device (free some space there, or name another "
        "folder)"
    )
    assert str(NotKept(None, full)).endswith("what was measured is shown above, but not stored")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("│ a → b   │", "| a -> b  |"),
        ("│ ±1 %  │ 3 × 4  │", "| +/-1 % | 3 x 4 |"),
        ("│ igemm_fwd_nh… │", "| igemm_fwd_nh~ |"),
        ("more …, of 2 →  3", "more ..., of 2 -> 3"),
        ("│ ±│", "| +/-|"),
    ],
)
def test_columns_stay_where_they_were(line: str, expected: str) -> None:
    """As far as there are spaces."""
    assert fitted(line, "ascii") == expected
    assert fitted(line, "utf-8") == line


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPIPE])
def test_standard_error_that_takes_nothing(number: int) -> None:
    told = Told(Full(0, number))
    assert told.write("starting the ranks") == 18
    told.flush()


@pytest.mark.parametrize("number", ERRORS)
def test_data_that_cannot_be_written(number: int) -> None:
    from resnext_bench.errors import CannotHere, UsageError
    from resnext_bench.pipelines.errors import DataError, Unwritable
    from resnext_bench.session.data import told

    error = told(Unwritable("cannot write set: …", OSError(number, os.strerror(number))))
    assert isinstance(error, CannotHere)
    assert str(error).startswith("cannot write set: … (")
    wrong = OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    assert isinstance(told(Unwritable("a file is in the way", wrong)), UsageError)
    assert isinstance(told(DataError("no images")), UsageError)
