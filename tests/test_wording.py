"""Counts with their nouns, and names that were probably meant."""

import pytest

from resnext_bench.wording import count_of, nearest


@pytest.mark.parametrize(
    ("value", "word", "told"),
    [
        (0, "node", "0 nodes"),
        (1, "class", "1 class"),
        (1000, "loader process", "1,000 loader processes"),
    ],
)
def test_counts(value: int, word: str, told: str) -> None:
    assert count_of(value, word) == told


def test_nearest() -> None:
    known = ("resnet50", "resnet101", "vgg16")
    assert nearest("resnet51", known) == "resnet50"
    assert nearest("vgg19", known, likeness=0.9) == ""
    assert nearest("vgg19", known) == "vgg16"
    assert nearest("", iter(known)) == ""
