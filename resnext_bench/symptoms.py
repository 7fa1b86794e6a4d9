"""Error messages of torch, NCCL, CUDA and the kernel, and what they mean.

Their text is read here and nowhere else: from here on a failure is a kind. What launchers report
about processes is read in `launch/ends.py`, and the end of a log in `logs.py`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from resnext_bench.reports.schema.record import FailureKind

LACK_OF_MEMORY: Final[frozenset[FailureKind]] = frozenset(
    {"out_of_memory", "shared_memory", "gpu_busy", "killed"}
)
"""Kinds of failure that a smaller batch, or one side after the other, may avoid."""

_OF_MEMORY: Final[tuple[tuple[FailureKind, re.Pattern[str]], ...]] = (
    (
        "out_of_memory",
        re.compile(
            r"out of (\w+ )?memory|cannot allocate memory|STATUS_ALLOC_FAILED", re.IGNORECASE
        ),
    ),
    ("killed", re.compile(r"SIGKILL|killed by signal: Killed", re.IGNORECASE)),
    # A loader process: of a bus error it dies where shared memory is full.
    ("shared_memory", re.compile(r"killed by signal: Bus", re.IGNORECASE)),
    # A GPU in exclusive-process mode takes no second process: room of another kind.
    (
        "gpu_busy",
        re.compile(r"devices?(\(s\))? (is/are|is|are) busy or unavailable", re.IGNORECASE),
    ),
)
_TIMEOUT: Final = re.compile(r"timed out|timeout", re.IGNORECASE)
_CONSEQUENCE: Final = re.compile(
    r"connection (closed|reset|refused)|socket|broken pipe|timed out|timeout|gloo|nccl|peer",
    re.IGNORECASE,
)
"""Words of errors that are the consequence of another rank's end."""
_SHARED: Final = re.compile(r"shared memory|/dev/shm|shm_open|torch_shm")
"""Words of torch's errors about memory that processes share."""
_OF_STRIDES: Final = re.compile(
    r"view size is not compatible|cannot view a tensor with|cannot reshape a tensor .* strides"
    r"|last dimension (with|to have|must have) stride"
    r"|(must|should|expected to|to) be contiguous|(is|was) not contiguous|non-?contiguous"
    r"|requiring a storage size of .* out of bounds for storage",
    re.IGNORECASE | re.DOTALL,
)
"""Errors of operations that only take tensors in NCHW memory."""
_GPU_ASKED: Final = re.compile(r"[Tt]ried to allocate ([\d.]+) ([KMG])iB")
_CPU_ASKED: Final = re.compile(r"tried to allocate (\d+) bytes")
_GIB: Final = {"K": 2**20, "M": 2**10, "G": 1}
_NCCL_CAUSE: Final = re.compile(r"^Last error:\s*(.+)", re.MULTILINE)

