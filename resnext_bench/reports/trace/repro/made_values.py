"""What values a tensor needs so that an operator takes it: indices in range, variances above 0."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Final

from resnext_bench.reports.trace.names.arguments import Sizes
from resnext_bench.reports.trace.repro.given import Argument, Literal, Tensor, Tensors, Value

_ABOVE_ZERO: Final = "lambda n: 1 - torch.rand(n)"
_POSITIVE: Final = frozenset(
    {
        *("log", "log_", "log2", "log2_", "log10", "log10_", "log1p", "log1p_", "sqrt", "sqrt_"),
        *("rsqrt", "rsqrt_", "pow", "pow_", "addcdiv", "addcdiv_", "bernoulli", "bernoulli_"),
        *("multinomial", "binary_cross_entropy", "binary_cross_entropy_backward"),
        *("_foreach_sqrt", "_foreach_sqrt_", "_foreach_addcdiv_", "xlogy", "logit"),
    }
)
"""Operators that take numbers from 0 to 1 alone, or give NaN for those below 0."""
_VARIANCES: Final = frozenset(
    {"running_var", "save_var", "save_invstd", "rstd", "invstd", "var", "max_exp_avg_sqs"}
    | {"exp_avg_sqs", "exp_avg_sq", "state_steps"}
)
"""Parameters that are no number below 0."""
_DIVIDE: Final = frozenset({"remainder", "fmod", "div", "divide", "floor_divide", "true_divide"})
_PICK: Final = frozenset(
    {
        *("gather", "index_select", "index_add", "index_copy", "index_fill", "scatter"),
        *("scatter_add", "scatter_reduce", "_scatter", "index_reduce", "take_along_dim"),
    }
)
"""Operators whose `index` counts along the dimension `dim` of `self`."""
_INTEGERS: Final = 8
"""Whole numbers that mean nothing are below this."""
_WHOLE: Final = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def with_values(name: str, arguments: Sequence[Argument]) -> tuple[Argument, ...]:
    """Return the arguments of an operator with what makes the values of their tensors."""
    values = {one.parameter.name: one.value for one in arguments}
    return tuple(
        replace(one, value=_filled(name, one.parameter.name, one.value, values))
        for one in arguments
    )


def _filled(name: str, parameter: str, value: Value, values: Mapping[str, Value]) -> Value:
    match value:
        case Tensor():
            return replace(value, values=_made(name, parameter, value, values))
        case Tensors():
            every = value.every
            if parameter == "indices":  # of a list no types are recorded, and these are no data
                every = tuple(replace(one, dtype="int64") for one in every)
            made = (replace(one, values=_made(name, parameter, one, values)) for one in every)
            return replace(value, every=tuple(made))
    return value


def _made(name: str, parameter: str, tensor: Tensor, values: Mapping[str, Value]) -> str:
    if tensor.dtype == "bool":
        return _integers(0, 2)
    if tensor.dtype.startswith("complex"):
        return "lambda n: torch.randn(n, dtype=torch.complex64)"
    if tensor.dtype not in _WHOLE:
        above = name in _POSITIVE or parameter in _VARIANCES
        return _ABOVE_ZERO if above else "torch.randn"
    if name.removesuffix("_") in _DIVIDE and parameter == "other":
        return _integers(1, _INTEGERS + 1)
    below = _below(name.removesuffix("_"), parameter, values)
    return _integers(0, _INTEGERS if below is None else max(1, below))


def _integers(low: int, high: int) -> str:
    least = f"{low}, " if low else ""
    return f"lambda n: torch.randint({least}{high}, (n,))"


def _below(name: str, parameter: str, values: Mapping[str, Value]) -> int | None:
    """Return what indices are below; None: they are none."""
    if (told := _INDICES.get((name, parameter))) is not None:
        return told(values)
    if parameter == "index" and name in _PICK:
        return _along(values)
    if parameter == "indices" and name.startswith(("index", "_index_put_impl", "_unsafe_index")):
        return min(_sizes(values, "self"), default=1)
    if parameter == "target" and name.startswith(("nll_loss", "cross_entropy_loss")):
        sizes = _sizes(values, "self")
        return sizes[min(1, len(sizes) - 1)] if sizes else 1
    return None


def _along(values: Mapping[str, Value]) -> int:
    """Return the size of the dimension that is picked from, of the shortest where none is told."""
    sizes, dim = _sizes(values, "self"), values.get("dim")
    told = dim.numbers if isinstance(dim, Literal) else ()
    if len(told) == 1 and -len(sizes) <= told[0] < len(sizes):
        return sizes[told[0]]
    return min(sizes, default=1)


def _sizes(values: Mapping[str, Value], name: str) -> Sizes:
    found = values.get(name)
    return found.size if isinstance(found, Tensor) else ()


def _rows(name: str) -> Callable[[Mapping[str, Value]], int]:
    return lambda values: next(iter(_sizes(values, name)), 1)


def _number(name: str) -> Callable[[Mapping[str, Value]], int]:
    def found(values: Mapping[str, Value]) -> int:
        told = values.get(name)
        return next(iter(told.numbers), 1) if isinstance(told, Literal) else 1

    return found


def _area(dimensions: int) -> Callable[[Mapping[str, Value]], int]:
    return lambda values: prod(_sizes(values, "self")[-dimensions:])


_INDICES: Final[Mapping[tuple[str, str], Callable[[Mapping[str, Value]], int]]] = {
    ("embedding", "indices"): _rows("weight"),
    ("_embedding_bag", "indices"): _rows("weight"),
    ("_embedding_bag_forward_only", "indices"): _rows("weight"),
    ("_embedding_bag", "offsets"): lambda _: 1,
    ("_embedding_bag_forward_only", "offsets"): lambda _: 1,
    ("embedding_backward", "indices"): _number("num_weights"),
    ("embedding_dense_backward", "indices"): _number("num_weights"),
    ("max_pool2d_with_indices_backward", "indices"): _area(2),
    ("max_pool3d_with_indices_backward", "indices"): _area(3),
    ("take", "index"): lambda values: prod(_sizes(values, "self")),
    ("one_hot", "self"): _number("num_classes"),
}
