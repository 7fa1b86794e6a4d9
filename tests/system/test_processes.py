"""Processes started and ended: none is left, however stubborn."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resnext_bench.job import SessionFolder
from resnext_bench.launch import processes as module
from resnext_bench.launch.commands import NodeCommand
from resnext_bench.launch.ends import was_terminated
from resnext_bench.launch.processes import Processes
from resnext_bench.rankfile import RankFile

pytestmark = pytest.mark.system
CORES = tuple(sorted(os.sched_getaffinity(0)))
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen((sys.executable, "-S", "-c", "import time; time.sleep(60)"))
open(sys.argv[1], "w").write(f"{child.pid}\\n")
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    found = SessionFolder(tmp_path / "session-1")
    for path in (found.ranks, found.logs):
        path.mkdir(parents=True)
    return found


def command(
    code: str, *arguments: str, node: int = 0, cores: tuple[int, ...] = CORES
) -> NodeCommand:
    argv = (sys.executable, "-S", "-c", code, *arguments)
    return NodeCommand(node=node, argv=argv, environment={"MADE_BY": "a test"}, cores=cores)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def ended(agents: Processes) -> bool:
    return None not in agents.exit_codes


def test_exit_codes_and_logs(folder: SessionFolder) -> None:
    codes = (
        "import os; print(os.environ['MADE_BY'], flush=True)",
        "import sys; print('no', file=sys.stderr); sys.exit(3)",
        "import os; os.kill(os.getpid(), 9)",
    )
    plan = [command(code, node=node) for node, code in enumerate(codes)]
    with Processes(plan, folder) as agents:
        wait_until(lambda: ended(agents))
        assert agents.exit_codes == [0, 3, -signal.SIGKILL]
    assert folder.node_log(0).read_text() == "a test\n"
    assert folder.node_log(1).read_text() == "no\n"


def test_a_running_process_has_no_exit_code(folder: SessionFolder) -> None:
    with Processes([command("import time; time.sleep(60)")], folder) as agents:
        assert agents.exit_codes == [None]
    assert agents.exit_codes == [-signal.SIGTERM]


def test_a_process_stands_on_its_cores(folder: SessionFolder) -> None:
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    with Processes([command(code, cores=CORES[-1:])], folder) as agents:
        wait_until(lambda: ended(agents))
    assert folder.node_log(0).read_text() == f"[{CORES[-1]}]\n"


def test_stubborn_children_and_theirs_end(
    folder: SessionFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.2)
    note = tmp_path / "pid"
    with Processes([command(STUBBORN, str(note))], folder) as agents:
        wait_until(lambda: note.exists() and note.read_text().endswith("\n"))
        grandchild = int(note.read_text())
        assert alive(grandchild)
    assert agents.exit_codes == [-signal.SIGKILL]
    wait_until(lambda: not alive(grandchild))


def test_grandchildren_of_a_process_that_ended_by_itself(
    folder: SessionFolder, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    code = STUBBORN.replace("time.sleep(60)\n", "sys.exit(4)\n")
    with Processes([command(code, str(note))], folder) as agents:
        wait_until(lambda: ended(agents))
        grandchild = int(note.read_text())
        assert alive(grandchild)
    assert agents.exit_codes == [4]
    wait_until(lambda: not alive(grandchild))


def test_ranks_in_groups_of_their_own_are_found_by_their_files(
    folder: SessionFolder, tmp_path: Path
) -> None:
    """Torchrun starts each rank as the leader of a session: the agent's group does not hold it."""
    code = """
import subprocess, sys
words = (sys.executable, "-S", "-c", "import time; time.sleep(60)", *sys.argv[2:])
child = subprocess.Popen(words, start_new_session=True)
open(sys.argv[1], "w").write(f"{child.pid}\\n")
"""
    ours, others = tmp_path / "ours", tmp_path / "others"
    plan = [
        command(code, str(ours), str(folder.path), node=0),
        command(code, str(others), "elsewhere", node=1),
    ]
    with Processes(plan, folder) as agents:
        wait_until(lambda: ended(agents))
        pids = [int(path.read_text()) for path in (ours, others)]
        for rank, pid in enumerate(pids):
            RankFile.create(folder.rank_file(rank), rank=rank, pid=pid, warm_up=1, steps=1)
    wait_until(lambda: not alive(pids[0]))
    assert alive(pids[1]), "an id that was used again belongs to somebody else"
    os.kill(pids[1], signal.SIGKILL)


def test_nothing_is_left_when_a_later_command_cannot_start(folder: SessionFolder) -> None:
    absent = NodeCommand(node=1, argv=("/no/such/program",), environment={}, cores=CORES)
    agents = Processes([command("import time; time.sleep(60)"), absent], folder)
    with pytest.raises(FileNotFoundError), agents:
        pass
    assert agents.exit_codes == [-signal.SIGTERM]


def test_stopping_twice_does_no_harm(folder: SessionFolder) -> None:
    with Processes([command("pass")], folder) as agents:
        wait_until(lambda: ended(agents))
        agents.stop()
    assert agents.exit_codes == [0]


def test_a_rank_that_somebody_ends_says_where_it_was(tmp_path: Path) -> None:
    """At once and without Python's help, as it may be deep in a library, and then it ends."""
    log, ready = tmp_path / "log", tmp_path / "ready"
    code = (
        "import sys; from pathlib import Path\n"
        "from resnext_bench.worker.entry import _redirect_output\n"
        "_redirect_output(Path(sys.argv[1])); Path(sys.argv[2]).touch()\n"
        "sum(iter(int, 1))"
    )
    with subprocess.Popen((sys.executable, "-c", code, log, ready)) as rank:
        wait_until(ready.exists)
        rank.send_signal(signal.SIGTERM)
        assert rank.wait(30) == -signal.SIGTERM
    assert was_terminated(log)
    assert not was_terminated(tmp_path / "none")
