"""A call of attention, and what the profiler records of it: lengths, heads, whether it is causal.

Operators nest (_scaled_dot_product_flash_attention > _flash_attention_forward): a call is the
innermost one that is listed here. Attention that is computed by matrix products and a softmax
(`_scaled_dot_product_attention_math`) is shown as those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from resnext_bench.reports.trace.names.arguments import Arguments, Sizes

BACKWARD: Final = 2.5
"""Products of the backward pass for one of the forward pass: five to two, the scores again."""


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One call; lengths are None where sequences of several lengths lie behind one another."""

    operator: str
    backward: bool
    batch: int
    heads: int
    """Of the queries."""
    kv_heads: int
    """Of keys and values: fewer where several heads of queries share one."""
    queries: int | None
    """Length of a sequence of queries."""
    keys: int | None
    width: int
    """Of a head of queries and keys."""
    value_width: int
    """Of a head of values."""
    causal: bool | None
    """None where it is not recorded."""
    whole: bool
    """Whether nothing else is masked, as by a sliding window or blocks that are left out."""
    tokens: int
    """Queries of all sequences."""
    dtype: str

    @property
    def flops(self) -> int | None:
        """FLOP of the call, the exponential and the sums of the softmax left out.

        Forward 2 B H Sq Sk (D + Dv), backward 2.5 times that; half of it where the mask is causal.
        None where lengths are not recorded, or where it depends on how a mask lies.
        """
        if self.queries is None or self.keys is None or not self.whole:
            return None
        if self.causal and self.queries != self.keys:
            return None
        pairs = self.batch * self.heads * self.queries * self.keys
        forward = 2 * pairs * (self.width + self.value_width)
        masked = forward / 2 if self.causal else forward
        return round(masked * BACKWARD if self.backward else masked)


def label(attention: Attention) -> str:
    """Return the sizes, short, for tables: `n8 h32/8 2048x2048 d128`, heads of queries / keys."""
    shared = f"/{attention.kv_heads}" if attention.kv_heads != attention.heads else ""
    width = f"d{attention.width}"
    if attention.value_width != attention.width:
        width += f"/{attention.value_width}"
    lengths = f"{attention.queries}x{attention.keys}"
    if attention.queries is None or attention.keys is None:
        lengths = f"{attention.tokens} tokens"
    return f"n{attention.batch} h{attention.heads}{shared} {lengths} {width}"


@dataclass(frozen=True, kw_only=True)
class _Form:
    """Where an operator has what among its arguments; None: nowhere."""

    query: int = 0
    """Keys and values follow it."""
    backward: bool = False
    heads_last: bool = False
    """Whether sizes are batch, length, heads, width, and not batch, heads, length, width."""
    causal: int | None = None
    mask_type: int | None = None
    """A number instead: 0 no mask, 1 and 2 causal."""
    packed: int | None = None
    """Where each sequence begins, if sequences lie behind one another."""
    window: int | None = None
    """How far each query sees, to the left and (next to it) to the right."""


