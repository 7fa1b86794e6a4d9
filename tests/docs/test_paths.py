"""Files and folders that the documentation names exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = "bench|reports|pipelines|resnext|tests"
_PATH = re.compile(rf"(?<![\w/.])((?:{ROOMS})/[\w/.*,{{}}]*)")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def named(text: str) -> Iterator[str]:
    """`reports/trace/{nest,links}.py` is two paths; a dot at a sentence's end is none of it."""
    for path in _PATH.findall(text):
        head, brace, rest = path.rstrip(".,").partition("{")
        inside, _, tail = rest.partition("}")
        yield from (head + one + tail for one in inside.split(",")) if brace else (head,)


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))])
def test_paths_exist(page: Path) -> None:
    missing = [path for path in named(page.read_text()) if not list(ROOT.glob(path))]
    assert not missing


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if not link.startswith("http")]
    assert not [link for link in links if not (page.parent / link).exists()]


def test_how_paths_are_told() -> None:
    text = "see `bench/config/{ranks,pipeline}.py` and reports/trace/*.py, in resnext/."
    assert list(named(text)) == [
        "bench/config/ranks.py",
        "bench/config/pipeline.py",
        "reports/trace/*.py",
        "resnext/",
    ]
