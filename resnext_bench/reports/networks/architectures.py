"""The networks that can be trained, in numbers: a line for each network, and the stages of one.

All of it follows from the architecture alone; nothing is built or run.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from resnext_bench.reports.schema.networks import ModelRow, ModelSheet, StageRow
from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.memory import Setting, training_memory
from resnext_bench.resnext.names import Architecture, parse
from resnext_bench.resnext.relatives import AlexNetSpec, GoogLeNetSpec
from resnext_bench.resnext.spec import BlockSpec, ResNeXtSpec


def model_row(spec: Architecture, image_size: int | None = None) -> ModelRow:
    """Return the line of one network, by default for the paper's image size."""
    size = image_size or spec.image_size
    layers = draw(spec, size)
    flop = total_flops(layers)
    return ModelRow(
        name=spec.name,
        image_size=size,
        parameters=sum(layer.parameters for layer in layers),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        forward_flop=flop.forward,
        training_flop=flop.total,
        activation_bytes=_an_image(layers, mixed=False),
        activation_bytes_mixed=_an_image(layers, mixed=True),
    )


def _an_image(layers: Sequence[Layer], *, mixed: bool) -> int:
    """Return the bytes that one more image leaves for backward, without copies of weights."""
    one, two = (
        training_memory(layers, Setting(batch=batch, mixed=mixed)).activations for batch in (1, 2)
    )
    return two - one


def model_rows(names: Iterable[str], image_size: int | None = None) -> tuple[ModelRow, ...]:
    """Return a line for each network; those that do not take images of this size are left out."""
    found = []
    for name in names:
        try:
            found.append(model_row(parse(name), image_size))
        except ValueError:
            if image_size is None:
                raise
    return tuple(found)


def model_sheet(spec: Architecture, image_size: int | None = None) -> ModelSheet:
    """Return the sheet of one network."""
    size = image_size or spec.image_size
    layers = draw(spec, size)
    memory = training_memory(layers, Setting(batch=1))
    return ModelSheet(
        model=model_row(spec, size),
        about=about(spec),
        stages=tuple(_stages(spec, layers)),
        parameter_bytes=memory.parameters,
        gradient_bytes=memory.gradients,
        momentum_bytes=memory.optimizer,
    )


def about(spec: Architecture) -> str:
    """Describe where a network is from, and what is special about it."""
    match spec:
        case AlexNetSpec():
            towers = "two filter groups" if spec.groups == 2 else "no filter groups"
            return f"AlexNet (NIPS 2012, section 3.5) with {towers}, local response norm, dropout"
        case GoogLeNetSpec():
            groups = "/".join(map(str, spec.filter_groups))
            root = f", filter groups {groups} (Deep Roots, arXiv 1605.06489)"
            grouped = root if max(spec.filter_groups) > 1 else ""
            return f"GoogLeNet (arXiv 1409.4842, table 1), no auxiliary classifiers{grouped}"
        case ResNeXtSpec():
            return _about_residual(spec)


_FORMS: Final = {"a": ", form (a): paths summed", "b": ", form (b): paths concatenated", "c": ""}


def _about_residual(spec: ResNeXtSpec) -> str:
    plain = "" if spec.shortcuts else ", no shortcuts"
    return f"{_residual_kind(spec)}{plain}{_FORMS[spec.form]}"


def _residual_kind(spec: ResNeXtSpec) -> str:
    if spec.filter_groups:
        groups = "/".join(map(str, spec.filter_groups))
        return f"ResNet-50 v1 with filter groups {groups} (Deep Roots, arXiv 1605.06489)"
    if spec.name.startswith("resnet"):
        return _resnet_kind(spec)
    of = {29: "section 5.3, CIFAR", 50: "table 1", 101: "table 3"}.get(spec.depth)
    where = of or f"the template of table 1; {spec.depth} layers are not in it"
    stride = ", stride on the first 1x1" if spec.stride_place == "1x1" else ""
    what = f"cardinality {spec.cardinality}, width {spec.width}{stride}"
    return f"ResNeXt (arXiv 1611.05431, {where}), {what}"


