"""Starts the processes of a session, watches them, and makes sure that none is left over."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from resnext_bench.job import SessionFolder
from resnext_bench.launch.commands import NodeCommand
from resnext_bench.machine.host.cores import descendants
from resnext_bench.machine.host.process import HELD, bind_to_cores, die_with_parent, undisturbed
from resnext_bench.rankfile import RankFile
from resnext_bench.reports.store.files import open_log

GRACE_S = 8.0
"""Seconds between SIGTERM and SIGKILL. Torchrun passes SIGTERM on to its ranks."""


class Processes:
    """The agents of one session. Leaving the `with` block leaves no process behind."""

    def __init__(self, commands: Sequence[NodeCommand], folder: SessionFolder) -> None:
        self._folder = folder
        self._agents: list[subprocess.Popen[bytes]] = []
        self._commands = commands

    def __enter__(self) -> Self:
        try:
            for command in self._commands:
                with undisturbed():  # a signal in here would leave a process that nobody knows
                    self._agents.append(_start(command, self._folder.node_log(command.node)))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def exit_codes(self) -> list[int | None]:
        """Return each node's exit code: None while it runs, -N if signal N ended it."""
        return [agent.poll() for agent in self._agents]

    @property
    def pids(self) -> list[int]:
        """Return the ids of all agents, of the ranks known so far, and of what these started."""
        agents = [agent.pid for agent in self._agents]
        return descendants([*agents, *_rank_pids(self._folder)])

    def stop(self) -> None:
        """Ask all agents to end, then kill them and every rank they may have left."""
        with undisturbed():
            self._stop()

    def _stop(self) -> None:
        running = [agent for agent in self._agents if agent.poll() is None]
        for agent in running:
            signal_group(agent.pid, signal.SIGTERM)
        wait_for(running, GRACE_S)
        for agent in self._agents:
            signal_group(agent.pid, signal.SIGKILL)
        wait_for(self._agents, GRACE_S)
        self._folder.free_room()
        for pid in _rank_pids(self._folder):
            if _is_worker(pid, self._folder.path):
                signal_group(pid, signal.SIGKILL)


def _start(command: NodeCommand, log: Path) -> subprocess.Popen[bytes]:
    def before_exec() -> None:
        # System calls, and no lock that another thread of the program could hold.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
        bind_to_cores(command.cores)
        die_with_parent(signal.SIGTERM)

    with open_log(log) as stream:
        return subprocess.Popen(
            command.argv,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C reaches this program alone, which then ends the rest.
            start_new_session=True,
            preexec_fn=before_exec,  # noqa: PLW1509
        )


def signal_group(pid: int, sig: signal.Signals) -> None:
    """Send a signal to a process group, if it still exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sig)


def wait_for(agents: Iterable[subprocess.Popen[bytes]], seconds: float) -> None:
    """Wait until all have ended, for at most `seconds`."""
    deadline = time.monotonic() + seconds
    for agent in agents:
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.wait(max(0.0, deadline - time.monotonic()))


def _rank_pids(folder: SessionFolder) -> list[int]:
    files = (RankFile.open(path) for path in folder.ranks.glob("rank-*.bin"))
    return [file.pid for file in files if file]


def _is_worker(pid: int, folder: Path) -> bool:
    """Return whether the process is a rank of this session, as ids are used again."""
    try:
        return os.fsencode(folder) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
