"""Files and folders that the documentation names exist."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "resnext_bench"
ROOMS = "|".join(
    ["resnext_bench", "tests", *(one.name for one in PACKAGE.iterdir() if one.is_dir())]
)
_PATH = re.compile(rf"(?<![\w/.])((?:{ROOMS})/[\w/.*,{{}}]*)")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def named(text: str) -> Iterator[str]:
    """`cli/{run,data}.py` is two paths; a dot at a sentence's end is none of it."""
    for path in _PATH.findall(text):
        head, brace, rest = path.rstrip(".,").partition("{")
        inside, _, tail = rest.partition("}")
        yield from (head + one + tail for one in inside.split(",")) if brace else (head,)


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))])
def test_paths_exist(page: Path) -> None:
    for path in named(page.read_text()):
        assert [*ROOT.glob(path), *PACKAGE.glob(path)], path


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if not link.startswith("http")]
    assert not [link for link in links if not (page.parent / link).exists()]


def test_how_paths_are_told() -> None:
    text = (
        "see `resnext_bench/config/{ranks,pipeline}.py` and resnext_bench/reports/trace/*.py, in "
        "tests/."
    )
    assert list(named(text)) == [
        "resnext_bench/config/ranks.py",
        "resnext_bench/config/pipeline.py",
        "resnext_bench/reports/trace/*.py",
        "tests/",
    ]


def test_no_file_of_ours_is_ignored() -> None:
    """What git ignores is not linted, and is not in the wheel."""
    ignored = ("git", "ls-files", "--cached", "--ignored", "--exclude-standard")
    assert (
        subprocess.run(ignored, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""
    )
