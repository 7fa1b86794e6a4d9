"""Renders networks: their list, the stages of one, and its roofline on a device."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.model import (
    Column,
    Line,
    Section,
    Summary,
    Table,
    Tone,
    bar,
    summary,
)
from resnext_bench.reports.schema.networks import FloorRow, ModelRow, ModelSheet, Roofline

_MIB: Final = 2**20
_POINTWISE: Final = {
    "norm": "batch norm",
    "relu": "ReLU",
    "add": "addition",
    "max_pool": "max-pool",
    "mean_pool": "average pool",
    "lrn": "local response norm",
    "dropout": "dropout",
    "concat": "concatenation",
}


_OF_MODELS: Final = (
    "For one image. G MACs: multiply-adds of the forward pass, the papers' FLOPs; GFLOP: two per "
    "multiply-add; train: forward, input and weight gradients; MiB: what an image keeps for "
    "backward, in fp32 and with bf16 autocast. Any depth, cardinality and width has a name like "
    "these: resnext-bench models show NAME."
)
_FLOORS: Final = (
    "A roofline bound is the least time that a kernel can take: its FLOP at the device's rate, or "
    "its bytes at the memory's bandwidth, whichever is longer."
)
_PRODUCTS: Final = ("grouped convolutions", "other convolutions", "linear")


def models_sections(rows: Sequence[ModelRow], left_out: Sequence[str]) -> Iterator[Section]:
    """Yield a line for each network; `left_out` do not take images of that size."""
    sizes = ("forward\nGFLOP", "train\nGFLOP", "fp32\nMiB", "bf16\nMiB")
    numbers = ("px", "parameters", "G MACs", *sizes)
    yield Table(
        columns=(Column(name="network"), *(Column(name=one, is_number=True) for one in numbers)),
        groups=(tuple(map(_model_cells, rows)),),
    )
    yield Line(text=_OF_MODELS, tone="dim")
    if left_out:
        yield Line(
            text=(f"Not available for {rows[0].image_size} px: {', '.join(left_out)}"), tone="dim"
        )


def _model_cells(row: ModelRow) -> tuple[str, ...]:
    return (
        row.name,
        str(row.image_size),
        f"{row.parameters:,}",
        f"{row.multiply_adds / 1e9:.3f}",
        f"{row.forward_flop / 1e9:.2f}",
        f"{row.training_flop / 1e9:.2f}",
        f"{row.activation_bytes / _MIB:.1f}",
        f"{row.activation_bytes_mixed / _MIB:.1f}",
    )


def sheet_sections(sheet: ModelSheet) -> Iterator[Section]:
    """Yield the paper's table of one network, and what it needs."""
    row = sheet.model
    yield Line(label=row.name, label_tone="strong", text=f" {sheet.about}")
    stages = tuple(
        (
            stage.name,
            str(stage.size),
            "; ".join(stage.lines),
            str(stage.times) if stage.times > 1 else "",
            _count(stage.parameters),
            _count(stage.multiply_adds / 1e6, 1),
        )
        for stage in sheet.stages
    )
    tones: list[Tone] = ["plain"] * len(stages)
    total = ("all", "", "", "", _count(row.parameters), _count(row.multiply_adds / 1e6, 1))
    yield Table(
        columns=(
            Column(name="stage"),
            Column(name="px", is_number=True),
            Column(name="layers", may_fold=True),
            *(Column(name=name, is_number=True) for name in ("x", "parameters", "M MACs")),
        ),
        groups=(stages, (total,)),
        row_tones=(*tones, "strong"),
    )
    yield from _sheet_lines(sheet)


def _count(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}" if value else ""


def _sheet_lines(sheet: ModelSheet) -> Iterator[Line]:
    row = sheet.model
    an_image = f"for an image of {row.image_size} x {row.image_size}"
    lines = {
        "arithmetic ": f"{row.forward_flop / 1e9:.2f} GFLOP forward, "
        f"{row.training_flop / 1e9:.2f} to train, {an_image}",
        "memory     ": f"{sheet.parameter_bytes / _MIB:.1f} MiB parameters, "
        f"{sheet.gradient_bytes / _MIB:.1f} gradients, {sheet.momentum_bytes / _MIB:.1f} momentum",
        "an image   ": f"keeps {row.activation_bytes / _MIB:.1f} MiB for backward, "
        f"{row.activation_bytes_mixed / _MIB:.1f} with autocast",
    }
    for label, text in lines.items():
        yield Line(label=label, label_tone="name", text=text)


