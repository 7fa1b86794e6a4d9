"""A user's project with folders named as rooms of ours: they are its own, installed or not."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

NAMES = ("bench", "reports", "pipelines", "resnext", "session")
TEST = """
import resnext_bench

def test_they_are_ours():
    from bench import mine
    from pipelines.sub import deep
    import reports.mine
    assert mine.OWNER == deep.OWNER == reports.mine.OWNER == "the user"
    resnext_bench.step()
"""


@pytest.fixture(params=[True, False], ids=["packages", "folders alone"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Folders without __init__.py yield to any package of their name on the path."""
    for name in NAMES:
        (tmp_path / name / "sub").mkdir(parents=True)
        for module in (tmp_path / name / "mine.py", tmp_path / name / "sub" / "deep.py"):
            module.write_text("OWNER = 'the user'\n")
        if request.param:
            (tmp_path / name / "__init__.py").touch()
            (tmp_path / name / "sub" / "__init__.py").touch()
    (tmp_path / "conftest.py").touch()
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_mine.py").write_text(TEST)
    return tmp_path


@pytest.mark.parametrize("command", [("pytest",), ("python", "-m", "pytest")], ids=" ".join)
def test_nothing_of_a_project_is_shadowed(project: Path, command: tuple[str, ...]) -> None:
    program = str(Path(sys.executable).with_name(command[0]))
    told = (program, *command[1:], "-q", "-p", "no:cacheprovider", "-W", "ignore")
    done = subprocess.run(told, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
