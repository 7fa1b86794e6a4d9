"""Error messages of torch, NCCL, CUDA and the kernel, and what they mean.

Their text is read here and nowhere else: from here on a failure is a kind. What launchers report
about processes is read in `launch/ends.py`, and the end of a log in `logs.py`.
"""

import re
from collections.abc import Iterable, Iterator
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
            # torch, CUDA, Triton and NCCL ("Cuda failure 2 'out of memory'"); names of exceptions
            r"out of (?!shared )(\w+ )?memory|OutOfMemory|MemoryError|bad_?alloc"
            # codes of CUDA's and HIP's APIs and libraries: CUBLAS_STATUS_ALLOC_FAILED, cuDNN 9's
            # CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, cudaErrorMemoryAllocation
            r"|ALLOC(ATION)?_FAILED|ErrorMemoryAllocation|ERROR_OUT_OF_MEMORY|StatusAllocFailed"
            # DALI ("Can't allocate 7 bytes on device 0."), DefaultCPUAllocator, numpy, the kernel;
            # room for a library's thread-local data is address space of another kind
            r"|(can't|cannot|unable to|could not) allocate ([\d.,]+ ?\w+|memory)(?! in static)\b"
            r"|CUDA allocation failed|Failed to (CUDA )?(host )?[mc]?alloc(ate)?( async)? \d+ bytes"
            r"|not enough memory",
            re.IGNORECASE,
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
_NO_ENGINE: Final = re.compile(
    r"unable to find an engine to execute|unable to find a valid cuDNN algorithm"
    r"|no valid execution plans built",
    re.IGNORECASE,
)
"""cuDNN's answer where each plan failed, for lack of memory or because none supports the problem:
torch tries one after the other and does not tell why the last one failed."""
_NO_HANDLE: Final = re.compile(r"(CUBLAS|CUDNN|CUSOLVER)_STATUS_NOT_INITIALIZED")
"""A library that could not be begun, for lack of memory or because the driver does not suit it."""
_OF_HOST: Final = re.compile(
    r"DefaultCPUAllocator|(?<!OutOf)MemoryError|std::bad_alloc|bytes on host|HOST_ALLOCATION"
    r"|Errno 12\b|Unable to allocate|host alloc"
)
"""Words of errors about the host's memory; torch's are English, and Python's name their class."""
_ADVICE: Final = re.compile(
    r"\b(to (avoid|prevent)|avoids?|prevents?|if|in case|may|might|could|can|unless|without)\b"
    r"[^.:]*$",
    re.IGNORECASE,
)
"""How a sentence begins that speaks of memory without saying that it ran out."""
_QUOTES_SOURCE: Final = re.compile(r'^\s*File ".*", line \d+')
"""The line of a traceback after which a line of source stands."""
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
        _NO_ENGINE.pattern,
        (
            "cuDNN found no plan for a convolution, and memory was not full: does it support these "
            "shapes and this type? Try --amp or --no-amp, or --no-channels-last"
        ),
    ),
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
        "system not yet initialized",  # CUDA's error 802
        (
            "GPUs behind NVSwitches need NVIDIA's fabric manager, of the driver's very version: "
            "see systemctl status nvidia-fabricmanager, or use --device cpu"
        ),
    ),
    (
        "unsupported display driver / cuda driver combination",  # CUDA's error 803
        (
            "the driver's library is not that of its kernel module: restart the machine if the "
            "driver was updated, and take cuda-compat out of LD_LIBRARY_PATH if it is there"
        ),
    ),
    (
        "forward compatibility was attempted on non supported HW",  # CUDA's error 804
        (
            "cuda-compat works on data-centre GPUs alone: take it out of LD_LIBRARY_PATH, and "
            "update the driver or install a torch built for its CUDA version"
        ),
    ),
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


def symptom_of(name: str, text: str, otherwise: FailureKind = "error", within: str = "") -> Symptom:
    """Classify an error by the name of its class, its text, and what its chain says `within`.

    The chain is asked for memory alone: whatever an error led to, a lack of memory was its cause.
    """
    if kind := memory_kind(f"{name}: {text}") or memory_kind(within):
        return Symptom(kind=kind)
    follows = _CONSEQUENCE.search(f"{name} {text}") is not None
    if _TIMEOUT.search(text):
        return Symptom(kind="timeout", follows=follows)
    if _NO_ENGINE.search(f"{text}\n{within}"):
        return Symptom(kind="no_engine")
    return Symptom(kind="communication" if follows else otherwise, follows=follows)


def memory_kind(words: str) -> FailureKind | None:
    """Return which memory ran out; None where the text is about something else.

    Every line counts, as libraries put their reason below what failed; advice and the source code
    of a traceback do not.
    """
    lines = list(_said(words))
    return next(
        (kind for kind, pattern in _OF_MEMORY if any(_states(pattern, line) for line in lines)),
        None,
    )


def _said(words: str) -> Iterator[str]:
    """Yield the lines of a text, without those that quote source code."""
    before = ""
    for line in words.splitlines():
        if not _QUOTES_SOURCE.match(before) and not _QUOTES_SOURCE.match(line):
            yield line
        before = line


def _states(pattern: re.Pattern[str], line: str) -> bool:
    """Return whether a line says so as a fact, and not as something to avoid."""
    return any(not _ADVICE.search(line[: found.start()]) for found in pattern.finditer(line))


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, the errors it holds, and those that it came from, each once.

    What an error hides (`raise … from None`) is part of it: hidden or not, it was the cause.
    """
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        held = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += filter(None, (*held, one.__cause__, one.__context__))


def words_of_chain(error: BaseException) -> str:
    """Return all that an error and its chain say: names of classes, texts and notes."""
    return "\n".join(
        "\n".join((f"{type(one).__name__}: {_text_of(one)}", *getattr(one, "__notes__", ())))
        for one in chain_of(error)
    )


def _text_of(error: BaseException) -> str:
    """Return an error's text; empty where it cannot be read."""
    try:
        return str(error)
    except Exception:
        return ""


def is_about_shared_memory(text: str) -> bool:
    """Return whether torch's error is about memory that processes share."""
    return _SHARED.search(text) is not None


def is_about_strides(text: str) -> bool:
    """Return whether an operation needs its tensors in another layout."""
    return _OF_STRIDES.search(text) is not None


def is_of_the_host(words: str) -> bool:
    """Return whether it is the host's memory that ran out, and not a GPU's."""
    # DALI's error of a GPU is one of C++'s bad_alloc, which Python sees as a MemoryError.
    return _OF_HOST.search(words) is not None and "bytes on device" not in words


def may_be_memory(words: str) -> bool:
    """Return whether a full GPU is one of the reasons that such an error may have."""
    return any(pattern.search(words) for pattern in (_NO_ENGINE, _NO_HANDLE))


def memory_line(words: str) -> str:
    """Return the line that says that memory ran out, or what may be for lack of it."""
    patterns = (dict(_OF_MEMORY)["out_of_memory"], _NO_ENGINE, _NO_HANDLE)
    return next(
        (line.strip() for line in _said(words) if any(_states(one, line) for one in patterns)), ""
    )


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
