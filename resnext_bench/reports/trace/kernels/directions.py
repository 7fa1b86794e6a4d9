"""Which gradient a kernel of a convolution computes, where its name leaves it open.

An input gradient is often computed by a kernel called fprop, or by a matrix product. The other
kernels of the same call then tell: where one of them is the weight gradient, it is the other one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.names.conv_arguments import CALLS
from resnext_bench.reports.trace.reading.trace import Ids, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.nest import topmost

_NUMBERS: Final = {one: number for number, one in enumerate(Class)}
_INPUT, _WEIGHT = _NUMBERS[Class.CONV_INPUT], _NUMBERS[Class.CONV_WEIGHT]
_OPEN: Final = _NUMBERS[Class.CONV_BACKWARD]


def resolved(trace: Trace, links: Links, operator: Ids, cls: NDArray[np.int8]) -> NDArray[np.int8]:
    """Classes of rows, given as indices, that these rows of the host launched; -1: none."""
    if not (cls == _OPEN).any():
        return cls
    call = _calls(trace, links)[operator]
    conv = np.append(trace.host.conv, np.int32(-1))[call]
    wants = np.array([*(one.gradients for one in trace.convs), (True, True)])[conv]
    has_input, has_weight = (_has(call, cls == one, len(trace.host)) for one in (_INPUT, _WEIGHT))
    open_ = (cls == _OPEN) & (call >= 0)
    is_input = wants[:, 0] & (~wants[:, 1] | (has_weight & ~has_input))
    is_weight = wants[:, 1] & (~wants[:, 0] | (has_input & ~has_weight))
    found = cls.copy()
    found[open_ & is_input] = _INPUT
    found[open_ & is_weight] = _WEIGHT
    return found


def _calls(trace: Trace, links: Links) -> Ids:
    """For each row of the host the call of a convolution that it lies in; -1, and last: none."""
    host = trace.host
    call = of_names(trace.names, lambda name: 1 if name in CALLS else None)[host.name] > 0
    own = np.where(call, np.arange(len(host), dtype=np.int32), np.int32(-1))
    return np.append(topmost(own, links.parent), np.int32(-1))


def _has(call: Ids, which: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Of each row, whether one of `which` is in the same call."""
    found = np.zeros(count + 1, dtype=bool)
    found[call[which]] = True
    return found[call]
