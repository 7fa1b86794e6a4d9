"""One case of `memory`, in a process that holds nothing else; prints it as JSON.

python -m resnext_bench.lab.campaigns.memory_case CASE
"""

import json
import sys

import torch

from resnext_bench.lab.campaigns.live import live_bytes
from resnext_bench.lab.campaigns.memory import IMAGE_SIZE
from resnext_bench.machine.host.memory import peak_memory_gib
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.memory import Setting, training_memory
from resnext_bench.resnext.names import parse

_MIB = 2**20


def measure(*, name: str, batch: int, mixed: bool, channels_last: bool) -> dict[str, float]:
    """Return what was predicted, what the allocator says, and what the kernel says, in MiB."""
    torch.set_num_threads(1)
    setting = Setting(batch=batch, mixed=mixed)
    live = live_bytes(parse(name), IMAGE_SIZE, setting, channels_last=channels_last)
    predicted = training_memory(draw(parse(name), IMAGE_SIZE), setting)
    return {
        "predicted_mib": round(predicted.peak / _MIB, 2),
        "measured_mib": round(live.peak / _MIB, 2),
        "at_rest_mib": round(live.at_rest / _MIB, 2),
        "resident_mib": round(1024 * peak_memory_gib(), 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
