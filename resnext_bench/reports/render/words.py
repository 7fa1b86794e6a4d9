"""Describes parts of a configuration in the field's terms, for console and pages."""

from pathlib import Path

from resnext_bench.data_formats import SHARDS
from resnext_bench.reports.schema.comparison import Side
from resnext_bench.reports.schema.config import USUAL_BUCKET_MIB, RunConfig
from resnext_bench.reports.schema.machine import Board
from resnext_bench.reports.schema.record import DataSet, Record
from resnext_bench.reports.schema.samples import CudaGraphs
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.schema.topology import Topology
from resnext_bench.wording import count_of


def precision(config: RunConfig) -> str:
    """Describe the precision: "bf16 autocast, fp32 IEEE elsewhere"."""
    fp32 = "fp32 with TF32" if config.tf32 and config.device == "cuda" else "fp32 IEEE"
    if config.amp_dtype == "none":
        return fp32
    scaler = " with gradient scaler" if config.amp_dtype == "fp16" else ""
    return f"{config.amp_dtype} autocast{scaler}, {fp32} elsewhere"


def model(config: RunConfig) -> str:
    """Name the network, with the form of its blocks where it is not the usual one."""
    return config.model if config.form == "c" else f"{config.model}, form ({config.form})"


def layout(config: RunConfig, weights: str) -> str:
    """Name the requested memory format and that of the weights."""
    asked = "channels_last" if config.channels_last else "contiguous (NCHW)"
    if config.other_layout != "none":
        other = "NCHW" if config.channels_last else "NHWC"
        asked += f" but {other} in {config.other_layout}"
    return f"{asked}, weights {weights}" if weights else asked


def cudnn(config: RunConfig) -> str:
    """Describe how cuDNN chooses its plans."""
    if config.cudnn_benchmark:
        limit = config.cudnn_benchmark_limit
        benchmark = f"benchmark of {limit} plans" if limit else "benchmark of all plans"
    else:
        benchmark = "heuristic choice"
    deterministic = ", deterministic" if config.cudnn_deterministic else ""
    rules = f", rules of {Path(config.cudnn_errata).name}" if config.cudnn_errata else ""
    return f"{benchmark}{deterministic}{rules}"


def ranks(config: RunConfig, topology: Topology) -> str:
    """Describe nodes, ranks and their engine, e.g. `2 nodes x 1 rank, DDP over gloo`."""
    if topology.backend == "none":
        return f"{world(config)}, no DDP"
    emulated = ", emulated on one host" if topology.emulated else ""
    return f"{world(config)}{emulated}, {engine(config)} over {topology.backend}"


def engine(config: RunConfig) -> str:
    """Name what averages gradients: "DDP", "DDP (static graph)", "DeepSpeed ZeRO 1"."""
    if config.engine == "deepspeed":
        how = bucket(config) if config.zero_stage else "gradients reduced after backward"
        return f"DeepSpeed ZeRO {config.zero_stage}{_told(how)}"
    choices = (
        bucket(config),
        "static graph" if config.static_graph else "",
        "gradients as bucket views" if config.gradient_as_bucket_view else "",
        f"gradients compressed by {config.ddp_comm_hook}" if config.ddp_comm_hook != "none" else "",
    )
    return "" if config.engine == "none" else f"DDP{_told(*choices)}"


def bucket(config: RunConfig) -> str:
    """Return the size of buckets where it is not the usual one."""
    usual = config.bucket_mib in (None, USUAL_BUCKET_MIB)
    return "" if usual else f"buckets of {config.bucket_mib:g} MiB"


def _told(*choices: str) -> str:
    told = ", ".join(filter(None, choices))
    return f" ({told})" if told else ""


def compiled(config: RunConfig) -> str:
    """Describe how the model is compiled; empty where it is not."""
    return "" if config.compile_mode == "none" else f"torch.compile, mode {config.compile_mode}"


