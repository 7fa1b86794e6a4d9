"""Standard streams that are closed, or that nobody reads, as a shell hands them over."""

import subprocess
import sys
from pathlib import Path

import pytest

from resnext_bench.reports.store import runs
from tests.cli.terminal.test_output import without_reader
from tests.reports.made_results import RUN_ID, made_record
from tests.system.program import PROGRAM

pytestmark = pytest.mark.system


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_the_exit_code_stays_where_nobody_reads(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / RUN_ID).mkdir()
    runs.save(tmp_path / RUN_ID, made_record())
    command = (*PROGRAM, "runs", "show", "last", "--output", str(tmp_path), *options)
    with without_reader() as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


CLOSED = """
import os, sys
for number in map(int, sys.argv.pop(1).split(",")):
    os.close(number)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("closed", ["1", "0,1,2"])
def test_streams_that_are_closed(closed: str) -> None:
    """What was asked for is done; nothing that is opened takes what was meant for the stream."""
    command = (sys.executable, "-c", CLOSED, closed, *PROGRAM, "models", "list")
    for options, code in ((("--json",), 0), (("--nosuch",), 2)):
        done = subprocess.run((*command, *options), capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
