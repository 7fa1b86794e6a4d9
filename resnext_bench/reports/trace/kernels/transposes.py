"""Which transposes are no layout transforms: those of matrices."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.names.classes import Class, kernel, operator
from resnext_bench.reports.trace.reading.trace import Ids, Trace
from resnext_bench.reports.trace.time.links import of_names

_NUMBERS: Final = {one: number for number, one in enumerate(Class)}
_IMAGES: Final = re.compile(r"(?i)nchw|nhwc|cnhw|nc[d]?hw|convertTensor|tensorTransform|SubTensor")
"""Names that speak of images: NCHW and its kin, cuDNN's and MIOpen's tensors of them."""
_CONVS: Final = frozenset(
    {
        *(Class.CONV, Class.CONV_FORWARD, Class.CONV_INPUT, Class.CONV_WEIGHT),
        Class.CONV_BACKWARD,
    }
)
_MATRICES: Final = (Class.MATMUL, Class.ATTENTION)


def without_matrices(
    trace: Trace, name: Ids, operator_row: Ids, cls: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Return classes of rows, in which a transpose of matrices is a copy and no layout transform.

    That is one whose name does not speak of images, below an operator of matrices, or in a trace
    without any convolution.
    """
    layout = _NUMBERS[Class.LAYOUT]
    if not (cls == layout).any():
        return cls
    plain = of_names(trace.names, lambda one: None if _IMAGES.search(one) else 1)[name] > 0
    plain &= cls == layout
    if plain.any() and _convolves(trace):
        of_matrices = of_names(trace.names, lambda one: 1 if operator(one) in _MATRICES else None)
        by = np.append(trace.host.name, np.int32(-1))[operator_row]
        plain &= of_matrices[by] > 0
    return np.where(plain, np.int8(_NUMBERS[Class.COPY]), cls)


def _convolves(trace: Trace) -> bool:
    """Return whether anything in a trace is a convolution, by its name."""
    return any(operator(one) in _CONVS or kernel(one).cls in _CONVS for one in trace.names)
