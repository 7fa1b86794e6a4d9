"""Matrix products and attention of a trace: rows of the kernel-time report."""

import msgspec


class ProductRow(msgspec.Struct, frozen=True, kw_only=True):
    """Matrix products of one shape, by one operator, in one pass and with one choice of kernel."""

    operator: str
    shape: str
    """`M x N x K`, behind it the number of products (b) where there are several."""
    batch: int
    """Products in a call."""
    m: int
    """Rows of the result; of a grouped product those of all groups together."""
    n: int
    k: int
    dtype: str
    layout: str
    """How each factor lies in memory: N by rows, T by columns, ? neither or not recorded."""
    which: str = msgspec.field(name="pass")
    """forward, backward or optimizer; empty where the trace does not tell."""
    kernel: str
    """The one that took most of the time; on a CPU the operator."""
    kernels: int
    """Distinct ones, without fills and sums of a split k."""
    calls: int
    total_ns: int
    """With fills and sums of a split k, without copies and layout transforms."""
    share: float
    """Of the steps' time."""
    median_ns: float
    """Of a call."""
    tflops: float | None
    """10^12 FLOP/s of the median call; None where it took no time."""
    peak_tflops: float | None
    """At most, by the device's data sheet, of this type; None where none is known."""


class AttentionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of attention of one shape, by one operator, in one pass and with one kernel."""

    operator: str
    shape: str
    """Batch (n), heads of queries / keys (h), lengths of queries and keys, width of a head (d)."""
    backward: bool
    """Whether it computes gradients."""
    batch: int
    heads: int
    """Of queries."""
    kv_heads: int
    """Of keys and values."""
    queries: int | None
    """Length of a sequence; None where sequences of several lengths are in one call."""
    keys: int | None
    width: int
    """Of a head of queries and keys."""
    value_width: int
    causal: bool | None
    """None where it is not recorded: FLOP are then those without a mask."""
    dtype: str
    which: str = msgspec.field(name="pass")
    """forward, backward or optimizer; empty where the trace does not tell."""
    kernel: str
    kernels: int
    calls: int
    total_ns: int
    share: float
    """Of the steps' time."""
    median_ns: float
    """Of a call."""
    tflops: float | None
    """10^12 FLOP/s of the median call: forward 4 B H Sq Sk D, half of it if causal, backward 2.5
    times that; None where lengths are not recorded or more is masked."""
    peak_tflops: float | None
    """At most, by the device's data sheet, of this type; None where none is known."""
