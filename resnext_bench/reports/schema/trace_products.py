"""Matrix products and attention of a trace: rows of the kernel-time report."""

import msgspec


class ProductRow(msgspec.Struct, frozen=True, kw_only=True):
    """Matrix products of one shape, by one operator, in one pass and with one choice of kernel."""

    operator: str
    """Innermost operator that computes the product, such as `aten::addmm`."""
    shape: str
    """Sizes as `MxNxK`, followed by the number of products (b) where a call has several."""
    batch: int
    """Number of products in a call."""
    m: int
    """Rows of the result; of a grouped product those of all groups together."""
    n: int
    """Columns of the result."""
    k: int
    """Length of the sums."""
    dtype: str
    """Type of the factors; two types where they differ."""
    layout: str
    """How each factor lies in memory: N by rows, T by columns, ? neither or not recorded."""
    which: str = msgspec.field(name="pass")
    """`forward`, `backward` or `optimizer`; empty where the trace does not tell."""
    kernel: str
    """Kernel that took most of the time; on a CPU the operator."""
    kernels: int
    """Number of distinct kernels, not counting fills and split-k reductions."""
    calls: int
    total_ns: int
    """Time of the calls, with fills and split-k reductions, without copies and layout
    transforms."""
    share: float
    """Share of the steps' time."""
    median_ns: float
    """Median time of a call; of those that a range does not cut if there are any."""
    cut_calls: int = 0
    """Calls of which the range has a part: they have no rate."""
    tflops: float | None
    """TFLOP/s of the median call; None where it took no time, or the range cuts all calls."""
    peak_tflops: float | None
    """Peak of this type in the device's data sheet, TFLOP/s; None where it is not known."""


class AttentionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of attention of one shape, by one operator, in one pass and with one kernel."""

    operator: str
    """Innermost operator that computes attention."""
    shape: str
    """Batch (n), heads of queries / keys (h), lengths of queries and keys, width of a head (d)."""
    backward: bool
    """Whether the calls compute gradients."""
    batch: int
    """Number of sequences in a call."""
    heads: int
    """Heads of queries."""
    kv_heads: int
    """Heads of keys and values."""
    queries: int | None
    """Queries in a sequence; None where a call has sequences of several lengths."""
    keys: int | None
    """Keys in a sequence; likewise."""
    width: int
    """Width of a head of queries and keys."""
    value_width: int
    """Width of a head of values."""
    causal: bool | None
    """Whether later keys are masked; None where it is not recorded: FLOP are then those without a
    mask."""
    dtype: str
    """Type of the queries."""
    which: str = msgspec.field(name="pass")
    """`forward`, `backward` or `optimizer`; empty where the trace does not tell."""
    kernel: str
    """Kernel that took most of the time; on a CPU the operator."""
    kernels: int
    """Number of distinct kernels, not counting fills and split-k reductions."""
    calls: int
    total_ns: int
    """Time of the calls, with fills, without copies."""
    share: float
    """Share of the steps' time."""
    median_ns: float
    """Median time of a call; of those that a range does not cut if there are any."""
    cut_calls: int = 0
    """Calls of which the range has a part: they have no rate."""
    tflops: float | None
    """TFLOP/s of the median call: 4 B H Sq Sk D forward, half of it if causal, backward 2.5 times
    that; None where lengths are not recorded, more is masked, or the range cuts all calls."""
    peak_tflops: float | None
    """Peak of this type in the device's data sheet, TFLOP/s; None where it is not known."""
