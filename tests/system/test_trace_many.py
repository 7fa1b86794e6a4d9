"""Several processes that read traces: the same results, and none of them is left over."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from resnext_bench.cli.trace.many.processes import in_processes
from resnext_bench.machine.host.cores import descendants
from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.many.jobs import Done, Job
from resnext_bench.reports.trace.many.tasks import Ranking
from resnext_bench.reports.trace.reading.source import Progress
from tests.cli.typed import Typed
from tests.reports.trace.ranks.made_ranks import Plan, made_ranks

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ranks")
    for at, one in enumerate(made_ranks(Plan(ranks=4, slow=1, factor=1.2))):
        one.write(made, f"rank{at}.pt.trace.json")
    return made


@pytest.mark.parametrize("command", ["ranks", pytest.param("report", marks=pytest.mark.slow)])
def test_results_are_the_same_to_the_last_byte(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = Typed(monkeypatch, capsys, "trace", command, str(folder), "--json")
    assert typed("--jobs", "3") == typed("--jobs", "1")


def test_a_tar_is_unpacked_for_them_and_removed(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, temporary = tmp_path / "ranks.tgz", tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with tarfile.open(path, "w:gz") as archive:
        for rank in (3, 1, 0, 2):
            archive.add(folder / f"rank{rank}.pt.trace.json", f"rank{rank}.pt.trace.json")
        broken = tarfile.TarInfo("rank4.pt.trace.json")
        archive.addfile(broken, io.BytesIO(b""))
    typed = Typed(monkeypatch, capsys, "trace", "ranks", str(path), "--json", "--keep-going")
    told = typed("--jobs", "2")
    assert told[0] == 1
    assert told == typed("--jobs", "1")
    assert not list(temporary.iterdir())


def job(number: int, path: Path) -> Job:
    file = TraceFile(path=path, rank=number)
    return Job(number=number, task=Ranking(), file=file, at=None, is_watched=False)


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """Return what is never read to its end."""
    path = tmp_path / "stuck.json"
    os.mkfifo(path)
    return path


def children() -> list[int]:
    return descendants([os.getpid()])[1:]


def in_both(folder: Path, stuck: Path) -> Iterator[Done]:
    jobs = [job(0, stuck), job(1, folder / "rank1.pt.trace.json"), job(2, folder / "none.json")]
    return in_processes(iter(jobs), 2, lambda number, read, size: None)


def test_a_process_that_is_killed_is_told_with_its_file(folder: Path, stuck: Path) -> None:
    ends = in_both(folder, stuck)
    good, missing = next(ends), next(ends)
    assert (good.number, good.kept.number) == (1, 1)
    assert (missing.number, missing.broken and missing.broken.kind) == (2, "unreadable")
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    (lost,) = ends
    assert lost.number == 0
    assert lost.broken
    assert lost.broken.kind == "ended"
    assert str(lost.broken) == (
        f"{stuck}: the process that read it was ended by SIGKILL, as happens where memory is used "
        "up; read fewer at once: --jobs 1"
    )
    assert not children()


@dataclass(frozen=True)
class Ends:
    """A task whose process ends in a way of its own."""

    how: str

    def __call__(self, file: TraceFile, progress: Progress, at: Path | None) -> bytes:
        """Let half of the result through, exit, close the connection, or fail while it is sent."""
        send = Connection._send  # type: ignore[attr-defined]

        def ending(self: Connection, buf: bytes) -> None:
            if self.writable and len(buf) > 1_000_000:
                os.write(self.fileno(), bytes(buf[: len(buf) // 2]))
                os.kill(os.getpid(), signal.SIGKILL)
            send(self, buf)

        match self.how:
            case "half":
                Connection._send = ending  # type: ignore[attr-defined]
            case "exit":
                os._exit(3)
            case "signal":
                os.kill(os.getpid(), signal.SIGTERM)
            case "unsendable":
                return lambda: b""  # type: ignore[return-value]
        return b"x" * 5_000_000


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("half", "was ended by SIGKILL, as happens where memory is used up; "),
        ("exit", "ended with exit code 3"),
        ("signal", "was ended by SIGTERM"),
        ("unsendable", "ended with exit code 1"),
    ],
)
def test_how_a_process_ended_is_told(
    how: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = children()
    one = replace(job(0, Path("rank0.json")), task=Ends(how))
    (lost,) = in_processes(iter([one]), 1, lambda number, read, size: None)
    assert lost.broken
    assert lost.broken.kind == "ended"
    assert str(lost.broken).startswith(f"rank0.json: the process that read it {told}")
    assert ("--jobs 1" in str(lost.broken)) == (how == "half")
    assert children() == before
    assert ("Traceback" in capfd.readouterr().err) == (how == "unsendable")


def test_none_is_left_where_the_rest_is_not_wanted(folder: Path, stuck: Path) -> None:
    before = children()
    ends = in_both(folder, stuck)
    assert next(ends).number == 1
    assert len(children()) == len(before) + 2
    ends.close()  # type: ignore[attr-defined]  # a generator
    assert children() == before


@pytest.mark.slow
def test_ctrl_c_ends_them_all(tmp_path: Path) -> None:
    row = '{"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": 1, "dur": 1},\n'
    for rank in range(2):
        text = '{"traceEvents": [\n' + row * 1_500_000
        (tmp_path / f"rank{rank}.pt.trace.json").write_text(text)
    words = (sys.executable, "-m", "resnext_bench", "trace", "ranks", str(tmp_path), "--jobs", "2")
    program = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while program.poll() is None and len(pids := descendants([program.pid])) < 3:
        time.sleep(0.01)
    time.sleep(0.5)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (130, "interrupted\n")
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
