"""DeepSpeed as an engine: ZeRO stages 0 to 2.

Its configuration is as its documentation gives it (deepspeed.ai, "DeepSpeed Configuration JSON").
Mixed precision is DeepSpeed's `torch_autocast`: its own bf16 mode fails on batch norm, whose
parameters and buffers are of two types.
"""

from typing import Any, Final

import deepspeed
import torch
from torch import nn

from resnext_bench.reports.schema.config import RunConfig

_DTYPES: Final = {"bf16": "bfloat16", "fp16": "float16"}
_BYTES_OF_FP32: Final = 4
NEVER: Final = 10**9


class DeepSpeed:
    """A model in training under DeepSpeed."""

    def __init__(
        self, config: RunConfig, module: nn.Module, optimizer: torch.optim.Optimizer
    ) -> None:
        # DeepSpeed broadcasts flat views of parameters, which channels-last ones do not have.
        module.to(memory_format=torch.contiguous_format)
        self.model, *_ = deepspeed.initialize(
            model=module,
            optimizer=optimizer,
            config=settings(config),
            dist_init_required=False,
        )
        if config.channels_last and config.zero_stage == 0:
            # Stages 1 and 2 keep parameters as views of one flat buffer: theirs stay NCHW.
            module.to(memory_format=torch.channels_last)
        if config.compile_mode != "none":
            module.compile(mode=None if config.compile_mode == "default" else config.compile_mode)

    def backward(self, loss: torch.Tensor) -> None:
        """Run backward, scaled in fp16; buckets of gradients are reduced meanwhile."""
        self.model.backward(loss)

    def update(self) -> None:
        """Update the parameters; DeepSpeed's step also clears the gradients."""
        self.model.step()


def settings(config: RunConfig) -> dict[str, Any]:
    """Return DeepSpeed's configuration for a run."""
    bucket = int((config.bucket_mib or 0) * 2**20 / _BYTES_OF_FP32)
    return {
        "train_micro_batch_size_per_gpu": config.batch_size,
        "gradient_accumulation_steps": 1,
        # Its default is 1.0 (seen in 0.19.8): another training than DDP's, and a norm each step.
        "gradient_clipping": 0.0,
        "zero_optimization": {
            "stage": config.zero_stage or 0,
            "reduce_bucket_size": bucket,
            "allgather_bucket_size": bucket,
            "overlap_comm": True,
        },
        # Ours is plain SGD or AdamW of PyTorch, which ZeRO shards without knowing it.
        "zero_allow_untested_optimizer": True,
        "torch_autocast": {
            "enabled": config.amp_dtype != "none",
            "dtype": _DTYPES.get(config.amp_dtype, "bfloat16"),
        },
        "steps_per_print": NEVER,
        "wall_clock_breakdown": False,
    }
