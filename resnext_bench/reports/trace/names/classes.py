"""Classes of work on a device or a CPU, and what a name says about tensor cores.

Names are all that a trace has. Each kind of name has a module of its own with its tables: `kernels`
(on a device), `inductor` (made by torch.compile), `operators` (of the framework), `communication`,
`tensor_cores`; `context` says what the operator around a kernel adds. A table is read from top to
bottom: the first row that fits decides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Class(StrEnum):
    """What a kernel does."""

    CONV_FORWARD = "conv forward"
    CONV_INPUT = "conv input gradient"
    CONV_WEIGHT = "conv weight gradient"
    CONV_BACKWARD = "conv backward"
    """One gradient or both: the name does not say which."""
    CONV = "conv"
    """No direction is known."""
    MATMUL = "matrix product"
    """Those of mixtures of experts, too."""
    ATTENTION = "attention"
    """Linear attention, too, and what merges the parts of one product."""
    NORM = "normalisation"
    POOLING = "pooling"
    LOSS = "softmax and loss"
    ELEMENTWISE = "elementwise"
    """Each number from the few at its place: activations, rotary embedding, casts, quantisation."""
    REDUCTION = "reduction"
    """Sums and norms along dimensions; scans, too: running sums, state-space models."""
    SPLIT_K = "split-k reduction"
    """Adds up, or casts, the sums that several blocks made for one product."""
    LAYOUT = "layout transform"
    """NCHW to NHWC or back, for a convolution."""
    OPTIMIZER = "optimizer"
    INDEXING = "indexing and sorting"
    """Embedding, gathering, sorting, and which token goes to which expert."""
    RANDOM = "random numbers"
    COPY = "copy"
    """Into caches of attention, transposes of matrices and padding, too."""
    FILL = "fill"
    COMMUNICATION = "communication"
    FRAMEWORK = "framework"
    """On a CPU: autograd's wrappers, allocation, views, and marks that are no work."""
    OTHER = "other"


class TensorCore(StrEnum):
    """Whether a kernel computes on tensor cores (matrix cores of AMD)."""

    YES = "yes"
    NO = "no"
    """Known: nothing is `no` because its name fits nothing."""
    UNKNOWN = "unknown"


CONVS: Final = frozenset(
    {
        Class.CONV,
        Class.CONV_FORWARD,
        Class.CONV_INPUT,
        Class.CONV_WEIGHT,
        Class.CONV_BACKWARD,
    }
)
PRODUCTS: Final = frozenset({Class.MATMUL})
"""Classes of products of matrices, any of which may be a part of a convolution."""
ELIGIBLE: Final = CONVS | PRODUCTS | {Class.ATTENTION}
"""Classes that tensor cores could compute."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """What a kernel's name says."""

    cls: Class
    tensor_core: TensorCore
    grouped: bool | None
    """Whether it is made for grouped convolutions; None where the name does not say."""
    below_convolution: Class | None = None
    """Its class below the operator of a convolution, where the name alone says another one."""
    without_convolution: Class | None = None
    """Its class where no convolution is around, likewise."""


Row = tuple[re.Pattern[str], Class]


def rows(*told: tuple[str, Class]) -> tuple[Row, ...]:
    """Return a table of patterns."""
    return tuple((re.compile(pattern), cls) for pattern, cls in told)


def first(table: Sequence[Row], text: str) -> Class:
    """Return the class of the first row that fits, else OTHER."""
    return next((cls for pattern, cls in table if pattern.search(text)), Class.OTHER)
