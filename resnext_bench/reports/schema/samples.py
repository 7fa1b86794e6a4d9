"""What one rank measured, step by step, and what one session gathered."""

from typing import Final

import msgspec

COLUMNS: Final = (
    "step_ns",
    "data_wait_ns",
    "forward_ns",
    "backward_ns",
    "optimizer_ns",
    "next_ns",
)
"""Columns of the timed steps, each an integer number of nanoseconds per step."""


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of one rank in one session; the timed steps, each list of the same length.

    A step runs from the end of one optimizer step to the end of the next, so that the steps of a
    window tile it without gaps, and `step = data_wait + forward + backward + optimizer`.
    """

    rank: int
    node: int
    local_rank: int
    host: str
    pid: int
    device: str
    window_ns: int
    """From the barrier before the first timed step to the device synchronise after the last."""
    step_ns: list[int]
    data_wait_ns: list[int]
    """From the end of the optimizer to the batch being ready on the device, copy included."""
    forward_ns: list[int]
    """Forward pass and loss."""
    backward_ns: list[int]
    """Backward pass, with the gradient reduction that DDP overlaps with it."""
    optimizer_ns: list[int]
    next_ns: list[int]
    """Host time blocked in `next()` of the pipeline: inside data_wait on CPU, beside it on GPU."""
    loss: list[float]
    warm_up_ns: list[int]
    """Whole steps before the window, on the host's clock: shows what warm-up was, never counted."""


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """The profiled pass of one rank. Its trace stays on the rank's host."""

    rank: int
    host: str
    trace: str
    """Path on that host: Chrome's trace format, gzipped, as TensorBoard's plugin reads it."""
    size: int
    """Bytes."""
    steps: int
    """Steps in the trace."""
    step_ms: float
    """Their mean: longer than that of timed steps, by what the profiler costs."""


class RankFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one rank says of itself beside its timings: guards, memory, threads, formats."""

    rank: int
    peak_gib: float
    """Peak memory: allocated on the GPU, or resident set of the process on CPU, GiB."""
    reserved_gib: float
    """Peak memory the allocator reserved on the GPU; 0 on CPU."""
    affinity: tuple[int, ...]
    """CPUs the kernel says the rank may run on."""
    torch_threads: int
    counted_s: float
    """Time over which the use of cores was counted: the window; of a duet's blocks all steps."""
    cpu_busy_s: float
    """CPU time of this process, all threads, and of its loading processes in that time."""
    core_busy_s: float
    """Time the rank's cores were busy with anything in that time."""
    core_steal_s: float
    """What a hypervisor took from the rank's cores in that time."""
    core_waited_s: float | None = None
    """Time that threads of the rank, and of its loading processes, were ready to run and waited for
    a core; None where the kernel does not tell, and in older records."""
    parameters: int
    parameters_unchanged: tuple[str, ...]
    parameter_digest: str
    """Digest of all parameters after the window: equal on all ranks under DDP."""
    losses_finite: bool
    batches_distinct: int
    batches_expected: int
    """Fewest distinct batches an honest pipeline shows; 0 where repetition is by design."""
    weight_format: str
    """Memory format of the convolution weights, read from their strides; empty without any."""
    gradient_format: str
    first_loss: float
    last_loss: float
    profiled: Profiled | None = None
    unwritten: tuple[int, str, str] | None = None
    """Number and words of the system's error, and the file: why there is no trace of this rank."""
    gpu: str = ""
    """UUID of its GPU; empty on CPU."""
    start_up_s: dict[str, float]
    """Seconds of each phase before the window, by name."""
    parameters_unused: tuple[str, ...] = ()
    """Those unchanged for the good reason that the loss of a foreign model ignores them."""
    parameters_idle: tuple[str, ...] = ()
    """Those unchanged as their gradient is zero, or too small to change a value of their type."""
    parameters_decayed: tuple[str, ...] = ()
    """Those with such a gradient that changed all the same: by weight decay alone."""
    parameters_frozen: tuple[str, ...] = ()
    """Those that the model's author has frozen."""
    parameters_trained: int = 0
    """How many there are that should change; 0 in records of before this was told."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the model as it was run."""
    image_flop: int | None = None
    """FLOP of forward and backward for one image, as counted on rank 0 where the model is foreign;
    None of others, and where it could not be counted."""
    matmul_tflops: float | None = None
    """Rate of a large matrix product in the run's type, after the window; None where there was no
    room for it."""
    matmul_spread_percent: float | None = None
    """Half of what lies between the best products of three parts of that time, of the best one."""
    files_left_out: tuple[str, ...] = ()
    """Those that turned bad while the rank read them."""


class SessionResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything rank 0 gathered through the process group in one session."""

    samples: tuple[Samples, ...]
    facts: tuple[RankFacts, ...]
    versions: dict[str, str]
    """Versions of what the worker ran with: torch, cuda, cudnn, nccl, dali."""
    device_name: str
