"""The page on releases of cuDNN holds what the stored lists say, worked out here once more."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from resnext_bench.lab.campaigns.releases import MODELS, by_device, facts_of, lists_beside, union
from resnext_bench.lab.campaigns.releases_page import FILE, page
from resnext_bench.lab.checkout import RESULTS
from resnext_bench.lab.kept import Kept, read_result, read_same, store
from resnext_bench.reports.schema.convs import Problem
from resnext_bench.reports.schema.releases import Listed
from tests.reports.made_releases import SAME, made_list, made_listed

NAMES = {"a100": "A100", "h100": "H100", "h200": "H200", "b200": "B200"}


@pytest.fixture(scope="module")
def kept() -> Kept:
    return read_result(FILE)


@pytest.fixture(scope="module")
def lists() -> Listed:
    return lists_beside(RESULTS / f"{FILE}.json")


def first(problem: Problem) -> str:
    """Return the engine of the first plan that is not left out."""
    return next(one.tag for one in problem.plans if not one.excluded).partition("_")[0]


def test_enough_releases_were_asked(kept: Kept, lists: Listed) -> None:
    numbers = [tuple(map(int, one.split("."))) for one in lists]
    assert numbers == sorted(set(numbers))
    assert len({one[:2] for one in numbers}) >= 10
    assert kept["n"] == len(lists)
    assert set(lists) == {one for one, told in kept["releases"].items() if "why" not in told}
    assert len({len(problems) for problems in lists.values()}) == 1


@pytest.mark.parametrize("model", ["resnext50_32x4d", "resnet50"])
def test_counts_of_the_page_are_those_of_the_lists(kept: Kept, lists: Listed, model: str) -> None:
    text = page(kept, lists).replace("\\", "")
    grouped = model != "resnet50"
    own = {
        int(at)
        for at in kept["models"][model]
        if not grouped or kept["convolutions"][int(at)]["groups"] > 1
    }
    for device, mine in by_device(kept["devices"], lists):
        problems = [[one for one in found if one.convolution in own] for found in mine.values()]
        columns = list(zip(*problems, strict=True))
        moved = sum(len(set(map(first, column))) > 1 for column in columns)
        said = re.search(rf"Problems of {model}'s .*: (.*)\.", text)
        assert said is not None
        words = next(one for one in said[1].split("; ") if NAMES[device] in one)
        assert words.startswith(f"{moved} of {len(columns)} on ")


def test_rows_of_h200_are_the_first_choices_that_change(kept: Kept, lists: Listed) -> None:
    text = page(kept, lists).replace("\\", "")
    (part,) = re.findall(
        r"<summary>resnext50_32x4d on [^<]*H200.*?</details>", text, flags=re.DOTALL
    )
    told = {
        (cells[1], cells[2], cells[3])
        for line in part.splitlines()
        if line.startswith("|") and " → " in (cells := _cells(line))[3]
    }
    mine = dict(by_device(kept["devices"], lists))["h200"]
    found = set()
    for (_, a), (release, b) in pairwise(mine.items()):
        for one, two in zip(a, b, strict=True):
            conv = kept["convolutions"][one.convolution]
            if conv["groups"] > 1 and first(one) != first(two):
                short = ".".join(release.split(".")[:3])
                found.add((one.operation, short, f"{first(one)} → {first(two)}"))
    assert told == found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_planted_change_is_on_the_page(kept: Kept) -> None:
    moved = made_list(("eng40_k2=5", 122), *((one.tag, 0) for one in SAME))
    listed = made_listed([SAME, moved], others=len(kept["devices"]) - 1)
    conv = next(one for one in kept["convolutions"] if one["groups"] > 1)
    at = kept["convolutions"].index(conv)
    made = {
        release: tuple(
            Problem(convolution=at, operation="forward", plans=one.plans) for one in problems
        )
        for release, problems in listed.items()
    }
    told = {one: {"date": "2026-01-02", "revision": "c0ffee"} for one in made}
    text = page(kept | {"releases": told}, made)
    assert "eng22 → eng40 | 0 → 122" in text
    assert "So lists change 1 time: with 9.21.0" in text
    assert "taken on 2026-01-02 by" in text


def test_a_campaign_that_was_cut_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    store(path, facts_of(*union()) | {"n": 0, "releases": {}})
    assert read_same(path, facts_of(*union())) is not None


def test_networks_share_their_convolutions() -> None:
    asked, names = union()
    assert set(names) == set(MODELS)
    assert names["resnext50_32x4d"].keys() == names["resnext101_32x4d"].keys()
    shapes = [json.dumps(str(one.convolution).partition("images=")[2]) for one in asked]
    assert len(set(shapes)) == len(shapes)
    layers = [layer for mine in names["resnext101_32x4d"].values() for layer in mine]
    assert len(layers) == len(set(layers)) == 104
