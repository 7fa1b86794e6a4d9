"""Networks as numbers for classes of others; their sums are tested with the network itself."""

import pytest

from resnext_bench.lab.networks import residual


def test_numbers_of_a_residual_network() -> None:
    spec = residual("resnext50_32x4d")
    assert (spec.blocks, spec.cardinality, spec.width) == ((3, 4, 6, 3), 32, 4)


@pytest.mark.parametrize("name", ["alexnet", "googlenet"])
def test_no_residual_network(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        residual(name)
