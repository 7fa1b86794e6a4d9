"""What the page says of results made by hand: whole, cut, wrong, of a CPU, none."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from resnext_bench.lab.checkout import ROOT
from resnext_bench.lab.visit.pages.page import page, pages, sections
from resnext_bench.lab.visit.results import Book, Task
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Strong,
    Summary,
    inline,
    text_of,
)
from tests.lab.visit.pages.made import DATE, part
from tests.lab.visit.pages.made_visit import cut, empty, made_results, small
from tests.lab.visit.pages.read import (
    cells,
    headings,
    paragraphs,
    row,
    rows,
    sections_of,
    tables,
)


def test_without_results_nothing_is_claimed() -> None:
    text = page({})
    assert "**No GPU has been measured yet.**" in text
    for word in ("--minutes", "--only", "--resume", "--json", "nox -s gpu", "8 minutes"):
        assert word in text
    assert "1,211" in text
    assert "measured here, on" not in text


def test_where_it_was_measured() -> None:
    found = sections_of(made_results())
    (_, software), (_, board) = row(found, "software"), row(found, "board")
    for word in ("driver 590.10", "CUDA 13.2", "cuDNN 9.26.0.51", "torch 2.15.0"):
        assert word in software
    assert "power limit 700 W" in board
    assert row(found, "visits")[1] == "2026-03-01, 8 min, revision 0123456789ab"
    assert row(found, "intervals")[1] == "99 %, n = 6 rounds"
    assert "None failed, 90 passed, 4 skipped." in paragraphs(found)
    assert "No GPU has been measured" not in page({"made": made_results()})


def test_nothing_is_claimed_for_a_cpu() -> None:
    text = page({"made": small(made_results())})
    assert "**A miniature on a CPU" in text
    assert "says nothing of GPUs" in text
    assert "attack first" not in text
    assert "No GPU has been measured yet" in text
    assert "measured here, on" not in text


def test_what_is_wrong_comes_first_and_is_not_timed() -> None:
    before = made_results()
    tasks = dict(before.part("training").tasks)
    key = "types/resnext50_32x4d/256"
    why = "fp16 NHWC: first step off by 9.9e-01 (loss)"
    tasks[key] = msgspec.structs.replace(tasks[key], wrong=(why,))
    device = dict(before.part("device").tasks)
    device["copy"] = msgspec.structs.replace(device["copy"], wrong=("copy: it is not there",))
    found = sections_of(made_results(training=part(tasks), device=part(device)))
    place = next(place for place, one in enumerate(found) if isinstance(one, Summary))
    head = paragraphs(found[:place])
    assert why in head
    assert "copy: it is not there" in head
    settings = cells(found, "resnext50_32x4d", "256")[0]
    assert settings[4] == inline(Strong("wrong"))
    assert text_of(settings[2]).startswith("1,9")
    assert not rows(found, "copy, GB/s")
    assert any(table.columns[0].name == "layer" for table in tables(found))
    assert "· 37 %" not in markdown(found)


def test_tests_that_failed_are_named() -> None:
    why = "assert 1 == 2"
    found = {"passed": [], "failed": {"tests/gpu/test_memory.py::test_x": why}, "skipped": {}}
    one = Task(state="done", date=DATE, wrong=(f"test_x: {why}",), found=found)
    found = sections_of(made_results(tests=part({"pytest": one})))
    assert "Tests that failed: 1" in paragraphs(found)
    failed = inline("failed: ", Code("tests/gpu/test_memory.py::test_x"), f": {why}")
    assert Bullets(items=(failed,)) in found


def test_a_cut_visit_shows_what_there_is_and_says_the_rest() -> None:
    found = sections_of(cut())
    assert "[1] cut after 2 rounds: its time was over" in paragraphs(found)
    assert "1,950 (–)" in row(found, "resnext50_32x4d", "bf16 NHWC", "256")
    for key, state, why in (
        ("models/256/bf16 NHWC", "failed", "RuntimeError: CUDA error <x>"),
        ("models/256/fp16 NHWC", "ended while it ran", "interrupted"),
        ("types/resnet50/256", "not reached", "interrupted"),
    ):
        assert row(found, "training", key) == ["training", key, state, why]
    assert "Grouped convolutions" not in headings(found)


def test_an_empty_visit() -> None:
    found = sections_of(empty())
    for name in empty().parts:
        whole = [name, "all of it", "not reached", "no reason is told"]
        assert row(found, name, "all of it") == whole
    assert not [heading for heading in headings(found) if heading.startswith("Training")]


def test_published_figures_form_no_ratio() -> None:
    found = sections({"made": made_results()}, {})
    *_, own = row(found, "resnext50_32x4d", "RTX 3090", "AMP NHWC", "384")
    assert own.startswith("NVIDIA H100 80GB HBM3, fp16 NHWC, batch 256: 1,9")
    assert "(–)" not in own
    assert "times" not in own


@pytest.mark.slow
def test_every_key_may_be_missing() -> None:
    """A file that was cut anywhere still makes a page."""
    whole = made_results()
    kinds = {
        (name, key.partition("/")[0]): (one.tasks, key)
        for name, one in whole.parts.items()
        for key in one.tasks
    }
    for (name, _), (tasks, key) in kinds.items():
        for gone in tasks[key].found:
            found = {word: value for word, value in tasks[key].found.items() if word != gone}
            task = msgspec.structs.replace(tasks[key], state="cut", found=found)
            parts = whole.parts | {name: part(tasks | {key: task})}
            assert page({"made": msgspec.structs.replace(whole, parts=parts)})


def test_files_are_written_beside_the_page(tmp_path: Path) -> None:
    (tmp_path / "gpu").mkdir()
    Book(tmp_path / "gpu" / "one.json", made_results()).store()
    Book(tmp_path / "gpu" / "two.json", empty()).store()
    made = pages(tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in made}
    pictures = {"gpu/one-training.svg", "gpu/one-convs.svg"}
    assert names == {"gpu.md", "README.md", *pictures}
    for name in pictures:
        assert f"]({name})" in made[tmp_path / "gpu.md"]
    assert "| [gpu/two.json](gpu/two.json) |" in made[tmp_path / "README.md"]
    assert made == pages(tmp_path)


def test_pages_need_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from resnext_bench.lab.visit.pages.page import page, pages;"
        "from tests.lab.visit.pages.made_visit import made_results;"
        "pages(Path('docs/results')); page({'made': made_results()});"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run((sys.executable, "-c", code), cwd=ROOT).returncode == 0


def test_links_of_the_written_pages_lead_somewhere() -> None:
    folder = ROOT / "docs" / "results"
    for name in ("gpu.md", "README.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", (folder / name).read_text())
        assert not [link for link in links if not (folder / link).exists()]


def test_every_picture_belongs_to_a_result() -> None:
    folder = ROOT / "docs" / "results"
    kept = {path for path in pages(folder) if path.suffix == ".svg"}
    assert set(folder.glob("gpu/*.svg")) <= kept
