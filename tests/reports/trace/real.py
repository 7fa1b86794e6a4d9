"""Real traces of public projects. They stay out of the project: see RESNEXT_BENCH_TRACES."""

import os
from pathlib import Path

import pytest

VARIABLE = "RESNEXT_BENCH_TRACES"
BESIDE = Path(__file__).parents[4] / "shared" / "traces"


def real_trace(name: str) -> Path:
    """A trace or folder of them; the test is skipped where there is none."""
    folder = Path(os.environ.get(VARIABLE) or BESIDE)
    if not (folder / name).exists():
        pytest.skip(f"no {name} in {folder}; {VARIABLE} names the folder of real traces")
    return folder / name
