"""The words that options of training may be: of the schema, and of the command line before it.

Nothing is imported here but typing, so that `--help` costs no more than it must.
"""

from typing import Final, Literal

Device = Literal["cpu", "cuda"]
Engine = Literal["none", "ddp", "deepspeed"]
CompileMode = Literal[
    "none", "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"
]
Launcher = Literal["direct", "torchrun", "deepspeed", "joined"]
AskedLauncher = Literal["torchrun", "deepspeed"]
"""The others follow from where ranks stand."""
AmpDtype = Literal["none", "bf16", "fp16"]
PipelineName = Literal["synthetic", "host", "torchvision", "dali"]
"""`synthetic` is one batch on the device, `host` one in pinned memory that each step copies."""
SYNTHETIC: Final = ("synthetic", "host")
"""Pipelines that read no images."""
Decode = Literal["none", "cpu", "mixed"]
CommHook = Literal["none", "bf16", "fp16", "powersgd"]
Optimizer = Literal["sgd", "adamw"]
Form = Literal["a", "b", "c"]
BadFiles = Literal["stop", "skip"]
Pixels = Literal["uint8", "fp32", "fp16"]
LastBatch = Literal["wrap", "drop", "pad"]
