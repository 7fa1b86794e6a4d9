"""The page on convolutions shows what the program shows."""

import pytest

from resnext_bench.config.answers import is_installed
from resnext_bench.lab.docs.convs import devices, example, is_of_these_libraries, written


def test_the_table_has_every_device() -> None:
    rows = devices().splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| a100", "| h100", "| h200", "| b200", "| l4"]
    assert all("`driverVer`" in row for row in rows)


@pytest.mark.thorough
@pytest.mark.skipif(
    not is_installed("cudnn") or not is_of_these_libraries(),
    reason="the example was written with other libraries",
)
def test_the_example_is_what_the_command_prints() -> None:
    assert example() == written(), "run python -m resnext_bench.lab.docs.convs"
