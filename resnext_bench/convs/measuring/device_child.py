"""Times plans on a GPU, in a process of its own: `python -m …convs.measuring.device_child`.

The job comes on standard input, and messages go to standard output (`convs/times/device_jobs.py`).
A CUDA error that sticks ends the process, and its program goes on in another.
"""

import os
import statistics
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
import torch

from resnext_bench.convs.measuring.blocks import block_s
from resnext_bench.convs.measuring.checks import keep_memory
from resnext_bench.convs.measuring.device import Cuda, Device
from resnext_bench.convs.measuring.frontend import Frontend
from resnext_bench.convs.measuring.plans import Broken
from resnext_bench.convs.measuring.problem import Wanted, time_problem
from resnext_bench.convs.plans.planner import brief
from resnext_bench.convs.times.device_jobs import Begun, Done, Job, Message, Refused, Trying, Unable

BROKE: Final = 3
"""Exit code where the device does not answer any more."""
COPIED: Final = 2**30
"""Bytes of the buffer that is copied: far more than any cache holds."""
COPIES: Final = 20
Say = Callable[[Message], None]


def serve(job: Job, say: Say, device: Device, library: Any, copied: int = COPIED) -> None:
    """Time all problems of a job; raises Broken."""
    say(
        Begun(
            device=name_of(device.torch),
            cache_bytes=device.cache_bytes,
            copy_bytes_per_s=copy_rate(device, copied),
            torch=str(torch.__version__),
            cudnn=library.backend_version(),
            frontend=library.__version__,
        )
    )
    frontend = Frontend(library, device.stream)
    for asked in job.problems:
        wanted = Wanted(
            rounds=job.rounds, block_s=job.block_s, repeats=job.repeats, skipped=asked.skipped
        )
        at = asked.at
        try:
            found = time_problem(
                asked.convolution,
                asked.operation,
                wanted,
                device,
                frontend,
                trying=lambda plan, at=at: say(Trying(at=at, plan=plan)),  # type: ignore[misc]
                # Rounds may take minutes, and who hears nothing for long ends this process.
                watch=lambda at=at: say(Trying(at=at, plan="")),  # type: ignore[misc]
            )
        except Broken:
            raise
        except Exception as error:  # lack of memory for the tensors, no plan at all
            if not device.answers():
                raise Broken(brief(error)) from error
            say(Refused(at=at, why=brief(error)))
        else:
            say(Done(at=at, found=found))
    frontend.close()


def name_of(device: torch.device) -> str:
    """Return the name by which CUDA knows a device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def copy_rate(device: Device, bytes_: int) -> float | None:
    """Return the rate of a copy, bytes read and written, bytes/s; None where there is no room."""
    try:
        source = torch.ones(bytes_, dtype=torch.uint8, device=device.torch)
        target = torch.empty_like(source)
    except RuntimeError:
        return None

    def copy() -> None:
        target.copy_(source)

    return 2 * bytes_ / statistics.median(block_s(copy, copy, device.settle) for _ in range(COPIES))


def unable(library: Any) -> str:
    """Return why nothing can be timed here, in one line; empty where it can."""
    if not torch.cuda.is_available():
        return "torch finds no CUDA GPU"
    here, ours = library.backend_version(), torch.backends.cudnn.version()
    if here != ours:
        return (
            f"cuDNN's frontend has loaded cuDNN {here}, and torch {ours}; LD_LIBRARY_PATH names "
            "another one, most likely"
        )
    return ""


def main() -> int:
    """Do the job of the program that started this process; what libraries print is its log."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)

    def say(message: Message) -> None:
        answers.write(msgspec.json.encode(message) + b"\n")
        answers.flush()

    torch.cuda.init() if torch.cuda.is_available() else None
    import cudnn  # noqa: PLC0415  (after torch, whose library it is to find)

    if why := unable(cudnn):
        say(Unable(why=why))
        return 0
    keep_memory()
    try:
        serve(job, say, Cuda(torch.device("cuda", 0)), cudnn)
    except Broken as broken:
        print(f"the device answers no more: {broken}", file=sys.stderr)
        return BROKE
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads of choices, and a device that may be broken, have nothing left to say
