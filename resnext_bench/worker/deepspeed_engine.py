"""DeepSpeed as an engine: ZeRO stages 0 to 2.

Its configuration is as its documentation gives it (deepspeed.ai, "DeepSpeed Configuration JSON").
Mixed precision is DeepSpeed's `torch_autocast`: its own bf16 mode fails on batch norm, whose
parameters and buffers are of two types.
"""

from types import SimpleNamespace
from typing import Any, Final

import deepspeed
import torch
from deepspeed.runtime.zero.config import DeepSpeedZeroConfig
from torch import nn
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler

from resnext_bench.errors import CannotHere
from resnext_bench.reports.schema.config import RunConfig

_DTYPES: Final = {"bf16": "bfloat16", "fp16": "float16"}
_BYTES_OF_FP32: Final = 4
NEVER: Final = 10**9
_NORM: Final = "compute_grad_norm"


class DeepSpeed:
    """A model in training under DeepSpeed."""

    def __init__(
        self,
        config: RunConfig,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
    ) -> None:
        _require_no_norm(config)
        # DeepSpeed broadcasts flat views of parameters, which channels-last ones do not have.
        module.to(memory_format=torch.contiguous_format)
        self.model, *_ = deepspeed.initialize(
            args=whereabouts(device),
            model=module,
            optimizer=optimizer,
            config=settings(config),
            dist_init_required=False,
        )
        if config.zero_stage and config.amp_dtype == "fp16":
            # Its own scaler sees a rank's own share alone: an overflow there would lower the scale
            # of one rank, and the others would add gradients of another scale to its.
            self.model.optimizer.torch_autocast_gradscaler = ShardedGradScaler(device.type)
        if config.channels_last and config.zero_stage == 0:
            # Stages 1 and 2 keep parameters as views of one flat buffer: theirs stay NCHW.
            module.to(memory_format=torch.channels_last)
        if config.compile_mode != "none":
            module.compile(mode=None if config.compile_mode == "default" else config.compile_mode)

    @property
    def scaler(self) -> torch.amp.GradScaler:
        """Scaler of gradients in fp16; off for other types."""
        found = self.model.torch_autocast_z0_gradscaler
        found = found or getattr(self.model.optimizer, "torch_autocast_gradscaler", None)
        return found or torch.amp.GradScaler(enabled=False)

    def backward(self, loss: torch.Tensor) -> None:
        """Run backward, scaled in fp16.

        Stages 1 and 2 reduce buckets of gradients meanwhile, stage 0 all of them afterwards.
        """
        self.model.backward(loss)

    def update(self) -> None:
        """Update the parameters; DeepSpeed's step also clears the gradients."""
        self.model.step()


def whereabouts(device: torch.device) -> SimpleNamespace | None:
    """Return arguments that name the rank's GPU as CUDA numbers it here.

    DeepSpeed takes the local rank for it, which is another number where each rank sees its own GPU
    alone.
    """
    return None if device.index is None else SimpleNamespace(device_rank=device.index)


def _require_no_norm(config: RunConfig) -> None:
    """Refuse a DeepSpeed whose ZeRO cannot leave the norm of all gradients out.

    It would read it in each step, and where fp16 overflows it would skip the step without telling
    the scaler, which would then never lower its scale: all steps would be skipped.
    """
    if config.zero_stage and _NORM not in DeepSpeedZeroConfig.model_fields:
        raise CannotHere(
            f"--zero-stage {config.zero_stage}: DeepSpeed {deepspeed.__version__} computes a norm "
            "of all gradients in each step, which nothing here needs; install deepspeed 0.19.8 or "
            "later, or use --zero-stage 0"
        )


def settings(config: RunConfig) -> dict[str, Any]:
    """Return DeepSpeed's configuration for a run."""
    return {
        "train_micro_batch_size_per_gpu": config.batch_size,
        "gradient_accumulation_steps": 1,
        # Its default is 1.0 (seen in 0.19.8): another training than DDP's, and a norm each step.
        "gradient_clipping": 0.0,
        "zero_optimization": _zero(config),
        # It would synchronise twice in each step for a rate that nobody reads.
        "timers": {"throughput": {"enabled": False}},
        # Ours is a plain optimizer of PyTorch, which ZeRO shards without knowing it.
        "zero_allow_untested_optimizer": True,
        "torch_autocast": {
            "enabled": config.amp_dtype != "none",
            "dtype": _DTYPES.get(config.amp_dtype, "bfloat16"),
        },
        "steps_per_print": NEVER,
        "wall_clock_breakdown": False,
    }


def _zero(config: RunConfig) -> dict[str, Any]:
    """Return what DeepSpeed partitions; stage 0 has no buckets, and reads none of these sizes."""
    if not config.zero_stage:
        return {"stage": 0}
    bucket = int((config.bucket_mib or 0) * 2**20 / _BYTES_OF_FP32)
    return {
        "stage": config.zero_stage,
        "reduce_bucket_size": bucket,
        "allgather_bucket_size": bucket,
        "overlap_comm": True,
        # Nothing is clipped by it, and it would be read in each step.
        _NORM: False,
    }
