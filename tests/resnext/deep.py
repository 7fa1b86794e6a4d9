"""Networks that take seconds to build, for tests of many networks."""

from collections.abc import Iterable
from typing import Any

import pytest

from resnext_bench.resnext.names import parse
from resnext_bench.resnext.spec import ResNeXtSpec

MOST_BLOCKS = 16
"""Those of a ResNet-50: deeper networks repeat the same blocks."""


def deep_ones_slow(names: Iterable[str]) -> list[Any]:
    """Return parameters for tests, of which the deep networks are marked slow."""
    return [pytest.param(name, marks=pytest.mark.slow if _is_deep(name) else ()) for name in names]


def _is_deep(name: str) -> bool:
    spec = parse(name)
    return isinstance(spec, ResNeXtSpec) and sum(spec.blocks) > MOST_BLOCKS
