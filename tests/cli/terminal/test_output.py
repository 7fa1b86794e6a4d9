"""A reader that goes away (`| head`) takes its copy with it, and nothing else."""

import os
from typing import IO

from resnext_bench.cli.terminal.output import silence
from resnext_bench.cli.terminal.screen import Screen


def without_reader() -> IO[str]:
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def test_a_screen_falls_silent() -> None:
    with without_reader() as stream:
        screen = Screen(file=stream)
        screen.print("measuring")
        assert screen.quiet
        screen.print("more")
        stream.write("written past it")  # and flushed when it is closed


def test_a_silent_stream_takes_all() -> None:
    with without_reader() as stream:
        silence(stream)
        stream.write("x" * 100_000)
        stream.flush()
