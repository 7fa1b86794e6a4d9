"""Times convolutions in a process of its own: `python -m resnext_bench.convs.measuring.child N`.

N threads compute. It reads questions from standard input and answers on standard output, a line of
JSON each (`resnext_bench.convs.times.messages`), and sleeps in between. A process has one cap on
oneDNN's instructions, which is read once.
"""

import os
import sys
from collections.abc import Callable
from typing import BinaryIO, Protocol

import msgspec
import torch

from resnext_bench.convs.measuring import cpu_sides
from resnext_bench.convs.measuring.onednn import has_onednn, header
from resnext_bench.convs.times.messages import CAP, Begin, Build, Question, Took
from resnext_bench.convs.times.sides import Built, Facts, TimedSide


class Ready(Protocol):
    """A side that can be timed."""

    def block_ns(self, times: int) -> int:
        """Return the length of so many calls in a row, ns."""


Builder = Callable[[cpu_sides.Known, TimedSide, float], tuple[Ready | None, Built]]
"""Makes a side ready, whose blocks last so many seconds."""


def serve(questions: BinaryIO, answers: BinaryIO, build: Builder = cpu_sides.build) -> None:
    """Answer until the program closes its end."""
    known, sides = cpu_sides.Known(), list[Ready | None]()
    _say(answers, _facts())
    for line in questions:
        question = msgspec.json.decode(line, type=Question)
        if isinstance(question, Begin):
            known, sides = cpu_sides.Known(), []
        elif isinstance(question, Build):
            side, built = build(known, question.side, question.block_s)
            sides.append(side)
            _say(answers, built)
        else:
            ready = sides[question.number]
            assert ready, "a side that cannot run gets no turns"
            _say(answers, Took(ns=ready.block_ns(question.calls)))


def _facts() -> Facts:
    found = header()
    return Facts(
        torch=str(torch.__version__),
        onednn=found.version if has_onednn() else "",
        has_onednn=has_onednn(),
        isa=os.environ.get(CAP, ""),
        uses=found.isa,
        threads=torch.get_num_threads(),
    )


def _say(answers: BinaryIO, what: object) -> None:
    answers.write(msgspec.json.encode(what) + b"\n")
    answers.flush()


def main() -> None:
    """Serve the program that started this process; what libraries print goes to its log."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    torch.set_num_threads(int(sys.argv[1]))
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
