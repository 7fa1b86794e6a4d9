"""Networks on the terminal: their list, the stages of one, and its floors on a device."""

from collections.abc import Sequence
from typing import Final, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resnext_bench.reports.architectures import ModelRow, ModelSheet
from resnext_bench.reports.render.bars import bar
from resnext_bench.reports.rooflines import FloorRow, Roofline

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


_FLOORS: Final = (
    "A floor is the least time that a kernel can take: its FLOP at the device's rate, or its bytes "
    "at the memory's, whichever is longer."
)
_PRODUCTS: Final = ("grouped convolutions", "other convolutions", "linear")


def print_models(console: Console, rows: Sequence[ModelRow], left_out: Sequence[str]) -> None:
    """A line for each network; `left_out` do not take images of that size."""
    table = _table("")
    table.add_column("network", no_wrap=True)
    heads = (
        "px",
        "parameters",
        "G MACs",
        "forward\nGFLOP",
        "train\nGFLOP",
        "fp32\nMiB",
        "bf16\nMiB",
    )
    for name in heads:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            str(row.image_size),
            f"{row.parameters:,}",
            f"{row.multiply_adds / 1e9:.3f}",
            f"{row.forward_flop / 1e9:.2f}",
            f"{row.training_flop / 1e9:.2f}",
            f"{row.activation_bytes / _MIB:.1f}",
            f"{row.activation_bytes_mixed / _MIB:.1f}",
        )
    console.print(table)
    console.print(
        Text(
            "For one image. G MACs: multiply-adds of the forward pass, the papers' FLOPs; GFLOP: "
            "two for each; train: forward, input and weight gradients; MiB: what an image leaves "
            "for backward, in fp32 and under bf16. Any depth, cardinality and width has a name of "
            "this kind: resnext-bench models show NAME.",
            style="dim",
        )
    )
    if left_out:
        console.print(Text(f"Not for {rows[0].image_size} px: {', '.join(left_out)}", style="dim"))


