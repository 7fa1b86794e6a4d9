"""The least time that each layer of a network can take on a described device, as a table."""

from collections.abc import Iterable, Sequence

from resnext_bench.reports.schema.networks import FloorRow, Roofline
from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.roofline import Bound, LayerWork, Roof, Work, layer_work, optimizer_work
from resnext_bench.resnext.spec import Form
from resnext_bench.resnext.traffic import Dtype, Layout


def roofline(
    layers: Sequence[Layer],
    roof: Roof,
    *,
    model: str,
    form: Form,
    batch: int,
    dtype: Dtype,
    layout: Layout,
    device: str,
    source: str,
) -> Roofline:
    """Return the table of a network's layers at one image size."""
    work = layer_work(layers, batch, dtype, layout)
    optimizer = optimizer_work(layers)
    step_s = sum(one.seconds(roof) for one in work) + optimizer.seconds(roof)
    each = [direction for one in work for direction in one.directions]
    memory_s = sum(one.seconds(roof) for one in [*each, optimizer] if one.bound(roof) == "memory")
    products_s = batch * total_flops(layers).total / roof.flop_per_s
    return Roofline(
        model=model,
        form=form,
        batch=batch,
        image_size=layers[0].entering.size,
        dtype=dtype,
        layout=layout,
        device=device,
        source=source,
        tflops=roof.flop_per_s / 1e12,
        gb_per_s=roof.bytes_per_s / 1e9,
        rows=tuple(_rows(work, roof)),
        optimizer_us=1e6 * optimizer.seconds(roof),
        step_ms=1e3 * step_s,
        images_per_s=batch / step_s,
        products_ms=1e3 * products_s,
        memory_bound_percent=100 * memory_s / step_s,
        mfu_percent=100 * products_s / step_s,
    )


def _rows(work: Iterable[LayerWork], roof: Roof) -> Iterable[FloorRow]:
    """Yield a row for all layers that are alike, in the order of the first of them."""
    alike: dict[tuple[object, ...], list[LayerWork]] = {}
    for one in work:
        layer = one.layer
        shape = (layer.kernel, layer.stride, layer.groups, layer.entering, layer.leaving)
        alike.setdefault((layer.kind, *shape, one.directions), []).append(one)
    for group in alike.values():
        yield _row(group, roof)


def _row(group: Sequence[LayerWork], roof: Roof) -> FloorRow:
    one = group[0]
    layer = one.layer
    forward, entering, weights = (1e6 * work.seconds(roof) for work in one.directions)
    flop = sum(work.flop for work in one.directions)
    moved = sum(work.bytes for work in one.directions)
    return FloorRow(
        kind=layer.kind,
        shape=_shape(layer),
        reads=f"{layer.entering.channels} @ {layer.entering.size}",
        gives=f"{layer.leaving.channels} @ {layer.leaving.size}",
        layers=tuple(one.layer.name for one in group),
        flop_per_byte=flop / moved,
        forward_us=forward,
        input_gradient_us=entering,
        weight_gradient_us=weights,
        total_us=(forward + entering + weights) * len(group),
        bound=_bound(one.directions, roof),
    )


def _bound(directions: Sequence[Work], roof: Roof) -> Bound:
    return max(directions, key=lambda work: work.seconds(roof)).bound(roof)


def _shape(layer: Layer) -> str:
    if layer.kind not in ("conv", "max_pool"):
        return ""
    stride = f"/{layer.stride}" if layer.stride > 1 else ""
    groups = f" g{layer.groups}" if layer.groups > 1 else ""
    return f"{layer.kernel}x{layer.kernel}{stride}{groups}"