_LIMITS: Final = (
    (
        (
            r"failed to map segment|cannot enable executable stack|cannot allocate memory in static"
            r"|cannot allocate memory for thread-local data"
        ),
        "there was no address space left to load a library: raise ulimit -v, if it is set",
    ),
    (
        r"can't start new thread|(pthread_create|thread creation) failed",
        (
            "no more threads could be started: raise ulimit -u, or the limit of the container "
            "(--pids-limit)"
        ),
    ),
)
"""Patterns of errors where a limit of the process is reached, and how to raise it."""
_HINTS: Final = (
    (
        "Critical error in pipeline",
        (
            "DALI stopped, although it decodes each of the files on its own: the rank's log shows "
            "where; use --pipeline torchvision to do without DALI"
        ),
    ),
    (
        r"DataLoader worker .* killed by signal: Killed",
        "a loader process most likely ran out of memory: lower --loader-threads or --batch-size",
    ),
    (
        r"DataLoader worker .* killed by signal: Bus",
        (
            "a loader process most likely ran out of shared memory: lower --loader-threads, "
            "--prefetch or --batch-size; a container may need a larger --shm-size. Or a shard was "
            "truncated while it was read"
        ),
    ),
    (
        "finished reduction in the prior iteration",
        (
            "the loss does not depend on some of the model's parameters, for which DDP waits: "
            "freeze them (requires_grad_(False)), or use --static-graph or one rank"
        ),
    ),
    (
        (
            r"wrong image (height|width)|input (height|width) \(|divisible by|doesn't match model"
            r"|kernel size can't be greater than actual input|output size is too small"
        ),
        "the model does not accept images of this size; try another --image-size, such as 224",
    ),
    (
        r"No working C\+\+ compiler|Failed to find C compiler|InvalidCxxCompiler",
        "torch.compile needs a compiler: install gcc and g++, or use --no-compile",
    ),
    (
        r"shared memory segment",
        (
            "NCCL found no room in /dev/shm: make it larger (a container: --shm-size=1g), or set "
            "NCCL_SHM_DISABLE=1"
        ),
    ),
    *_LIMITS,
    (
        "driver.*too old",
        "update the NVIDIA driver, install a torch built for its CUDA version, or use --device cpu",
    ),
)
"""Patterns of the most frequent errors, and what to do about them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Symptom:
    """What another library's error says about its cause."""

    kind: FailureKind
    follows: bool = False
    """Whether it may be the consequence of another rank's end."""


def symptom_of(name: str, text: str, otherwise: FailureKind = "error") -> Symptom:
    """Classify an error by the name of its class and its text."""
    kind = memory_kind(f"{name}: {_first_line(text)}")
    if kind is None:
        kind = "timeout" if _TIMEOUT.search(text) else None
    follows = _CONSEQUENCE.search(f"{name} {text}") is not None
    return Symptom(kind=kind or ("communication" if follows else otherwise), follows=follows)


def memory_kind(words: str) -> FailureKind | None:
    """Return which memory ran out; None where the text is about something else."""
    return next((kind for kind, pattern in _OF_MEMORY if pattern.search(words)), None)


def is_about_shared_memory(text: str) -> bool:
    """Return whether torch's error is about memory that processes share."""
    return _SHARED.search(text) is not None


def is_about_strides(text: str) -> bool:
    """Return whether an operation needs its tensors in another layout."""
    return _OF_STRIDES.search(text) is not None


def is_of_the_allocator(text: str) -> bool:
    """Return whether the error is from torch's allocator of host memory."""
    return "DefaultCPUAllocator" in text


def gpu_gib_asked(text: str) -> float | None:
    """Return how much was asked of a GPU that had no more; None where it does not say."""
    asked = _GPU_ASKED.search(text)
    return float(asked[1]) / _GIB[asked[2]] if asked else None


def host_gib_asked(text: str) -> float | None:
    """Return how much was asked of the host; None where it does not say."""
    asked = _CPU_ASKED.search(text)
    return int(asked[1]) / 2**30 if asked else None


def systems_words(text: str) -> str:
    """Return the system's message: torch puts it last, followed by its number."""
    return re.sub(r" \(\d+\)$", "", text.strip().rpartition(": ")[2])


def brief(text: str) -> str:
    """Shorten NCCL's message: its first line says that there was an error, its last one which."""
    cause = _NCCL_CAUSE.search(text)
    return f"{text.partition(', ')[0]}: {cause[1]}" if cause else text


def hint_for(text: str) -> str:
    """Return what to do about it, where that is known."""
    return _hint_of(_HINTS, text)


def limit_hint(text: str) -> str:
    """Return how to raise the limit of the process that an error is about; "" for other errors."""
    return _hint_of(_LIMITS, text)


def _hint_of(known: Iterable[tuple[str, str]], text: str) -> str:
    flags = re.IGNORECASE | re.DOTALL
    return next((hint for pattern, hint in known if re.search(pattern, text, flags)), "")


def _first_line(text: str) -> str:
    """Return the first line, which is shown: below it are stacks and advice."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