_FORMS: Final[Mapping[str, _Form]] = {
    "aten::_scaled_dot_product_flash_attention": _Form(causal=4),
    "aten::_scaled_dot_product_flash_attention_backward": _Form(
        query=1, backward=True, causal=11, packed=6
    ),
    "aten::_scaled_dot_product_flash_attention_for_cpu": _Form(causal=4),
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": _Form(
        query=1, backward=True, causal=7
    ),
    "aten::_scaled_dot_product_efficient_attention": _Form(causal=6),
    "aten::_scaled_dot_product_efficient_attention_backward": _Form(
        query=1, backward=True, causal=11
    ),
    "aten::_scaled_dot_product_cudnn_attention": _Form(causal=6),
    "aten::_scaled_dot_product_cudnn_attention_backward": _Form(
        query=1, backward=True, causal=14, packed=9
    ),
    "aten::_scaled_dot_product_fused_attention_overrideable": _Form(causal=5),
    "aten::_scaled_dot_product_fused_attention_overrideable_backward": _Form(
        query=1, backward=True, causal=13, packed=8
    ),
    "aten::_flash_attention_forward": _Form(heads_last=True, causal=8, packed=3, window=11),
    "aten::_flash_attention_backward": _Form(
        query=1, backward=True, heads_last=True, causal=11, packed=6, window=15
    ),
    "aten::_efficient_attention_forward": _Form(heads_last=True, mask_type=9, packed=4, window=13),
    "aten::_efficient_attention_backward": _Form(
        query=1, backward=True, heads_last=True, mask_type=14, packed=6, window=18
    ),
    "aten::_cudnn_attention_forward": _Form(causal=10, packed=4),
    "aten::_cudnn_attention_backward": _Form(query=1, backward=True, causal=14, packed=9),
    "flash_attn::_flash_attn_forward": _Form(heads_last=True, causal=5, window=6),
    "flash_attn::_flash_attn_backward": _Form(
        query=1, backward=True, heads_last=True, causal=11, window=12
    ),
    "flash_attn::_flash_attn_varlen_forward": _Form(heads_last=True, causal=9, packed=3, window=10),
    "flash_attn::_flash_attn_varlen_backward": _Form(
        query=1, backward=True, heads_last=True, causal=15, packed=9, window=16
    ),
}
"""From native_functions.yaml of PyTorch 2.0 to 2.15, and FlashAttention 2.7."""

CALLS: Final = frozenset(_FORMS)
"""Operators that compute attention each, where no other one is inside."""


def read(name: str, given: Arguments) -> Attention | None:
    """Return what the arguments of an operator tell; None where they say too little."""
    form = _FORMS.get(name)
    if form is None:
        return None
    query, key, value = (_sizes(form, given, form.query + at) for at in range(3))
    if query is None or key is None or value is None:
        return None
    batch, heads, length, width = query if len(query) == 4 else (1, *query)
    kv_heads, keys = key[-3], key[-2]
    if 0 in (*query, *key, *value) or heads % kv_heads or width != key[-1]:
        return None
    sequences = _sequences(form, given)
    packed = sequences is not None or len(query) == 3
    return Attention(
        operator=name,
        backward=form.backward,
        batch=batch if sequences is None else sequences,
        heads=heads,
        kv_heads=kv_heads,
        queries=None if packed else length,
        keys=None if packed else keys,
        width=width,
        value_width=value[-1],
        causal=_causal(form, given),
        whole=not _windowed(form, given),
        tokens=batch * length,
        dtype=given.type(form.query),
    )


def _sizes(form: _Form, given: Arguments, place: int) -> Sizes | None:
    """Return batch, heads, length and width; of packed sequences without the batch."""
    sizes = given.sizes(place)
    if sizes is None or len(sizes) not in ((3, 4) if form.heads_last else (4,)):
        return None
    if form.heads_last:
        return (*sizes[:-3], sizes[-2], sizes[-3], sizes[-1])
    return sizes


def _sequences(form: _Form, given: Arguments) -> int | None:
    """Return how many sequences lie behind one another; None where none do."""
    starts = given.sizes(form.packed)
    return starts[0] - 1 if starts and len(starts) == 1 and starts[0] > 1 else None


def _causal(form: _Form, given: Arguments) -> bool | None:
    if form.mask_type is None:
        return given.truth(form.causal)
    told = given.numbers(form.mask_type)
    return None if told is None or len(told) != 1 else told[0] in (1, 2)


def _windowed(form: _Form, given: Arguments) -> bool:
    """Return whether a window is set: -1, or nothing, is none."""
    if form.window is None:
        return False
    places = (form.window, form.window + 1) if form.mask_type is None else (form.window,)
    return any(told[0] >= 0 for place in places if (told := given.numbers(place)))
