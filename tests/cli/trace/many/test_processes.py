"""Processes that cannot be ended, as their kernel holds them back."""

import subprocess
from dataclasses import dataclass, field
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import cast

from resnext_bench.cli.trace.many.processes import _Child, _Crew
from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.many.jobs import Done, Job
from resnext_bench.reports.trace.many.tasks import Ranking


@dataclass
class Held:
    """A process that goes on whatever is done."""

    done: list[str] = field(default_factory=list)

    def poll(self) -> None:
        self.done.append("poll")

    def kill(self) -> None:
        self.done.append("kill")

    def wait(self, timeout: float) -> int:
        self.done.append("wait")
        raise subprocess.TimeoutExpired("held", timeout)


def child(process: Held) -> _Child:
    file = TraceFile(path=Path("rank0.json"), rank=0)
    job = Job(number=0, task=Ranking(), file=file, at=None, is_watched=False)
    ours, theirs = Pipe()
    theirs.close()
    return _Child(process=cast("subprocess.Popen[bytes]", process), connection=ours, job=job)


def test_one_that_does_not_end_hides_nothing() -> None:
    children = [child(Held()), child(Held())]
    crew = _Crew(2)
    crew._children.extend(children)
    crew.end()
    assert all(one.connection.closed for one in children)


def test_one_that_says_nothing_more_is_waited_for_and_then_killed() -> None:
    process = Held()
    crew = _Crew(1)
    crew._children.append(child(process))
    ((word, _),) = crew.told()
    assert isinstance(word, Done)
    told = "rank0.json: the process that read it says nothing more, and was ended"
    assert str(word.broken) == told
    assert process.done == ["wait", "poll", "kill", "wait"]
    assert not crew.busy
