"""Calls whose arguments the profiler records: convolutions, matrix products, attention."""

from collections.abc import Sequence
from typing import Final

from resnext_bench.reports.trace.names import attention, conv_arguments, products
from resnext_bench.reports.trace.names.arguments import Arguments
from resnext_bench.reports.trace.names.attention import Attention
from resnext_bench.reports.trace.names.convs import Conv
from resnext_bench.reports.trace.names.products import Product

CONVS: Final = conv_arguments.CALLS
CALLS: Final = CONVS | products.CALLS | attention.CALLS
WITHOUT_INPUTS: Final = products.CALLS
"""Calls of which nothing is read from "Concrete Inputs", so that fewer of them are distinct."""


def read(name: str, told: Sequence[bytes]) -> Conv | Product | Attention | None:
    """Return the call in the arguments of one operator; None where they say too little.

    `told` are its "Input Dims", "Input Strides" and "Input type" in raw JSON, and its "Concrete
    Inputs" where they are looked at.
    """
    dims, strides, types, inputs = (*told, b"")[:4]
    if name in CONVS:
        return conv_arguments.read(name, dims, strides, types, inputs)
    given = Arguments.read((dims, strides, types, inputs))
    return products.read(name, given) or attention.read(name, given)
