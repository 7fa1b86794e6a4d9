"""The processes that time convolutions: one for each cap on instructions, and sides in them."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from resnext_bench.convs.times.messages import CAP, Begin, Block, Build, Took
from resnext_bench.convs.times.sides import Built, Facts, TimedSide
from resnext_bench.launch.commands import kept_memory
from resnext_bench.launch.processes import GRACE_S, signal_group, wait_for
from resnext_bench.logs import last_words
from resnext_bench.machine.host.process import HELD, bind_to_cores, die_with_parent, undisturbed
from resnext_bench.reports.store.files import open_log, temporary_folder

MODULE: Final = "resnext_bench.convs.measuring.child"
PATIENCE_S: Final = 300.0
"""Longest wait for an answer, s: the slowest is one call of a large convolution without oneDNN."""
POLL_S: Final = 0.5
_OF_ONEDNN: Final = (
    *(CAP, "DNNL_MAX_CPU_ISA", "ONEDNN_VERBOSE", "DNNL_VERBOSE", "MKLDNN_VERBOSE"),
    *("ONEDNN_VERBOSE_TIMESTAMP", "DNNL_VERBOSE_TIMESTAMP"),
)
"""Variables of the caller that no child gets: they would cap all sides, or log into timed calls."""


def without_onednn(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the caller without those by which oneDNN is capped, or logs."""
    return {name: text for name, text in variables.items() if name not in _OF_ONEDNN}


Answer = TypeVar("Answer", Facts, Built, Took)


class Ended(Exception):
    """A process that times ended, or gave no answer; the text says how, in one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """Where and how a side computes, as a rank of `run` does."""

    threads: int
    cores: tuple[int, ...]


class Child:
    """One process, from when it is entered. Leaving the `with` block ends it."""

    def __init__(self, seat: Seat, isa: str, module: str = MODULE) -> None:
        """Make a process that sits there, under a cap on oneDNN's instructions if there is one."""
        self._seat, self._isa, self._module = seat, isa, module
        self._buffer = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()
        self.built = 0
        """Sides of this group that it has."""

    def __enter__(self) -> Self:
        try:
            self._log = self._stack.enter_context(temporary_folder()) / "log"
            with undisturbed():  # once it runs it must be known, or nobody would end it
                self._process = self._start()
            self.facts = self._answer(Facts, lambda: None)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def begin(self) -> None:
        """Forget all sides."""
        self.built = 0
        self._ask(Begin())

    def build(self, side: TimedSide, block_s: float, tick: Callable[[], None]) -> tuple[int, Built]:
        """Have a side made ready, and return its number and what was found."""
        self._ask(Build(side=side, block_s=block_s))
        self.built += 1
        return self.built - 1, self._answer(Built, tick)

    def give(self, number: int, calls: int) -> None:
        """Let a side compute so many calls."""
        self._ask(Block(number=number, calls=calls))

    def took_ns(self, tick: Callable[[], None]) -> int:
        """Wait for the end of the block, and return its length."""
        return self._answer(Took, tick).ns

    def _start(self) -> subprocess.Popen[bytes]:
        with open_log(self._log) as log:
            return subprocess.Popen(
                (sys.executable, "-P", "-m", self._module, str(self._seat.threads)),
                env=self._variables(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # A session of its own: Ctrl-C reaches this program alone, which then ends the rest.
                start_new_session=True,
                preexec_fn=self._before_exec,  # noqa: PLW1509
            )

    def _variables(self) -> dict[str, str]:
        own = without_onednn(os.environ)
        ours = {
            # A user's folder may hold a bench/ or reports/ of its own: never import from it.
            "PYTHONSAFEPATH": "1",
            "OMP_NUM_THREADS": str(self._seat.threads),
            "CUDA_VISIBLE_DEVICES": "",
        }
        return own | ours | kept_memory() | ({CAP: self._isa} if self._isa else {})

    def _before_exec(self) -> None:
        # System calls, and no lock that another thread of the program could hold.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
        bind_to_cores(self._seat.cores)
        die_with_parent()

    def _ask(self, question: msgspec.Struct) -> None:
        assert self._process
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has ended, which its answer will tell
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")
            self._process.stdin.flush()

    def _answer(self, kind: type[Answer], tick: Callable[[], None]) -> Answer:
        return msgspec.json.decode(self._line(tick), type=kind)

    def _line(self, tick: Callable[[], None]) -> bytes:
        assert self._process
        assert self._process.stdout
        pipe, ends_s = self._process.stdout.fileno(), time.monotonic() + PATIENCE_S
        while b"\n" not in self._buffer:
            if time.monotonic() > ends_s:
                raise Ended(f"no answer within {PATIENCE_S:.0f} s")
            if not select.select([pipe], [], [], POLL_S)[0]:
                tick()
                continue
            some = os.read(pipe, 1 << 16)
            if not some:
                raise Ended(self._end_words())
            self._buffer += some
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _end_words(self) -> str:
        assert self._process
        code = self._process.wait(GRACE_S)
        words = last_words(self._log) or "it said nothing"
        if code < 0:
            return f"its process crashed ({signal.Signals(-code).name}): {words}"
        return f"its process ended with code {code}: {words}"

    def _end(self) -> None:
        with undisturbed():
            if self._process:
                signal_group(self._process.pid, signal.SIGKILL)
                wait_for([self._process], GRACE_S)
                for pipe in (self._process.stdin, self._process.stdout):
                    if pipe:
                        with contextlib.suppress(BrokenPipeError):
                            pipe.close()
            self._stack.close()


class TimerSide:
    """A side on the stage: it works in its process while it holds the token."""

    def __init__(self, place: int, child: Child, number: int) -> None:
        """Make the side of this place in its group, which has this number in its process."""
        self.place = place
        self._child, self._number = child, number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the process to who started it: other sides live in it."""

    def give(self, token: int) -> None:
        """Let it compute so many calls."""
        self._child.give(self._number, token)

    def answer(self, sides: Sequence[Any], tick: Callable[[], None]) -> int:
        """Wait for the end of its block; return its length, ns, or raise Lost."""
        try:
            return self._child.took_ns(tick)
        except Ended as ended:
            raise Lost(self.place, str(ended)) from ended

    def cpu_s(self) -> float:
        """Return 0: without the token its process sleeps in a read."""
        return 0.0


class Lost(Exception):
    """The process of a side ended during its turn or while it was built."""

    def __init__(self, place: int, why: str) -> None:
        super().__init__(why)
        self.place = place


class Children:
    """All processes by their cap, started when they are first needed, until the end."""

    def __init__(
        self,
        seat: Seat,
        learn: Callable[[Facts], None],
        start: Callable[[Seat, str], Child] = Child,
    ) -> None:
        """Make none yet; `learn` is told once what each says of itself."""
        self._seat, self._learn, self._make = seat, learn, start
        self._stacks: dict[str, tuple[ExitStack, Child]] = {}
        self._known: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with undisturbed():
            for isa in list(self._stacks):
                self.end(isa)

    def __getitem__(self, isa: str) -> Child:
        """Return the process under this cap; raise Ended where it cannot be started."""
        if isa not in self._stacks:
            stack = ExitStack()
            child = stack.enter_context(self._make(self._seat, isa))
            self._stacks[isa] = (stack, child)
            if isa not in self._known:
                self._known.add(isa)
                self._learn(child.facts)
        return self._stacks[isa][1]

    def begin(self) -> None:
        """Let all forget their sides."""
        for _, child in self._stacks.values():
            child.begin()

    def end(self, isa: str) -> None:
        """End one of them."""
        if isa in self._stacks:
            self._stacks.pop(isa)[0].close()
