"""Calculates the cost of a configuration, and MFU."""

from collections.abc import Sequence

from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.record import Cost
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.devices import recognised
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.memory import Memory, Setting, training_memory
from resnext_bench.resnext.names import formed
from resnext_bench.resnext.traffic import Dtype


def layers_of(config: RunConfig) -> tuple[Layer, ...] | None:
    """Return the layers of the network as a run trains it; None for others' networks."""
    if ":" in config.model:
        return None
    spec = formed(config.model, config.form, config.classes)
    return draw(spec, config.image_size)


def predicted_memory(config: RunConfig) -> Memory | None:
    """Return the predicted tensors of a rank.

    None where they are not known: for others' networks, and with DeepSpeed or torch.compile.
    """
    layers = layers_of(config)
    if layers is None or config.engine == "deepspeed" or config.compile_mode != "none":
        return None
    ddp = config.engine == "ddp"
    setting = Setting(
        batch=config.batch_size,
        mixed=config.amp_dtype != "none",
        optimizer=config.optimizer,
        momentum=config.momentum > 0,
        weight_decay=config.weight_decay > 0,
        on_gpu=config.device == "cuda",
        pixel_bytes=_pixel_bytes(config),
        casts_images=not config.pixels == config.amp_dtype == "fp16",
        buckets="none" if not ddp else "views" if config.gradient_as_bucket_view else "beside",
    )
    return training_memory(layers, setting)


def _pixel_bytes(config: RunConfig) -> int:
    """Return the bytes that each pixel value takes for the whole step.

    Under autocast the first convolution keeps a copy of its own, which counts as activation.
    """
    if config.pixels == "uint8":
        return 1 if config.amp_dtype != "none" else 1 + 4
    return 2 if config.pixels == "fp16" else 4


def cost_of(
    config: RunConfig, results: Sequence[SessionResult], images_per_s: float | None, devices: int
) -> Cost | None:
    """Return the cost of a run; `images_per_s` are those of all its `devices` together.

    It is calculated for networks of this program, and counted by a rank for others; None where the
    rank has not counted it.
    """
    size = _size(config, results)
    if size is None:
        return None
    parameters, flop = size
    memory = predicted_memory(config)
    peak_tflops, source, spread = _peak(config, results, devices) if results else (None, "", None)
    mfu = None
    if peak_tflops and images_per_s:
        mfu = 100 * images_per_s * flop / (1e12 * peak_tflops)
    return Cost(
        parameters=parameters,
        training_gflop=flop / 1e9,
        predicted_gib=memory.peak / 2**30 if memory else None,
        peak_tflops=peak_tflops,
        peak_source=source,
        peak_spread_percent=spread,
        mfu_percent=mfu,
    )


def _size(config: RunConfig, results: Sequence[SessionResult]) -> tuple[int, int] | None:
    """Return the number of parameters, and the FLOP to train on one image."""
    layers = layers_of(config)
    if layers is not None:
        return sum(layer.parameters for layer in layers), total_flops(layers).total
    first = results[-1].facts[0] if results else None
    if first is None or first.image_flop is None:
        return None
    return first.parameters, first.image_flop


def _peak(
    config: RunConfig, results: Sequence[SessionResult], devices: int
) -> tuple[float | None, str, float | None]:
    """Return the peak rate of all devices in TFLOP/s, its source, and its spread in per cent.

    It is the data sheet's where there is one, else measured; only a measured one has a spread.
    """
    dtype = _dtype(config)
    device = recognised(results[-1].device_name) if config.device == "cuda" else None
    if device and dtype in device.tflops:
        each = device.tflops[dtype]
        return devices * each, f"{each:g} TFLOP/s of {dtype} each, {device.source}", None
    # The best of all sessions: what disturbed one of them says nothing about the device.
    measured = [result.facts for result in results if all(f.matmul_tflops for f in result.facts)]
    if not measured:
        return None, "", None
    sums = [sum(one.matmul_tflops or 0.0 for one in facts) for facts in measured]
    best = max(sums)
    spreads = [one.matmul_spread_percent for one in measured[sums.index(best)]]
    known = [spread for spread in spreads if spread is not None]
    source = f"a large matrix product in {dtype}, measured after the window"
    # Sessions that got less are as much of a doubt as parts of one that did.
    between = 50 * (1 - min(sums) / best)
    return best, source, max(*known, between) if known else None


def _dtype(config: RunConfig) -> Dtype:
    if config.amp_dtype != "none":
        return config.amp_dtype
    return "tf32" if config.tf32 and config.device == "cuda" else "fp32"
