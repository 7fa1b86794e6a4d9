"""What torch, NCCL, CUDA and the kernel say when something goes wrong, and what that means.

Their words are read here and nowhere else: from here on a failure is a kind. What launchers report
of processes is read in `launch/ends.py`, and what belongs to a log's end in `logs.py`.
"""

import re
from dataclasses import dataclass
from typing import Final

from resnext_bench.reports.schema.record import FailureKind

LACK_OF_MEMORY: Final[frozenset[FailureKind]] = frozenset(
    {"out_of_memory", "shared_memory", "gpu_busy", "killed"}
)
"""Kinds of which something smaller, or one thing after another, may be spared."""

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
"""Words of errors that follow from another rank's end."""
_SHARED: Final = re.compile(r"shared memory|/dev/shm|shm_open|torch_shm")
"""Of torch's errors: those about what it shares between processes."""
_OF_STRIDES: Final = re.compile(
    r"view size is not compatible|cannot view a tensor with|cannot reshape a tensor .* strides"
    r"|last dimension (with|to have|must have) stride"
    r"|(must|should|expected to|to) be contiguous|(is|was) not contiguous|non-?contiguous"
    r"|requiring a storage size of .* out of bounds for storage",
    re.IGNORECASE | re.DOTALL,
)
"""What operations say that take only tensors whose memory lies as NCHW."""
_GPU_ASKED: Final = re.compile(r"[Tt]ried to allocate ([\d.]+) ([KMG])iB")
_CPU_ASKED: Final = re.compile(r"tried to allocate (\d+) bytes")
_GIB: Final = {"K": 2**20, "M": 2**10, "G": 1}
_NCCL_CAUSE: Final = re.compile(r"^Last error:\s*(.+)", re.MULTILINE)

_HINTS: Final = (
    (
        "Critical error in pipeline",
        (
            "DALI stopped, though it decodes each file that it was given by itself: the rank's log "
            "tells where; --pipeline torchvision does without it"
        ),
    ),
    (
        r"DataLoader worker .* killed by signal: Killed",
        "a loader process lacked memory, most likely: lower --loader-threads or --batch-size",
    ),
    (
        r"DataLoader worker .* killed by signal: Bus",
        (
            "a loader process lacked shared memory, most likely: lower --loader-threads, "
            "--prefetch or --batch-size; a container may need a larger --shm-size. Or a shard was "
            "cut while it was read"
        ),
    ),
    (
        "finished reduction in the prior iteration",
        (
            "the loss ignores some of the model's parameters, for which DDP waits: freeze them "
            "(requires_grad_(False)), or use --static-graph or one rank"
        ),
    ),
    (
        (
            r"wrong image (height|width)|input (height|width) \(|divisible by|doesn't match model"
            r"|kernel size can't be greater than actual input|output size is too small"
        ),
        "the model does not take images of this size; try another --image-size, as 224",
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
    (
        r"failed to map segment|cannot enable executable stack|cannot allocate memory in static",
        "no address space was left for a library: raise ulimit -v, if it is set",
    ),
    (
        "driver.*too old",
        "update the NVIDIA driver, install a torch for its CUDA, or use --device cpu",
    ),
)
"""What errors that users meet most say, as patterns, and what to do about them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Symptom:
    """What somebody else's error says of its cause."""

    kind: FailureKind
    follows: bool = False
    """Whether it is one of those that other ranks' ends bring."""


def symptom_of(name: str, text: str, otherwise: FailureKind = "error") -> Symptom:
    """Judge an error by the name of its class and by what it says."""
    kind = memory_kind(f"{name}: {_first_line(text)}")
    if kind is None:
        kind = "timeout" if _TIMEOUT.search(text) else None
    follows = _CONSEQUENCE.search(f"{name} {text}") is not None
    return Symptom(kind=kind or ("communication" if follows else otherwise), follows=follows)


def memory_kind(words: str) -> FailureKind | None:
    """Return which memory was lacking; None where the words are about another thing."""
    return next((kind for kind, pattern in _OF_MEMORY if pattern.search(words)), None)


def is_about_shared_memory(text: str) -> bool:
    """Whether torch speaks of what processes share."""
    return _SHARED.search(text) is not None


def is_about_strides(text: str) -> bool:
    """Whether an operation wants its tensors in another layout."""
    return _OF_STRIDES.search(text) is not None


def is_of_the_allocator(text: str) -> bool:
    """Whether torch's allocator of host memory speaks."""
    return "DefaultCPUAllocator" in text


def gpu_gib_asked(text: str) -> float | None:
    """Return what was asked of a GPU that had no more; None where it does not say."""
    asked = _GPU_ASKED.search(text)
    return float(asked[1]) / _GIB[asked[2]] if asked else None


def host_gib_asked(text: str) -> float | None:
    """Return what was asked of the host, likewise."""
    asked = _CPU_ASKED.search(text)
    return int(asked[1]) / 2**30 if asked else None


def systems_words(text: str) -> str:
    """Return what the system said: torch puts it last, and its number behind it."""
    return re.sub(r" \(\d+\)$", "", text.strip().rpartition(": ")[2])


def brief(text: str) -> str:
    """Shorten NCCL's words: their first line says that there was an error, the last one which."""
    cause = _NCCL_CAUSE.search(text)
    return f"{text.partition(', ')[0]}: {cause[1]}" if cause else text


def hint_for(text: str) -> str:
    """Say what to do about it, where that is known."""
    flags = re.IGNORECASE | re.DOTALL
    return next((hint for pattern, hint in _HINTS if re.search(pattern, text, flags)), "")


def _first_line(text: str) -> str:
    """Return what is shown of it: below it stand stacks and advice, which name many things."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