def graphs(config: RunConfig, seen: CudaGraphs | None) -> str:
    """Describe what a mode with CUDA graphs captured: "6 graphs", "no graphs: mutated inputs"."""
    if seen is None:
        return ""
    if config.device == "cpu":
        return "no graphs: a CPU has none"
    if seen.captured is None:
        return "graphs: torch does not tell"
    why = ", ".join(seen.reasons)
    if not seen.captured:
        return f"no graphs: {why or 'torch gives no reason'}"
    left_out = f", {seen.left_out} left out: {why}" if seen.left_out else ""
    return f"{seen.captured} graph{'s' * (seen.captured > 1)}{left_out}"


def world(config: RunConfig) -> str:
    """Return nodes and ranks: "2 nodes x 1 rank"."""
    return f"{nodes(config)} x {ranks_each(config)}"


def nodes(config: RunConfig) -> str:
    """Return the number of nodes."""
    return f"{config.nodes} node{'s' * (config.nodes > 1)}"


def ranks_each(config: RunConfig) -> str:
    """Return the number of ranks on each node."""
    return f"{config.nproc_per_node} rank{'s' * (config.nproc_per_node > 1)}"


def resources(config: RunConfig, topology: Topology) -> str:
    """Describe what each rank owns."""
    place = topology.places[0]
    cores = f"{len(place.cores)} core{'s' * (len(place.cores) > 1)}{_near(topology)}"
    loaders = place.loader_threads
    if config.pipeline == "torchvision":
        computing = f"{place.threads} compute thread{'s' * (place.threads > 1)}"
        return f"{cores}, {computing} + {loaders} loader process{'es' * (loaders > 1)}"
    return f"{cores}, {place.threads} compute + {loaders} loader threads"


def _near(topology: Topology) -> str:
    """Return where all ranks' cores are; empty on hosts with one NUMA node, or if not known."""
    nodes = {node for place in topology.places for node in place.core_nodes}
    if not nodes - {0} or any(place.gpu_node is None for place in topology.places):
        return ""
    apart = sum((place.gpu_node,) != place.core_nodes for place in topology.places)
    if not apart:
        return " on the NUMA node of its GPU"
    return f" ({apart} of {len(topology.places)} ranks use other NUMA nodes than their GPU's)"


def batch(config: RunConfig) -> str:
    """Describe the images of a step and their size."""
    total = f" x {config.world_size} ranks = {config.global_batch_size}"
    return (
        f"{config.batch_size}{total if config.world_size > 1 else ''} images of "
        f"{config.image_size} x {config.image_size}"
    )


def data(config: RunConfig, found: DataSet | None) -> str:
    """Describe where the batches come from."""
    if config.pipeline == "host":
        return "synthetic: one batch in pinned host memory, copied in each step"
    if found is None:
        return "synthetic: one batch, resident on the device"
    name = "made JPEG" if found.made else "image"
    source = f"{pipeline(config)}, {decode(config)}"
    where = "" if found.format == "folder" else f", {SHARDS[found.format].shards}"
    return f"{source}; {count_of(found.images, name)} in {count_of(found.classes, 'class')}{where}"


def pipeline(config: RunConfig) -> str:
    """Name what makes the batches."""
    return {"dali": "DALI", "torchvision": "torchvision"}.get(config.pipeline, "synthetic batches")


def decode(config: RunConfig) -> str:
    """Say where JPEGs are decoded."""
    return "decode on CPU" if config.decode == "cpu" else "decode on CPU and GPU (mixed)"


def device(record: Record) -> str:
    """Name the GPUs in use, or the processor."""
    if record.resolved.device == "cpu":
        return record.environment.cpu
    known = record.environment.gpus[0] if record.environment.gpus else "GPU"
    name = record.device_name or known
    return f"{record.topology.devices} x {name}"


def ms(value: float) -> str:
    """Return three significant figures: 0.123, 12.3, 1,234."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Return a duration: "41 s", "9.3 min", "26 min", "3.5 h", "12 days"."""
    minutes = seconds / 60
    for value, unit, most in (
        (seconds, "s", 90),
        (minutes, "min", 90),
        (minutes / 60, "h", 48),
    ):
        if value < most:
            return f"{value:.{int(value < 10 and unit != 's')}f} {unit}"
    return f"{minutes / 1440:,.0f} days"


