"""A call of a matrix product, and what the profiler records of it: sizes, types, transpositions.

Operators nest (linear > addmm, matmul > bmm): a call is the innermost one that is listed here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Final

from resnext_bench.reports.trace.names.arguments import PACKED, Arguments, Sizes


@dataclass(frozen=True, kw_only=True)
class Product:
    """`batch` products of an M x K matrix and a K x N matrix."""

    operator: str
    batch: int
    """1 for a single one."""
    m: int
    """Rows of the result; of a grouped product over rows those of all groups together."""
    n: int
    k: int
    dtype: str
    """Two types where those of the factors differ."""
    layout: str
    """How each factor lies in memory: N by rows, T by columns, ? neither or not recorded."""

    @property
    def flops(self) -> int:
        """FLOP of the call, a multiplication and an addition being two (of complex numbers 8)."""
        each = 8 if self.dtype.startswith("complex") else 2
        return each * self.batch * self.m * self.n * self.k


def label(product: Product) -> str:
    """Return the sizes, short, for tables: `M x N x K`, behind it the number of products."""
    sizes = f"{product.m}x{product.n}x{product.k}"
    return f"{sizes} b{product.batch}" if product.batch > 1 else sizes


_Matrix = tuple[int, int, int]
"""How many, rows, columns."""


def _mm(left: Sizes, right: Sizes) -> tuple[_Matrix, _Matrix] | None:
    """Two matrices, or as many of each."""
    if len(left) != len(right) or len(left) not in (2, 3):
        return None
    return _many(left), _many(right)


def _mv(left: Sizes, right: Sizes) -> tuple[_Matrix, _Matrix] | None:
    """A matrix, or a vector, times a vector."""
    if len(right) != 1 or len(left) not in (1, 2):
        return None
    return ((1, *left) if len(left) == 2 else (1, 1, left[0])), (1, right[0], 1)


def _linear(left: Sizes, right: Sizes) -> tuple[_Matrix, _Matrix] | None:
    """Rows of any number of dimensions times a weight that holds a row for each feature."""
    if len(right) != 2:
        return None
    return (1, prod(left[:-1]), left[-1]), (1, right[1], right[0])


def _matmul(left: Sizes, right: Sizes) -> tuple[_Matrix, _Matrix] | None:
    """As torch.matmul has it: vectors count as a row or a column, batches are broadcast."""
    left = (1, *left) if len(left) == 1 else left
    right = (*right, 1) if len(right) == 1 else right
    if len(right) == 2:
        return (1, prod(left[:-1]), left[-1]), (1, *right)
    batch = _broadcast(left[:-2], right[:-2])
    if batch is None:
        return None
    return (batch, left[-2], left[-1]), (batch, right[-2], right[-1])


def _grouped(left: Sizes, right: Sizes) -> tuple[_Matrix, _Matrix] | None:
    """Groups of rows, of columns or of the sum; where both have three dimensions, a batch.

    How long each group is does not change the sum of what they compute.
    """
    if len(left) == 2 and len(right) == 3:
        return (1, *left), (1, *right[1:])
    if len(left) == 3 and len(right) == 2:
        return (1, *left[1:]), (1, *right)
    return _mm(left, right)


def _many(sizes: Sizes) -> _Matrix:
    return prod(sizes[:-2]), sizes[-2], sizes[-1]


def _broadcast(left: Sizes, right: Sizes) -> int | None:
    """Return the size of a batch; None where two batches do not fit."""
    longest = max(len(left), len(right))
    pairs = zip(_padded(left, longest), _padded(right, longest), strict=True)
    sizes = [max(pair) if 1 in pair or pair[0] == pair[1] else 0 for pair in pairs]
    return prod(sizes) or None


def _padded(sizes: Sizes, count: int) -> Sizes:
    return (1,) * (count - len(sizes)) + sizes


@dataclass(frozen=True)
class _Form:
    """Where an operator has its factors, and what their sizes mean."""

    left: int
    right: int
    matrices: Callable[[Sizes, Sizes], tuple[_Matrix, _Matrix] | None]
    weight_by_rows: bool = False
    """Whether the second factor is stored with a row for each column of the product."""


_FORMS: Final[Mapping[str, _Form]] = {
    **dict.fromkeys(
        ("aten::mm", "aten::bmm", "aten::_scaled_mm", "aten::_int_mm"), _Form(0, 1, _mm)
    ),
    **dict.fromkeys(
        (
            *("aten::addmm", "aten::addmm_", "aten::_addmm_activation", "aten::addbmm"),
            *("aten::addbmm_", "aten::baddbmm", "aten::baddbmm_", "_C::cutlass_scaled_mm"),
        ),
        _Form(1, 2, _mm),
    ),
    **dict.fromkeys(("aten::_scaled_mm_v2", "sgl_kernel::fp8_scaled_mm"), _Form(0, 1, _mm)),
    **dict.fromkeys(("aten::mv", "aten::dot", "aten::vdot"), _Form(0, 1, _mv)),
    **dict.fromkeys(("aten::addmv", "aten::addmv_"), _Form(1, 2, _mv)),
    "aten::matmul": _Form(0, 1, _matmul),
    **dict.fromkeys(
        (
            *("aten::linear", "aten::mkldnn_linear", "aten::_weight_int8pack_mm"),
            "mkldnn::_linear_pointwise",
        ),
        _Form(0, 1, _linear, weight_by_rows=True),
    ),
    "mkl::_mkl_linear": _Form(0, 2, _linear, weight_by_rows=True),
    **dict.fromkeys(
        ("aten::_grouped_mm", "aten::_scaled_grouped_mm", "aten::_scaled_grouped_mm_v2"),
        _Form(0, 1, _grouped),
    ),
}
"""From native_functions.yaml of PyTorch 1.8 to 2.15."""

CALLS: Final = frozenset(_FORMS)
"""Operators that are a matrix product each, where no other one is inside."""


def read(name: str, given: Arguments) -> Product | None:
    """Return the product that the arguments of an operator tell; None where they say too little."""
    form = _FORMS.get(name)
    left = given.sizes(form.left) if form else None
    right = given.sizes(form.right) if form else None
    if form is None or not left or not right:
        return None
    matrices = form.matrices(left, right)
    return _product(name, form, given, matrices) if matrices else None


def _product(
    name: str, form: _Form, given: Arguments, matrices: tuple[_Matrix, _Matrix]
) -> Product | None:
    (batch, m, k), (others, inner, n) = matrices
    if batch != others or k != inner or 0 in (batch, m, n, k):
        return None
    found = Product(
        operator=name,
        batch=batch,
        m=m,
        n=n,
        k=k,
        dtype=given.types_of(form.left, form.right),
        layout=_order(given, form.left) + _order(given, form.right, swapped=form.weight_by_rows),
    )
    return replace(found, k=k * PACKED.get(given.type(form.left), 1))


def _order(given: Arguments, place: int, *, swapped: bool = False) -> str:
    """Return whether a matrix lies by rows (N) or by columns (T) as the product takes it."""
    sizes, steps = given.sizes(place), given.steps(place)
    if sizes is None or steps is None:
        return "?"
    if len(sizes) < 2:
        return "N"
    rows = steps[-1] == 1 or sizes[-1] == 1
    columns = steps[-2] == 1 or sizes[-2] == 1
    if rows == columns:
        return "N" if rows else "?"
    return "N" if rows != swapped else "T"
