"""What a network of ours needs by calculation, beside what was measured."""

from resnext_bench.reports.schema.trace_memory import Calculated, MemoryKind, StepMemory
from resnext_bench.reports.trace.layers.known import trained
from resnext_bench.reports.trace.memory.device import Known
from resnext_bench.reports.trace.memory.kinds import taken
from resnext_bench.reports.trace.memory.noted import Noted
from resnext_bench.reports.trace.memory.peak import in_total
from resnext_bench.reports.trace.reading.trace import device_key
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.memory import Memory, Setting, training_memory
from resnext_bench.resnext.names import formed


def calculated(found: Known, notes: Noted | None, steps: list[StepMemory]) -> Calculated | None:
    """Return both; None where the network is not ours, is not trained plainly, or no step is.

    Also None of a device that does not hold the parameters: the network is trained on another one.
    """
    memory = _memory(found, notes)
    activations = [one.activations for one in steps if one.activations is not None]
    if memory is None or notes is None or not activations:
        return None
    sizes = _noted(found, notes)
    if not sizes["parameters"]:
        return None
    outside = 0 if in_total(found) else found.told.resident_bytes
    return Calculated(
        parameters=memory.parameters,
        gradients=memory.gradients,
        optimizer=memory.optimizer,
        batch=memory.images,
        activations=memory.activations,
        peak=memory.peak,
        peak_in=memory.peak_in,
        # Buckets are as large as the gradients that are copied into them.
        buckets=memory.gradients // 2 if notes.buckets == "beside" else 0,
        measured={
            "parameters": sizes["parameters"] + sizes["buffers"],
            "gradients": sizes["gradients"],
            "optimizer": sizes["optimizer"],
            "batch": sizes["batch"],
            "activations": max(activations),
            "peak": int(found.series.total.max()) + outside,
        },
    )


def _memory(found: Known, notes: Noted | None) -> Memory | None:
    told = trained(found.analysis.trace.header)
    if told is None or notes is None or not notes.is_plain:
        return None
    try:
        layers = draw(formed(told.model, told.form, told.classes), told.image_size)  # type: ignore[arg-type]
    except ValueError:
        return None
    setting = Setting(
        batch=told.batch_size,
        mixed=told.amp_dtype != "none",
        optimizer=notes.optimizer,
        momentum=notes.momentum,
        weight_decay=notes.weight_decay,
        on_gpu=notes.on_gpu,
        pixel_bytes=notes.pixel_bytes,
        casts_images=notes.casts_images,
        buckets=notes.buckets,
    )
    return training_memory(layers, setting)


def _noted(found: Known, notes: Noted) -> dict[MemoryKind, int]:
    """Return the bytes that the rank noted in the first step, by kind, on this device."""
    sizes: dict[MemoryKind, int] = dict.fromkeys(
        ("parameters", "buffers", "gradients", "optimizer", "batch"), 0
    )
    seen: set[int] = set()
    for one in notes.storages:
        mine = device_key(one.device_type, one.device) == found.series.device
        if one.step == 0 and mine and one.address not in seen:
            seen.add(one.address)
            sizes[one.kind] += taken(one)
    return sizes
