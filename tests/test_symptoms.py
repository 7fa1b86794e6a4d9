"""What others' errors mean: read in one place, from words as torch, NCCL and CUDA write them."""

import pytest

from resnext_bench.reports.schema.record import FailureKind
from resnext_bench.symptoms import (
    LACK_OF_MEMORY,
    brief,
    gpu_gib_asked,
    hint_for,
    host_gib_asked,
    symptom_of,
    systems_words,
)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB", "out_of_memory"),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling", "out_of_memory"),
        ("RuntimeError", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "out_of_memory"),
        ("OSError", "[Errno 12] Cannot allocate memory", "out_of_memory"),
        ("RuntimeError", "CUDA-capable device(s) is/are busy or unavailable", "gpu_busy"),
        ("RuntimeError", "Signal 9 (SIGKILL) received by PID 7", "killed"),
        ("RuntimeError", "DataLoader worker (pid 7) is killed by signal: Killed.", "killed"),
        (
            "RuntimeError",
            "DataLoader worker (pid 7) is killed by signal: Bus error.",
            "shared_memory",
        ),
    ],
)
def test_what_a_lack_of_memory_looks_like(name: str, text: str, kind: FailureKind) -> None:
    assert symptom_of(name, text).kind == kind
    assert kind in LACK_OF_MEMORY


@pytest.mark.parametrize(
    ("name", "text", "kind", "follows"),
    [
        ("RuntimeError", "[Gloo] Connection closed by peer [127.0.0.1]", "communication", True),
        ("DistBackendError", "NCCL communicator was aborted", "communication", True),
        ("RuntimeError", "Timed out waiting 300000ms for recv operation", "timeout", True),
        ("RuntimeError", "DataLoader worker (pid 7) is killed by signal: Aborted.", "error", False),
        ("ValueError", "3 is no layout", "error", False),
        ("ValueError", "", "error", False),
    ],
)
def test_what_another_ranks_end_looks_like(
    name: str, text: str, kind: FailureKind, follows: bool
) -> None:
    found = symptom_of(name, text)
    assert (found.kind, found.follows) == (kind, follows)
    assert kind not in LACK_OF_MEMORY


def test_what_stands_below_the_first_line_is_no_lack_of_memory() -> None:
    assert symptom_of("RuntimeError", "a shape\nadvice: to avoid out of memory").kind == "error"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Critical error in pipeline:\nError in CPU operator", "decodes each of the files"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "--prefetch"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "--shm-size"),
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is",
            "a shard was truncated",
        ),
        ("DataLoader worker (pid 7) is killed by signal: Killed.", "ran out of memory"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", ""),
        (
            "Expected to have finished reduction in the prior iteration before starting a new one.",
            "--static-graph",
        ),
        ("FIND was unable to find an engine to execute this computation", "--no-channels-last"),
        ("Wrong image height! Expected 224 but got 64!", "--image-size"),
        ("Input height (64) doesn't match model (224).", "--image-size"),
        ("Input shape indivisible by patch size!", "--image-size"),
        ("Kernel size can't be greater than actual input size (the error", "--image-size"),
        ("No working C++ compiler found in torch._inductor.config.cpp.cxx", "--no-compile"),
        ("Error while creating shared memory segment /dev/shm/nccl-Q (size 9)", "--shm-size"),
        ("The NVIDIA driver on your system\nis too old", "update the NVIDIA driver"),
        ("Error 802: system not yet initialized", "nvidia-fabricmanager"),
        (
            "Error 803: system has unsupported display driver / cuda driver combination",
            "restart the machine",
        ),
        ("Error 804: forward compatibility was attempted on non supported HW", "cuda-compat"),
        ("cannot allocate memory for thread-local data: ABORT", "raise ulimit -v"),
        ("can't start new thread", "raise ulimit -u"),
        ("libgomp: Thread creation failed: Resource temporarily unavailable", "raise ulimit -u"),
        ("OpenBLAS blas_thread_init: pthread_create failed for thread 1 of 2", "--pids-limit"),
        ("something else", ""),
    ],
)
def test_hints(message: str, words: str) -> None:
    found = hint_for(message)
    assert words in found
    assert bool(found) is bool(words)


def test_how_much_was_asked_for() -> None:
    assert gpu_gib_asked("CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0") == 0.5
    assert host_gib_asked("you tried to allocate 2147483648 bytes. Error code 12") == 2
    assert gpu_gib_asked("out of memory") is host_gib_asked("out of memory") is None


def test_the_system_has_the_last_word() -> None:
    assert systems_words("unable to mmap 64 bytes: No space left (28)") == "No space left"
    text = "NCCL error in: x.cpp:7, unhandled system error\nLast error:\nno room"
    assert brief(text) == "NCCL error in: x.cpp:7: no room"
