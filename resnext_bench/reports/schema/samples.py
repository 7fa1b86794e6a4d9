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
    """The timed steps of one rank in one session, in columns of the same length.

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
    """Time from the barrier before the first timed step to the device synchronise after the
    last."""
    step_ns: list[int]
    data_wait_ns: list[int]
    """Time from the end of the optimizer until the batch is ready on the device, copy included."""
    forward_ns: list[int]
    """Time of the forward pass and the loss."""
    backward_ns: list[int]
    """Time of the backward pass, with the gradient reduction that DDP overlaps with it."""
    optimizer_ns: list[int]
    next_ns: list[int]
    """Host time blocked in `next()` of the pipeline; on a CPU part of data_wait, on a GPU beside
    it."""
    loss: list[float]
    warm_up_ns: list[int]
    """Whole steps before the window, by the host's clock; they show the warm-up and never count."""


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """The profiled pass of one rank. Its trace stays on the rank's host."""

    rank: int
    host: str
    trace: str
    """Path of the trace on that host, in Chrome's trace format, gzipped, as TensorBoard's plugin
    reads it."""
    size: int
    """Size of the trace, bytes."""
    steps: int
    """Number of steps in the trace."""
    step_ms: float
    """Mean of these steps, ms: longer than that of timed steps, by what the profiler costs."""


class RankFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one rank reports of itself besides its timings: guards, memory, threads, formats."""

    rank: int
    peak_gib: float
    """Peak memory, GiB: of tensors on a GPU, or the resident set of the process on a CPU."""
    reserved_gib: float
    """Peak memory that the allocator reserved on a GPU, GiB; 0 on a CPU."""
    device_gib: float | None = None
    """Peak memory in use on the rank's whole GPU, GiB, with the CUDA context, DALI's and NCCL's
    memory, and that of other processes; None on a CPU, where a GPU shares the host's memory, and in
    older records."""
    allocator_retries: int = 0
    """How often the allocator emptied its cache in the window, as the GPU had no more memory."""
    affinity: tuple[int, ...]
    """CPUs on which the kernel allows the rank to run."""
    torch_threads: int
    counted_s: float
    """Time over which the use of cores was counted, s: the window, or all steps of a duet's
    blocks."""
    cpu_busy_s: float
    """CPU time of this process, all its threads, and its loading processes in that time, s."""
    core_busy_s: float
    """Time in which the rank's cores were busy with anything, s."""
    core_steal_s: float
    """Time that a hypervisor took from the rank's cores, s."""
    core_waited_s: float | None = None
    """Time for which threads of the rank, and of its loading processes, were ready to run and
    waited for a core, s; None where the kernel does not report it, and in older records."""
    parameters: int
    parameters_unchanged: tuple[str, ...]
    parameter_digest: str
    """Digest of all parameters after the window, which is equal on all ranks under DDP."""
    losses_finite: bool
    batches_distinct: int
    batches_expected: int
    """Fewest distinct batches of a working pipeline; 0 where repetition is by design."""
    weight_format: str
    """Memory format of the convolution weights, read from their strides; empty without any."""
    gradient_format: str
    first_loss: float
    last_loss: float
    profiled: Profiled | None = None
    unwritten: tuple[int, str, str] | None = None
    """Why there is no trace of this rank: number and message of the system's error, and the
    file."""
    gpu: str = ""
    """UUID of the rank's GPU; empty on a CPU."""
    core_nodes: tuple[int, ...] = ()
    """NUMA nodes of these CPUs; empty where they are not known."""
    gpu_node: int | None = None
    """NUMA node to which the GPU is attached; None where it is not known, and on a CPU."""
    board: str = ""
    """UUID of the board that its GPU is a slice of."""
    start_up_s: dict[str, float]
    """Seconds of each phase before the window, by name."""
    parameters_unused: tuple[str, ...] = ()
    """Unchanged parameters that the loss of a foreign model does not use, which is a good
    reason."""
    parameters_idle: tuple[str, ...] = ()
    """Unchanged parameters whose gradient is zero, or too small to change a value of their type."""
    parameters_decayed: tuple[str, ...] = ()
    """Parameters with such a gradient that changed nevertheless, by weight decay alone."""
    parameters_frozen: tuple[str, ...] = ()
    """Parameters that the model's author has frozen."""
    parameters_trained: int = 0
    """Number of parameters that should change; 0 in older records."""
    notes: tuple[str, ...] = ()
    """What a reader should know about the model as it was run."""
    image_flop: int | None = None
    """FLOP of forward and backward for one image, counted on rank 0 for foreign models; None for
    others, and where it could not be counted."""
    matmul_tflops: float | None = None
    """Rate of a large matrix product in the run's type after the window, TFLOP/s; None where memory
    had no room for it."""
    matmul_spread_percent: float | None = None
    """Half the range of the best products of the measurement's three parts, per cent of the best of
    all."""
    files_left_out: tuple[str, ...] = ()
    """Files that turned bad while the rank read them."""


class SessionResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that rank 0 gathered through the process group in one session."""

    samples: tuple[Samples, ...]
    facts: tuple[RankFacts, ...]
    versions: dict[str, str]
    """Versions of the software that the worker ran with: torch, cuda, cudnn, nccl, dali."""
    device_name: str
