"""Kernels that torch.compile makes: their names list the operators whose arithmetic they fuse.

`triton_poi_fused_add_native_layer_norm_3`: `poi` computes place by place, `red` and `per` reduce,
`tem` is a template (a product, a convolution, attention), `for` goes over many tensors. On a CPU
they are called `cpp_fused_...`. Before PyTorch 2.2 all were called `triton_` and the types of their
arguments.
"""

import re
from typing import Final

from resnext_bench.reports.trace.names.classes import Class, first, rows

_FUSED: Final = re.compile(r"^(?:triton_([a-z]+)|.*cpp|triton)_fused_?(.*?)(?:_?\d+)?$")
_UNNAMED: Final = re.compile(r"^triton_[_\dcde]*\d[_\dcde]*$")
_TEMPLATES: Final = rows(
    (r"attention", Class.ATTENTION),
    (r"conv", Class.CONV),
    (r"(?<![a-z])(?:add|badd|b)?b?mm(?![a-z])|linear", Class.MATMUL),
)
_OPERATORS: Final = rows(
    (r"(?:^|_)(?:adamw?|sgd|adagrad|adadelta|rmsprop|lamb)(?:_|$)", Class.OPTIMIZER),
    (r"(?:batch|layer|group|instance|rms)_?norm", Class.NORM),
    (r"pool\d?d?", Class.POOLING),
    (r"softmax|nll_loss|cross_entropy|mse_loss|smooth_l1|huber|kl_div", Class.LOSS),
    (
        r"embedding|index_|indices|(?<!all_)gather|(?<!reduce_)scatter|sort|topk|searchsorted",
        Class.INDEXING,
    ),
    (r"dropout|bernoulli|(?:^|_)rand|multinomial", Class.RANDOM),
    (r"cumsum|cumprod|_scan", Class.REDUCTION),
)
_COPIES: Final = (
    "to copy clone cat stack permute transpose t view unsafe slice split select squeeze \
unsqueeze expand constant pad nd with sizes all gather in out"
)
_FILLS: Final = "zero zeros ones full fill empty new like scalar tensor"
"""Words of which the names of such operators consist."""
_REDUCING: Final = ("red", "per", "spl")
_REDUCE: Final = re.compile(r"(?:^|_)(?:sum|mean|amax|amin|argmax|argmin|var|norm)_")


def fused(name: str) -> Class | None:
    """Return the class of a kernel made by torch.compile; None of any other."""
    if not name.startswith("triton_") and "cpp_fused" not in name:
        return None
    if _UNNAMED.match(name):
        return Class.ELEMENTWISE
    match = _FUSED.match(name.removesuffix(".kd"))
    if match is None:
        return None
    kind, operators = match[1], match[2] + "_"
    if kind == "tem":
        return first(_TEMPLATES, operators)
    found = first(_OPERATORS, operators)
    if found is not Class.OTHER:
        return found
    words = {word for word in operators.split("_") if word and not word.isdecimal()}
    if words and words <= set(_COPIES.split()):
        return Class.COPY
    if words and words <= set(_FILLS.split()):
        return Class.FILL
    reduces = kind in _REDUCING or (kind is None and _REDUCE.search(operators))
    return Class.REDUCTION if reduces else Class.ELEMENTWISE
