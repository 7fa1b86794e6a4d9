"""A lack of memory is known by its cause, wherever a library says it, and by nothing else.

The words are those of the libraries as installed (torch 2.15, cuDNN 9.26, cuBLAS 13.4, NCCL 2.30,
DALI 2.4); where one is of another version, it says so.
"""

from collections.abc import Callable

import pytest

from resnext_bench.symptoms import (
    LACK_OF_MEMORY,
    chain_of,
    is_of_the_host,
    memory_kind,
    memory_line,
    symptom_of,
    words_of_chain,
)

NCCL = (
    "NCCL error in: ProcessGroupNCCL.cpp:3690, unhandled cuda error (run with NCCL_DEBUG=INFO for "
    "details), NCCL version 2.30.7\nncclUnhandledCudaError: Call to CUDA function failed.\n"
    "Last error:\n"
)
DALI = "Critical error in pipeline:\nError when executing GPU operator encountered:\n"
ON_A_GPU = {
    "torch": "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity",
    "torch, of a graph's pool": (
        "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.1 GiB, "
        "of which 1 MiB is free. Of the allocated memory 9 GiB is allocated by PyTorch, with 9 GiB "
        "allocated in private pools (e.g., CUDA Graphs), and 1 GiB is reserved but unallocated"
    ),
    "torch beside its allocator": (
        "CUDA ran out of memory outside PyTorch's allocator. If this workload uses many dynamic "
        "shapes, cuDNN may need additional device memory to JIT-compile"
    ),
    "CUDA": "CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation' in https://docs",
    "CUDA's driver": "CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY",
    "Triton": "Triton Error [CUDA]: out of memory",
    "cuBLAS": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN 8": "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN 9": "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "cuDNN's frontend": "cuDNN Frontend error: [cudnn_frontend] Error: CUDNN_STATUS_ALLOC_FAILED",
    "cuSOLVER": "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling",
    "NCCL": f"{NCCL}Cuda failure 2 'out of memory'",
    "NCCL, older": f"{NCCL}Cuda failure 'out of memory'",
    "NCCL's malloc": f"{NCCL}Failed to CUDA calloc async 4194304 bytes",
    "DALI": f"{DALI}Can't allocate 1073741824 bytes on device 0.\nCurrent pipeline object is no",
    "DALI's CUDA": f"{DALI}CUDA allocation failed\nCurrent pipeline object is no longer valid.",
    "torch.compile": "backend='inductor' raised:\nOutOfMemoryError: CUDA out of memory. Tried to",
    "ROCm": "HIP out of memory. Tried to allocate 2.00 GiB",
    "hipBLAS": "CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling",
}
ON_THE_HOST = {
    "torch": "[enforce fail at alloc_cpu.cpp:128] DefaultCPUAllocator: can't allocate memory: you",
    "the kernel": "[Errno 12] Cannot allocate memory",
    "numpy": "Unable to allocate 745. GiB for an array with shape (100000, 1000000)",
    "C++": "std::bad_alloc",
    "cuDNN": "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "DALI": f"{DALI}Can't allocate 4096 bytes on host.",
}


@pytest.mark.parametrize("said", ON_A_GPU.values(), ids=ON_A_GPU)
def test_what_says_that_a_gpu_is_full(said: str) -> None:
    found = symptom_of("RuntimeError", said)
    assert (found.kind, found.follows) == ("out_of_memory", False)
    assert not is_of_the_host(f"RuntimeError: {said}")
    assert memory_kind(memory_line(said)) == "out_of_memory", "the line that is quoted"


@pytest.mark.parametrize("said", ON_THE_HOST.values(), ids=ON_THE_HOST)
def test_what_says_that_the_host_is_full(said: str) -> None:
    assert symptom_of("RuntimeError", said).kind == "out_of_memory"
    assert is_of_the_host(said)


def test_what_dali_calls_a_memory_error_may_be_a_gpus() -> None:
    """It is one of C++'s bad_alloc, which Python sees as a MemoryError."""
    words = words_of_chain(MemoryError("Can't allocate 1073741824 bytes on device 0."))
    assert memory_kind(words) == "out_of_memory"
    assert not is_of_the_host(words)


OTHERS = {
    "advice": "a shape\nadvice: to avoid out of memory errors, lower it",
    "a condition": "the shapes differ\nIf the GPU is out of memory, see the log",
    "a source line": (
        "Caught ValueError in DataLoader worker process 0.\nTraceback (most recent call last):\n"
        '  File "set.py", line 7, in get\n    raise ValueError("out of memory?")\nValueError: 7'
    ),
    "a function's name": 'File "a.py", line 7, in test_out_of_memory_is_told\nValueError: 7',
    "room for thread-local data": "libgomp.so.1: cannot allocate memory in static TLS block",
    "shared memory of a kernel": "out of resource: shared memory, Required: 147456, limit: 101376",
    "the same, in other words": "ptxas error: kernel uses too much, out of shared memory",
    "registers": "CUDA error: too many resources requested for launch",
    "devices of InfiniBand": "NET/IB : Cannot allocate any more virtual devices (32)",
    "an address": "CUDA error: an illegal memory access was encountered",
    "an unsupported type": "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
}


@pytest.mark.parametrize("said", OTHERS.values(), ids=OTHERS)
def test_what_only_sounds_like_it(said: str) -> None:
    assert symptom_of("RuntimeError", said).kind == "error"


@pytest.mark.parametrize(
    "said",
    [
        "FIND was unable to find an engine to execute this computation",
        "GET was unable to find an engine to execute this computation",
        "Unable to find a valid cuDNN algorithm to run convolution",
        "cuDNN Frontend error: [cudnn_frontend] Error: No valid execution plans built.",
    ],
)
def test_no_plan_may_have_either_reason(said: str) -> None:
    """Words do not tell which; where the rank is, the GPU's memory does."""
    assert symptom_of("RuntimeError", said).kind == "no_engine"
    assert "no_engine" not in LACK_OF_MEMORY
    full = RuntimeError(said)
    full.__context__ = RuntimeError("CUDA out of memory. Tried to allocate 1.00 GiB")
    assert symptom_of("RuntimeError", said, within=words_of_chain(full)).kind == "out_of_memory"


def hidden() -> BaseException:
    """What `raise … from None` makes."""
    error = ValueError("the step failed")
    error.__context__, error.__suppress_context__ = RuntimeError("CUDA error: out of memory"), True
    return error


def noted() -> BaseException:
    error = ValueError("the step failed")
    error.add_note("rank 3: CUBLAS_STATUS_ALLOC_FAILED")
    return error


def caused() -> BaseException:
    error = ValueError("the step failed")
    error.__cause__ = KeyError("a")
    error.__cause__.__context__ = MemoryError()
    return error


def grouped() -> BaseException:
    return ExceptionGroup("two", [ValueError("x"), RuntimeError("CUDA error: out of memory")])


@pytest.mark.parametrize("make", [hidden, noted, caused, grouped])
def test_all_of_an_errors_chain_is_read(make: Callable[[], BaseException]) -> None:
    error = make()
    assert symptom_of("ValueError", str(error)).kind == "error"
    found = symptom_of("ValueError", str(error), within=words_of_chain(error))
    assert (found.kind, found.follows) == ("out_of_memory", False)


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert list(chain_of(one)) == [one, two]


def test_a_timeout_after_a_lack_of_memory_is_the_latter() -> None:
    said = "Timed out waiting 300000ms for recv operation"
    assert symptom_of("RuntimeError", said, within="CUDA out of memory.").kind == "out_of_memory"
