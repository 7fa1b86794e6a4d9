"""What the page says of results made by hand: whole, cut, wrong, of a CPU, none."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec

from resnext_bench.lab.checkout import ROOT
from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.page import page, pages
from resnext_bench.lab.visit.pages.words import figure
from resnext_bench.lab.visit.results import Book, Results, Task
from tests.lab.visit.pages.made import DATE, part
from tests.lab.visit.pages.made_visit import cut, empty, made_results, small


def text_of(results: Results) -> str:
    return page({"made": results})


def line(text: str, start: str) -> str:
    return next(one for one in text.splitlines() if one.startswith(start))


def test_without_results_nothing_is_claimed() -> None:
    text = page({})
    assert "**No GPU has been measured yet.**" in text
    for word in ("--minutes", "--only", "--resume", "--json", "nox -s gpu", "8 minutes"):
        assert word in text
    assert "1,211" in text
    assert "measured here, on" not in text


def test_where_it_was_measured() -> None:
    text = text_of(made_results())
    for word in ("driver 590.10", "CUDA 13.2", "cuDNN 9.26.0.51", "torch 2.15.0", "700 W"):
        assert word in text
    assert "2026-03-01, 8 min, revision 0123456789ab" in text
    assert "99 %, n = 6 rounds" in text
    assert "None failed, 90 passed, 4 skipped." in text
    assert "No GPU has been measured" not in text


def test_nothing_is_claimed_for_a_cpu() -> None:
    text = text_of(small(made_results()))
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
    text = text_of(made_results(training=part(tasks), device=part(device)))
    head, _, rest = text.partition("| device |")
    assert why in head
    assert "copy: it is not there" in head
    row = next(
        one for one in rest.splitlines() if one.startswith("| `resnext50_32x4d` | 256 | 1,9")
    )
    assert row.split(" | ")[4] == "**wrong**"
    assert "copy, GB/s" not in rest
    assert "over the floor, NHWC" in rest
    assert "· 37 %" not in rest


def test_tests_that_failed_are_named() -> None:
    why = "assert 1 == 2"
    found = {"passed": [], "failed": {"tests/gpu/test_memory.py::test_x": why}, "skipped": {}}
    one = Task(state="done", date=DATE, wrong=(f"test_x: {why}",), found=found)
    text = text_of(made_results(tests=part({"pytest": one})))
    assert "**Tests that failed: 1" in text
    assert "- failed: `tests/gpu/test_memory.py::test_x`: assert 1 == 2" in text


def test_a_cut_visit_shows_what_there_is_and_says_the_rest() -> None:
    text = text_of(cut())
    assert "[1] cut after 2 rounds: its time was over" in text
    assert "1,950 (–)" in text
    assert "| `models/256/bf16 NHWC` | failed | RuntimeError: CUDA error &lt;x>" in text
    assert "| `models/256/fp16 NHWC` | ended while it ran | interrupted |" in text
    assert "| `types/resnet50/256` | not reached | interrupted |" in text
    assert "### Grouped convolutions" not in text


def test_an_empty_visit() -> None:
    text = text_of(empty())
    assert text.count("| all of it | not reached |") == 6
    assert "### Training" not in text


def test_published_figures_form_no_ratio() -> None:
    text = text_of(made_results())
    row = next(one for one in text.splitlines() if "RTX 3090 | AMP NHWC | 384" in one)
    rate = Figure(estimate=1950.0)
    assert "NVIDIA H100 80GB HBM3, fp16 NHWC, batch 256: 1,9" in row
    assert figure(rate) not in row
    assert "times" not in row


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
            assert text_of(msgspec.structs.replace(whole, parts=parts))


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
