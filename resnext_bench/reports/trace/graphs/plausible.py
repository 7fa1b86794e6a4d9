"""Whether a capture's operators can have launched a replay's kernels, by the names of both.

Launches of a capture have no names on NVIDIA's devices. Where as many kernels ran as were launched,
their classes still tell a graph from another one: a convolution's kernel is below a convolution, a
normalisation's below a normalisation, and below the operator of a product there is neither.
"""

from typing import Final

import numpy as np

from resnext_bench.reports.trace.names.classes import CONVS, Class
from resnext_bench.reports.trace.names.context import is_convolution
from resnext_bench.reports.trace.names.kernels import kernel
from resnext_bench.reports.trace.names.operators import operator as class_of_operator
from resnext_bench.reports.trace.reading.trace import Ids

_PRODUCTS: Final = CONVS | {Class.MATMUL, Class.ATTENTION}
_OWN: Final = frozenset({Class.NORM, Class.POOLING, Class.LOSS, Class.COMMUNICATION})
"""Kernels that only operators of their own launch."""
_OTHERS: Final = frozenset(
    {
        *(Class.ELEMENTWISE, Class.REDUCTION, Class.FILL, Class.COPY, Class.RANDOM),
        *(Class.INDEXING, Class.OPTIMIZER),
    }
)
"""Operators that launch neither those, nor products."""


def implausible(
    kernels: Ids, operators: Ids, names: tuple[str, ...], told: tuple[str, ...]
) -> tuple[int, str, str] | None:
    """Return how many of these kernels cannot be below these operators, and one such pair.

    `names` are those of kernels, `told` those of operators, of which -1 is none. None where nothing
    speaks against it.
    """
    pairs = np.stack([kernels, operators], axis=1)[operators >= 0]
    distinct, counts = np.unique(pairs, axis=0, return_counts=True)
    wrong = [
        (int(count), names[one], told[other])
        for (one, other), count in zip(distinct.tolist(), counts.tolist(), strict=True)
        if not _can_be(names[one], told[other])
    ]
    if not wrong:
        return None
    _, name, by = max(wrong)
    return sum(count for count, _, _ in wrong), name, by


def _can_be(name: str, operator: str) -> bool:
    cls, told = kernel(name).cls, class_of_operator(operator)
    if is_convolution(operator) or told in _PRODUCTS:
        return cls not in _OWN
    if told in _OTHERS:
        return cls not in _PRODUCTS | _OWN
    if told in _OWN:
        return cls not in _PRODUCTS and (cls not in _OWN or cls is told)
    return True
