"""The stand-in for the driver's library is loaded, and each of its functions says "no device"."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from resnext_bench.convs.releases.stub import FUNCTIONS, NO_DEVICE, SONAME, driver_stub


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "stub.so"
    found.write_bytes(driver_stub())
    return found


def test_every_function_returns_no_device(path: Path) -> None:
    library = ctypes.CDLL(str(path))
    assert {getattr(library, name)(1, 2, 3) for name in FUNCTIONS} == {NO_DEVICE}


def test_other_functions_are_missing(path: Path) -> None:
    library = ctypes.CDLL(str(path))
    for name in ("cuInit", "cuGetErrorStrin", "cuGetErrorString2", ""):
        assert not hasattr(library, name), name


def test_it_is_found_by_the_name_of_the_driver_once_it_is_loaded(path: Path) -> None:
    program = (
        "import ctypes, sys; ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL); "
        "print(ctypes.CDLL(sys.argv[2]).cuModuleUnload(), ctypes.CDLL(None).cuModuleUnload())"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, path, SONAME), capture_output=True, text=True
    )
    assert done.stdout.split() == [str(NO_DEVICE)] * 2, done.stderr