def roofline_sections(found: Roofline, top: int | None) -> Iterator[Section]:
    """Yield a row for each kind of layer, and their totals."""
    yield from _headline(found)
    rows = sorted(found.rows, key=lambda row: -row.total_us)
    heads = ("us", "%", "x", "fwd", "dgrad", "wgrad", "FLOP/B")
    yield Table(
        columns=(
            *(Column(name=name, is_number=True) for name in heads),
            Column(name="bound"),
            Column(name="layer", may_fold=True),
        ),
        groups=(tuple(_floor_cells(row, found) for row in rows[:top]),),
        title="us: of all x layers in a step; fwd, dgrad, wgrad: of one of them",
    )
    if top is not None and len(rows) > top:
        rest = sum(row.total_us for row in rows[top:])
        yield Line(text=f"{len(rows) - top} more rows, {rest:,.0f} us (--top 0)", tone="dim")
    yield _by_kind(found)
    yield Line(text=conclusion(found))


def conclusion(found: Roofline) -> str:
    """Sum up the table of kinds in a sentence."""
    totals = _totals(found)
    pointwise = {name: us for name, us in totals.items() if name in _POINTWISE.values()}
    products = {name: us for name, us in totals.items() if name in _PRODUCTS}
    moved, counted = (sum(each.values()) for each in (pointwise, products))
    if moved > counted:
        most = sorted(pointwise, key=lambda name: -pointwise[name])[:3]
        share = 100 * sum(pointwise[name] for name in most) / found.step_ms / 1e3
        return (
            f"{_listed(most)} are {share:.0f} % of this time, and they only move feature maps: "
            "fuse those first."
        )
    most = sorted(products, key=lambda name: -products[name])[:1]
    share = 100 * counted / found.step_ms / 1e3
    return (
        f"Products are {share:.0f} % of this time, most of it in {most[0]}: improve their kernels "
        "and data types first."
    )


def _listed(names: Sequence[str]) -> str:
    text = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return text[0].upper() + text[1:]


def _headline(found: Roofline) -> Iterator[Line]:
    images = "1 image" if found.batch == 1 else f"{found.batch} images"
    what = f"{images} of {found.image_size} x {found.image_size}, {found.dtype}"
    form = "" if found.form == "c" else f", form ({found.form}),"
    layout = found.layout.upper()
    title = f"roofline of {found.model}{form} on {found.device}"
    yield Line(text=title, tone="strong", is_headline=True)
    yield Line(
        text=f"{what}, {layout}; {found.tflops:g} TFLOP/s and {found.gb_per_s:,g} GB/s "
        f"({found.source})"
    )
    yield Line(text=_FLOORS, tone="dim")


def _floor_cells(row: FloorRow, found: Roofline) -> tuple[str, ...]:
    return (
        f"{row.total_us:,.0f}",
        f"{row.total_us / found.step_ms / 10:.1f}",
        str(len(row.layers)),
        *(_us(us) for us in (row.forward_us, row.input_gradient_us, row.weight_gradient_us)),
        f"{row.flop_per_byte:.0f}" if row.flop_per_byte else "",
        row.bound,
        _named(row),
    )


def _ms(value: float) -> str:
    """Return ms with three places, or with three figures for short times."""
    return f"{value:,.3f}" if value >= 0.1 else f"{value:.3g}"


def _us(value: float) -> str:
    if value < 0.05:  # the gradient of batch norm's scale: next to nothing
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _named(row: FloorRow) -> str:
    kind = _POINTWISE.get(row.kind, row.shape or row.kind)
    maps = row.reads if row.reads == row.gives else f"{row.reads} to {row.gives}"
    return f"{kind}, {maps}"


def _by_kind(found: Roofline) -> Summary:
    """Return the least time of each kind of work, and what follows for a run."""
    totals = _totals(found) | {"optimizer (sgd, momentum)": found.optimizer_us}
    kinds = [
        (name, _kind_words(us, us / found.step_ms / 1e3))
        for name, us in sorted(totals.items(), key=lambda one: -one[1])
    ]
    rate = f"{found.images_per_s:,.0f} images/s"
    ends = [
        ("step", f"{_ms(found.step_ms):>8} ms at least, {rate}"),
        ("bound by memory", f"{found.memory_bound_percent:.1f} % of it"),
        (
            "products alone",
            (
                f"{_ms(found.products_ms):>8} ms, so MFU is at most {found.mfu_percent:.2g} % with "
                "a kernel for each layer"
            ),
        ),
    ]
    return summary(kinds, ends)


def _kind_words(us: float, share: float) -> str:
    return f"{_ms(us / 1e3):>8} ms {100 * share:5.1f} %  {bar(share, 20)}"


def _totals(found: Roofline) -> dict[str, float]:
    """Return the microseconds of all layers by kind."""
    totals: dict[str, float] = {}
    for row in found.rows:
        totals[_kind(row)] = totals.get(_kind(row), 0.0) + row.total_us
    return totals


def _kind(row: FloorRow) -> str:
    if row.kind == "conv":
        return "grouped convolutions" if " g" in row.shape else "other convolutions"
    return _POINTWISE.get(row.kind, row.kind)
