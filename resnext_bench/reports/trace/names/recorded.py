"""Calls whose arguments the profiler records: convolutions, matrix products, attention."""

from typing import Final

from resnext_bench.reports.trace.names import attention, conv_arguments, products
from resnext_bench.reports.trace.names.arguments import Arguments, Raw
from resnext_bench.reports.trace.names.attention import Attention
from resnext_bench.reports.trace.names.convs import Conv
from resnext_bench.reports.trace.names.products import Product

CONVS: Final = conv_arguments.CALLS
CALLS: Final = CONVS | products.CALLS | attention.CALLS
WITHOUT_INPUTS: Final = products.CALLS
"""Calls of which nothing is read from "Concrete Inputs", so that fewer of them are distinct."""


def read(name: str, raw: Raw) -> Conv | Product | Attention | None:
    """Return the call in the arguments of one operator; None where they say too little."""
    if name in CONVS:
        return conv_arguments.read(name, *raw)
    given = Arguments.read(raw)
    return products.read(name, given) or attention.read(name, given)
