"""The process that times plans on a GPU, on a script: one of its plans crashes it."""

import os
import signal
import sys

import msgspec

from resnext_bench.convs.measuring.device_child import serve
from resnext_bench.convs.times.device_jobs import Job, Message
from tests.rehearsal.made_cudnn import RIGHT, Log, MadeCudnn, MadeDevice

CRASHES = "eng99_crashes"


def main() -> None:
    log = Log()
    library = MadeCudnn(log, [RIGHT[0], CRASHES, RIGHT[1]])
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)

    def say(message: Message) -> None:
        if getattr(message, "plan", "") == CRASHES:
            print("*** stack smashing detected ***", file=sys.stderr, flush=True)
        sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
        sys.stdout.buffer.flush()
        if getattr(message, "plan", "") == CRASHES:
            os.kill(os.getpid(), signal.SIGKILL)

    serve(job, say, MadeDevice(log), library, copied=2**16)


if __name__ == "__main__":
    main()
