"""The words that options of training may take, for the schema and for the command line.

Nothing is imported here but typing, so that `--help` stays fast.
"""

from typing import Final, Literal

Device = Literal["cpu", "cuda"]
Engine = Literal["none", "ddp", "deepspeed"]
CompileMode = Literal[
    "none", "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"
]
WITH_GRAPHS: Final = ("reduce-overhead", "max-autotune")
"""Modes of torch.compile that ask for CUDA graphs."""
AskedLauncher = Literal["torchrun", "deepspeed"]
"""Launchers that a user can ask for."""
Launcher = Literal["direct", AskedLauncher, "joined"]
"""The others are chosen by the program."""
AmpDtype = Literal["none", "bf16", "fp16"]
PipelineName = Literal["synthetic", "host", "torchvision", "dali"]
"""Pipelines. `synthetic` is one batch on the device, `host` one in pinned memory that each step
copies."""
SYNTHETIC: Final = ("synthetic", "host")
"""Pipelines that read no images."""
Decode = Literal["none", "cpu", "mixed"]
CommHook = Literal["none", "bf16", "fp16", "powersgd"]
Optimizer = Literal["sgd", "adamw"]
Form = Literal["a", "b", "c"]
BadFiles = Literal["stop", "skip"]
Pixels = Literal["uint8", "fp32", "fp16"]
LastBatch = Literal["wrap", "drop", "pad"]
