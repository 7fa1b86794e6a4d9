"""A process that times, as a script: it ends, crashes or is silent where a variable says."""

import os
import sys
import time

import msgspec

from resnext_bench.convs.times.messages import Begin, Build, Question, Took
from resnext_bench.convs.times.sides import Built, Facts

WHEN = "TIMER_ENDS"
"""Moment and kind of the end, as `turn crash`."""


def end(moment: str) -> None:
    when, _, how = os.environ.get(WHEN, "").partition(" ")
    if when == moment:
        print("a last word of it", file=sys.stderr, flush=True)
        if how == "crash":
            os.abort()
        if how == "silence":
            time.sleep(60)
        sys.exit(1)


def say(what: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    end("start")
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    threads = int(os.environ["OMP_NUM_THREADS"])
    kept = os.environ.get("MALLOC_MMAP_MAX_", "")
    say(Facts(torch="2", onednn="3", has_onednn=True, isa=cap, uses=kept, threads=threads))
    for line in sys.stdin.buffer:
        question = msgspec.json.decode(line, type=Question)
        if isinstance(question, Begin):
            continue
        if isinstance(question, Build):
            end("build")
            say(Built(kernel="jit", error=0.0))
        else:
            end("turn")
            say(Took(ns=1000 * question.calls))


if __name__ == "__main__":
    main()