def _resnet_kind(spec: ResNeXtSpec) -> str:
    """Describe a ResNet: v1 halves the map in the first 1x1 as the paper does, v1.5 in the 3x3."""
    listed = spec.depth in (50, 101, 152)
    where = "table 1" if listed else f"the template of table 1; {spec.depth} layers are not in it"
    version, place = ("v1", "first 1x1") if spec.stride_place == "1x1" else ("v1.5", "3x3")
    return f"ResNet {version} (arXiv 1512.03385, {where}), stride on the {place}"


def _stages(spec: Architecture, layers: Sequence[Layer]) -> Iterable[StageRow]:
    """Yield rows, which begin where a layer with weights or a pool has a new first name."""
    groups: list[list[Layer]] = []
    for layer in layers:
        begins = layer.kind in ("conv", "linear", "max_pool", "mean_pool")
        if not groups or (begins and _first_name(layer) != _first_name(groups[-1][0])):
            groups.append([])
        groups[-1].append(layer)
    blocks = {f"layer{n}": stage for n, stage in enumerate(_block_stages(spec), 1)}
    for group in groups:
        name = _first_name(group[0])
        stage = blocks.get(name, ())
        yield StageRow(
            name=name,
            size=group[-1].leaving.size,
            lines=_block_lines(stage[0]) if stage else _branches(group),
            times=len(stage) or 1,
            parameters=sum(layer.parameters for layer in group),
            multiply_adds=sum(layer.multiply_adds for layer in group),
        )


def _first_name(layer: Layer) -> str:
    return layer.name.partition(".")[0]


def _block_stages(spec: Architecture) -> tuple[tuple[BlockSpec, ...], ...]:
    return tuple(spec.stages()) if isinstance(spec, ResNeXtSpec) else ()


def _block_lines(block: BlockSpec) -> tuple[str, ...]:
    """Return the layers of a block, as in table 1 and figure 3 of the paper."""
    c, inner, out = block.groups, block.group_channels, block.out_channels
    if block.form == "c":
        groups = f", C={c}" if c > 1 else ""
        return f"1x1, {inner}", f"3x3, {inner}{groups}", f"1x1, {out}"
    path = (f"1x1, {block.path_channels}", f"3x3, {block.path_channels}")
    if block.form == "a":
        return *path, f"1x1, {out}", f"{c} paths, summed"
    return *path, f"{c} paths, concatenated", f"1x1, {out}"


_BRANCHES: Final = (("direct",), ("reduce3", "conv3"), ("reduce5", "conv5"), ("pool", "project"))


def _branches(group: Sequence[Layer]) -> tuple[str, ...]:
    """Return an Inception module by its branches, and anything else layer by layer."""
    if not group[0].name.startswith("inception"):
        return _lines(group)
    by_name = {layer.name.partition(".")[2]: layer for layer in group}
    return tuple(" + ".join(_lines([by_name[name] for name in branch])) for branch in _BRANCHES)


def _lines(group: Sequence[Layer]) -> tuple[str, ...]:
    """Return the convolutions, linear layers and pools of a row."""
    found = []
    for layer in group:
        match layer.kind:
            case "conv":
                groups = f", C={layer.groups}" if layer.groups > 1 else ""
                found.append(f"{_window(layer)}, {layer.leaving.channels}{groups}")
            case "linear":
                found.append(f"linear, {layer.leaving.channels}")
            case "max_pool":
                found.append(f"{_window(layer)} max-pool")
            case "mean_pool":
                found.append("average pool")
            case _:
                pass
    return tuple(found)


def _window(layer: Layer) -> str:
    stride = f"/{layer.stride}" if layer.stride > 1 else ""
    return f"{layer.kernel}x{layer.kernel}{stride}"
