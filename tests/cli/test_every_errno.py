"""Each file that a command writes, refused once: one line, exit code 5, and what was measured."""

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from resnext_bench.launch.watch import Listener
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import open_log
from resnext_bench.session.recording import Recording
from resnext_bench.session.runs import run as session_run
from tests.cli.test_unwritable import ended
from tests.reports.made_results import RUN_ID, made_record
from tests.session.made_duets import LAPTOP, SMALL, Stage, set_stage
from tests.session.made_script import Silent

ERRORS: Final = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES),
    errno.EPERM,
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Disk:
    """What is written below a folder, and what is refused there.

    The interpreter asks an audit hook before it opens, makes, moves or cuts a file.
    """

    def __init__(self) -> None:
        self.root = ""
        self.refused = ""
        self.number = 0
        self.written: dict[str, None] = {}
        self.is_asked = False

    def watch(self, root: Path) -> None:
        """Begin to note what is written."""
        self.root, self.refused, self.written = os.fspath(root), "", {}
        self.is_asked = True

    def refuse(self, root: Path, place: str, number: int) -> None:
        """Refuse all writes to files of that name."""
        self.watch(root)
        self.refused, self.number = place, number

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called for everything that the process does."""
        if not self.is_asked:
            return
        if event == "open":
            path = arguments[0] if (arguments[2] or 0) & _WRITING else None
        elif event in ("os.mkdir", "os.truncate"):
            path = arguments[0]
        else:
            path = arguments[1] if event == "os.rename" else None
        if not isinstance(path, str | Path) or not str(path).startswith(f"{self.root}/"):
            return
        if event == "os.mkdir" and Path(path).is_dir():  # nothing is asked of the disk
            return
        place = place_of(Path(path))
        self.written.setdefault(place)
        if place == self.refused:
            raise OSError(self.number, os.strerror(self.number), str(path))


def place_of(path: Path) -> str:
    """The name of a file without what differs each time, as a temporary end."""
    stem = re.sub(r"^\.(.+)\.(making-)?\w{8}$", r"\1", path.name)
    return re.sub(r"\d{8}-\d{6}-(\w+?)(_1n)?-\w{4}$", r"\1", stem)


DISK: Final = Disk()
sys.addaudithook(DISK.hook)


@pytest.fixture(autouse=True)
def _unwatched() -> Iterator[None]:
    yield
    DISK.is_asked = False


def run_twice(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """A run of two sessions; the disk is watched after the first."""
    stage = Stage()

    def measured(run: Recording, number: int, port: int, tell: Listener) -> Session:
        if number == 2:
            begin()
        run.session_folder(number).create(run.setup.job(number, 1.0), None)
        return stage.measure_session(run, number, port, tell)

    monkeypatch.setattr(session_run, "measure_session", measured)
    request = SMALL | {"sessions": 2}
    record = session_run.execute(request, LAPTOP, root=root, command=("run",), display=Silent())
    from resnext_bench.cli.terminal.show import show_stored

    return show_stored(record, "table")


def compared(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """A comparison by relaunching; the disk is watched in its second session."""
    from resnext_bench.cli.terminal.show import show_stored
    from resnext_bench.reports.schema.comparison import Limits
    from resnext_bench.session.compare.opening import Asked, compare

    def second(number: int) -> None:
        if number == 2:
            begin()

    set_stage(monkeypatch).meanwhile = second
    asked = Asked(
        a=SMALL,
        b=SMALL | {"channels_last": False},
        given=("", ""),
        design="relaunch",
        limits=Limits(margin_percent=2, max_sessions=2, max_minutes=5, pairs=4, block_steps=0),
        root=root,
        command=(),
    )
    return show_stored(compare(asked, LAPTOP, Silent()), "table")


def stored(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """Stored runs against each other."""
    from resnext_bench.cli.terminal.show import show_stored
    from resnext_bench.session.compare.stored import AskedStored, compare_stored

    names = [f"{RUN_ID[:-1]}{end}" for end in "ab"]
    for name in names:
        (root / name).mkdir()
        runs.save(root / name, made_record(id=name))
    begin()
    asked = AskedStored(
        a=(names[0],), b=(names[1],), margin_percent=2.0, root=root, command=("compare",)
    )
    return show_stored(compare_stored(asked), "table")


def tagged(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """A tag."""
    from resnext_bench.cli.runs.commands import tag_command

    (root / RUN_ID).mkdir()
    runs.save(root / RUN_ID, made_record())
    begin()
    return tag_command("last", ("nightly",), False, root)


def exported(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """Tables of a trace."""
    from resnext_bench.cli.trace.query import query_command
    from tests.cli.trace.test_report import made as some

    path = some().write(root)
    begin()
    return query_command(str(path), None, "csv", str(root / "tables"), None, as_json=False)


def made(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """A data set, in this process."""
    from resnext_bench.cli.data.make import make_command

    begin()
    given = {"folder": str(root / "set"), "images": 2, "classes": 2, "seed": 0}
    options = {"size": 64, "quality": 90, "source": None, "workers": 1, "json": False}
    return make_command(given | options)


def packed(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """Shards of it."""
    from resnext_bench.cli.data.pack import pack_command

    made(root, monkeypatch, lambda: None)
    begin()
    given = {"folder": str(root / "set"), "out": str(root / "shards"), "format": "webdataset"}
    options = {"shard_mb": 1, "seed": 0, "bad_files": None, "workers": 1, "json": False}
    return pack_command(given | options | {"bad_files": "stop"})


def scripted(root: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]) -> object:
    """A comparison of scripts, the disk watched in the second session."""
    from resnext_bench.cli.terminal.show import show_stored
    from resnext_bench.session.compare import script
    from resnext_bench.session.compare.opening_script import compare_script
    from tests.session.made_script import made_asked

    class Quick(script.RunningScript):
        def __enter__(self) -> "Quick":
            open_log(self.command.log).close()
            return self

        def wait(self, *rest: object) -> int:
            path = self.command.samples
            asked, DISK.is_asked = DISK.is_asked, False  # what a script writes is its own
            path.write_text("1000000\n" * 40)
            DISK.is_asked = asked
            if path.match("session-1/b.samples"):
                begin()
            return 0

    monkeypatch.setattr(script, "RunningScript", Quick)
    asked = made_asked(root, root=root, script=(sys.executable, "-V"), design="relaunch")
    return show_stored(compare_script(asked, LAPTOP, Silent()), "table")


MEASURED: Final = {
    run_twice: "images/s",
    compared: "b is|no verdict|can't tell",
    scripted: "b |no verdict",
    stored: "can't tell",
}
"""Commands that have measured something by then, and what must be shown of it."""
COMMANDS: Final = (*MEASURED, tagged, exported, made, packed)
NOT_NEEDED: Final = {"state.json"}
"""The comparison goes on, and says that it could not have been resumed."""


@pytest.mark.parametrize("act", COMMANDS, ids=lambda act: act.__name__)
def test_whatever_is_refused(
    act: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All files that are found to be written, one after another, each with another error."""
    first = tmp_path / "first"
    first.mkdir()
    code = ended(monkeypatch, lambda: act(first, monkeypatch, lambda: DISK.watch(first)))
    assert code == 0, "nothing is refused"
    DISK.is_asked = False
    places = list(DISK.written)
    assert places
    capsys.readouterr()
    for index, place in enumerate(places):
        number = ERRORS[index % len(ERRORS)]
        root = tmp_path / f"{index}"
        root.mkdir()

        def begin(root: Path = root, place: str = place, number: int = number) -> None:
            DISK.refuse(root, place, number)

        code = ended(monkeypatch, lambda root=root, begin=begin: act(root, monkeypatch, begin))
        DISK.is_asked = False
        out, err = capsys.readouterr()
        if place in NOT_NEEDED:
            assert "the comparison could not have been resumed" in " ".join(out.split()), place
            continue
        told = [line for line in err.splitlines() if line.startswith("error: ")]
        assert (code, len(told)) == (5, 1), (place, code, err)
        assert os.strerror(number) in told[0], place
        assert "Traceback" not in err, place
        assert re.search(MEASURED.get(act, ""), out), (place, out)


@pytest.mark.parametrize("number", ERRORS)
def test_every_error_of_a_record(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def begin() -> None:
        DISK.refuse(tmp_path, "record.json", number)

    assert ended(monkeypatch, lambda: run_twice(tmp_path, monkeypatch, begin)) == 5
    out, err = capsys.readouterr()
    assert "images/s" in out
    assert len(err.splitlines()) == 1
    assert f"record.json: {os.strerror(number)}" in err
