"""A reader that goes away (`| head`) takes its copy with it, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from resnext_bench.cli.terminal.output import silence
from resnext_bench.cli.terminal.screen import Screen
from resnext_bench.reports.store import runs
from tests.reports.made_results import RUN_ID, made_record


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


@pytest.mark.system
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_the_exit_code_stays(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / RUN_ID).mkdir()
    runs.save(tmp_path / RUN_ID, made_record())
    command = ("-m", "resnext_bench.cli.main", "runs", "show", "last", "--output", str(tmp_path))
    with without_reader() as stream:
        done = subprocess.run(
            (sys.executable, *command, *options), stdout=stream, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (0, "")