def print_sheet(console: Console, sheet: ModelSheet) -> None:
    """The paper's table of one network, and what it takes."""
    row = sheet.model
    console.print(Text.assemble((row.name, "bold"), f"  {sheet.about}"))
    table = _table("")
    table.add_column("stage", no_wrap=True)
    table.add_column("px", justify="right", no_wrap=True)
    table.add_column("layers")
    table.add_column("x", justify="right", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("M MACs", justify="right", no_wrap=True)
    for stage in sheet.stages:
        counts = (_count(stage.parameters), _count(stage.multiply_adds / 1e6, 1))
        times = str(stage.times) if stage.times > 1 else ""
        table.add_row(stage.name, str(stage.size), "; ".join(stage.lines), times, *counts)
    table.add_section()
    total = (_count(row.parameters), _count(row.multiply_adds / 1e6, 1))
    table.add_row("all", "", "", "", *total, style="bold")
    console.print(table)
    for line in _sheet_lines(sheet):
        console.print(line)


def _count(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}" if value else ""


def _sheet_lines(sheet: ModelSheet) -> Sequence[Text]:
    row = sheet.model
    an_image = f"for an image of {row.image_size} x {row.image_size}"
    return (
        Text.assemble(
            ("arithmetic  ", "cyan"),
            f"{row.forward_flop / 1e9:.2f} GFLOP forward, {row.training_flop / 1e9:.2f} to train, "
            f"{an_image}",
        ),
        Text.assemble(
            ("memory      ", "cyan"),
            f"{sheet.parameter_bytes / _MIB:.1f} MiB parameters, "
            f"{sheet.gradient_bytes / _MIB:.1f} gradients, {sheet.momentum_bytes / _MIB:.1f} "
            "momentum",
        ),
        Text.assemble(
            ("an image    ", "cyan"),
            f"leaves {row.activation_bytes / _MIB:.1f} MiB for backward, "
            f"{row.activation_bytes_mixed / _MIB:.1f} under autocast",
        ),
    )


def print_roofline(console: Console, found: Roofline, top: int | None) -> None:
    """A row for each kind of layer, and what they come to."""
    console.print(_headline(found))
    table = _table("us: of all x layers in a step; fwd, dgrad, wgrad: of one of them")
    heads = ("us", "%", "x", "fwd", "dgrad", "wgrad", "FLOP/B")
    rows = sorted(found.rows, key=lambda row: -row.total_us)
    cells = [_floor_cells(row, found) for row in rows[:top]]
    for name, column in zip((*heads, "bound"), zip(*cells, strict=True), strict=False):
        # Numbers are never cut; names break, where the terminal is narrow.
        width = max(map(len, (name, *column)))
        justify: Literal["left", "right"] = "left" if name == "bound" else "right"
        table.add_column(name, justify=justify, no_wrap=True, min_width=width)
    table.add_column("layer", overflow="fold")
    for row_cells in cells:
        table.add_row(*row_cells)
    console.print(table)
    if top is not None and len(rows) > top:
        rest = sum(row.total_us for row in rows[top:])
        console.print(Text(f"{len(rows) - top} more rows, {rest:,.0f} us (--top 0)", style="dim"))
    console.print(_by_kind(found))
    console.print(Text(conclusion(found)))


def conclusion(found: Roofline) -> str:
    """What the table of kinds says, in a sentence."""
    totals = _totals(found)
    pointwise = {name: us for name, us in totals.items() if name in _POINTWISE.values()}
    products = {name: us for name, us in totals.items() if name in _PRODUCTS}
    moved, counted = (sum(each.values()) for each in (pointwise, products))
    if moved > counted:
        most = sorted(pointwise, key=lambda name: -pointwise[name])[:3]
        share = 100 * sum(pointwise[name] for name in most) / found.step_ms / 1e3
        return (
            f"{_listed(most)} are {share:.0f} % of this floor, and all they do is to move maps: "
            "fuse those first."
        )
    most = sorted(products, key=lambda name: -products[name])[:1]
    share = 100 * counted / found.step_ms / 1e3
    return (
        f"Products are {share:.0f} % of this floor, most of it in {most[0]}: their kernels and "
        "types come first."
    )


def _listed(names: Sequence[str]) -> str:
    text = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return text[0].upper() + text[1:]


def _headline(found: Roofline) -> Text:
    images = "1 image" if found.batch == 1 else f"{found.batch} images"
    what = f"{images} of {found.image_size} x {found.image_size}, {found.dtype}"
    form = "" if found.form == "c" else f", form ({found.form}),"
    layout = found.layout.upper()
    return Text.assemble(
        (f"floors of {found.model}{form} on {found.device}", "bold"),
        f"\n{what}, {layout}; {found.tflops:g} TFLOP/s and {found.gb_per_s:,g} GB/s "
        f"({found.source})",
        (f"\n{_FLOORS}", "dim"),
    )


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
    """Three places, or three figures of what is short."""
    return f"{value:,.3f}" if value >= 0.1 else f"{value:.3g}"


def _us(value: float) -> str:
    if value < 0.05:  # the gradient of batch norm's scale: next to nothing
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _named(row: FloorRow) -> str:
    kind = _POINTWISE.get(row.kind, row.shape or row.kind)
    maps = row.reads if row.reads == row.gives else f"{row.reads} to {row.gives}"
    return f"{kind}, {maps}"


def _by_kind(found: Roofline) -> Table:
    """What each kind of work takes at least, and what follows for a run."""
    totals = _totals(found) | {"optimizer (sgd, momentum)": found.optimizer_us}
    table = Table(
        box=box.ROUNDED, show_header=False, padding=(0, 1), title_justify="left", title_style="bold"
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for name, us in sorted(totals.items(), key=lambda one: -one[1]):
        share = us / found.step_ms / 1e3
        table.add_row(name, f"{_ms(us / 1e3):>8} ms {100 * share:5.1f} %  {bar(share, 20)}")
    table.add_section()
    table.add_row(
        "step", f"{_ms(found.step_ms):>8} ms at least, {found.images_per_s:,.0f} images/s"
    )
    table.add_row("bound by memory", f"{found.memory_bound_percent:.1f} % of it")
    table.add_row(
        "products alone",
        f"{_ms(found.products_ms):>8} ms, so that MFU is at most {found.mfu_percent:.2g} % "
        "with a kernel for each layer",
    )
    return table


def _totals(found: Roofline) -> dict[str, float]:
    """Microseconds of all layers of each kind."""
    totals: dict[str, float] = {}
    for row in found.rows:
        totals[_kind(row)] = totals.get(_kind(row), 0.0) + row.total_us
    return totals


def _kind(row: FloorRow) -> str:
    if row.kind == "conv":
        return "grouped convolutions" if " g" in row.shape else "other convolutions"
    return _POINTWISE.get(row.kind, row.kind)


def _table(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=title or None,
        title_justify="left",
        title_style="dim",
    )