def short(value: float, digits: int, sign: str = "-") -> str:
    """Return this many significant figures, and never an exponent."""
    text = f"{value:{sign}.{digits}g}"
    return f"{value:{sign},.0f}" if "e+" in text else text


def given_to(side: Side) -> str:
    """Return what was given to one side only."""
    return side.given or ("no options of its own" if side.requested else "the defaults")


FAR_LONGER = 2.0
"""Ratio to the mean of slow steps above which the longest one is mentioned."""


def optimizer(config: RunConfig) -> str:
    """Name the optimizer, and that it is fused; empty where neither is chosen."""
    name = {"sgd": "SGD", "adamw": "AdamW"}[config.optimizer]
    if config.optimizer == "sgd" and not config.fused_optimizer:
        return ""
    return f"{name}, fused" if config.fused_optimizer else name


def is_two_speeds(found: SlowSteps) -> bool:
    """Return whether the steps called slow are as many as the others, without a rhythm."""
    return not found.every and 2 * found.slow >= found.steps


def slow_label(found: SlowSteps, of: str = "") -> str:
    """Return the name of the row that tells of them."""
    return f"{'two speeds' if is_two_speeds(found) else 'slow steps'}{of}"


def slow_and_cost(found: SlowSteps, of: str = "") -> str:
    """Say which steps are slow, and what they cost where they are the exception."""
    if is_two_speeds(found):
        return slow_steps(found)
    cost = f"which makes all steps{of} together {short(found.cost_percent, 3)} % longer"
    return f"{slow_steps(found)}, {cost}"


def _other_ms(found: SlowSteps) -> float | None:
    """Return the mean of the other steps, ms, from what the slow ones cost; None without any."""
    others = found.steps - found.slow
    times = found.steps * (1 + found.cost_percent / 100) - others
    return found.slow * found.slow_ms / times if others and times > 0 else None


def slow_steps(found: SlowSteps, of: str = "") -> str:
    """Say which steps are slow: "every 4th step of b takes 60.0 ms"."""
    if found.every:
        return f"every {_ordinal(found.every)} step{of} takes {ms(found.slow_ms)} ms"
    share = 100 * found.slow / found.steps
    told = f"{share:.0f} %" if share >= 2 else f"{share:.1f} %"
    take = f"{told} of the steps{of} take {ms(found.slow_ms)} ms"
    if is_two_speeds(found) and (other := _other_ms(found)) is not None:
        return f"{take} on average, the others {ms(other)} ms, at irregular intervals"
    if found.longest_ms and found.longest_ms >= FAR_LONGER * found.slow_ms:
        return (
            f"{take} on average, at irregular intervals, and the longest {ms(found.longest_ms)} ms"
        )
    return f"{take}, at irregular intervals"


def _ordinal(number: int) -> str:
    last = (
        "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number:,}{last}"


def board_links(board: Board) -> str:
    """Return the links of boards that are alike, as far as they are known; empty where none is."""
    told = []
    if board.pcie_generation is not None:
        told.append(f"PCIe generation {board.pcie_generation} at most")
    if board.pcie_width is not None:
        of = f" of {board.pcie_most_width}" if board.pcie_most_width is not None else ""
        told.append(f"{board.pcie_width}{of} lanes")
    told += [_nvlinks(end, count) for end, count in board.nvlinks]
    gpus = f"GPU{'s' * (len(board.gpus) > 1)} {', '.join(map(str, board.gpus))}"
    return f"{gpus}: {', '.join(told)}" if told else ""


def _nvlinks(end: str, count: int) -> str:
    links = count_of(count, "NVLink")
    if end == "switch":
        return f"{links} to a switch"
    return (
        f"{links} to a GPU that is not visible here" if end == "other" else f"{links} to GPU {end}"
    )
