"""Options of `data bench`: what is swept by default, and what is refused."""

from typing import Any

import pytest

from bench.cli import data_bench as under_test
from bench.cli.data_bench import _doubling, bench_command
from bench.errors import UsageError

GIVEN: dict[str, Any] = {
    "data": None,
    "pipeline": "torchvision",
    "loader_threads": None,
    "prefetch": "1,2,4",
    "decode": None,
    "rounds": "6",
    "chart": None,
    "json": False,
    "allow_unsure": False,
    "device": "cpu",
    "image_size": "224",
    "batch_size": "64",
}


@pytest.mark.parametrize(
    ("most", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_threads_double_up_to_the_cores(most: int, counts: list[int]) -> None:
    assert _doubling(most) == counts


def test_settings_of_a_request() -> None:
    from bench.machine.inventory import inspect

    given = GIVEN | {"loader_threads": "4,1"}
    request = under_test._request(given)
    found = under_test._settings(given, request, inspect(), [1, 2, 4])
    assert [(one.pipeline, one.decode, one.loader_threads, one.prefetch) for one in found] == [
        ("torchvision", "cpu", 1, 2),
        ("torchvision", "cpu", 4, 2),
    ]
    assert request["image_size"] == 224


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rounds": "5"}, "--rounds 5: give an even number, as 6"),
        ({"rounds": "2"}, "--rounds 2: a whole number from 4"),
        ({"prefetch": "1,x"}, "--prefetch x: a whole number"),
        ({"loader_threads": "0"}, "--loader-threads 0: a whole number"),
        ({"pipeline": "ffcv"}, "--pipeline ffcv: choose from dali, torchvision"),
        ({"decode": "gpu"}, "--decode gpu: choose from cpu, mixed"),
        ({"decode": "mixed"}, "--decode mixed: no pipeline"),
        ({"chart": "x.pdf"}, "--chart x.pdf: give a name that ends in .html, .svg, .png"),
        ({"chart": "/no/such/x.png"}, "no such folder: /no/such"),
        ({"batch_size": "auto"}, "--batch-size auto: a whole number"),
        ({"image_size": "7"}, "--image-size 7: must be at least 32"),
    ],
)
def test_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        bench_command(GIVEN | changes)
