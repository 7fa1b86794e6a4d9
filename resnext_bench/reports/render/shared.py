"""Describes what both sides of a comparison share, as far as readers need it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from resnext_bench.reports.render import words
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.config import RunConfig

Told = tuple[tuple[str, ...], Callable[[RunConfig], str]]
"""Fields, and how to describe them where they are equal on both sides."""


def _layout(config: RunConfig) -> str:
    return words.layout(config, "")


def _device(config: RunConfig) -> str:
    return "on GPU" if config.device == "cuda" else "on CPU"


def _threads(config: RunConfig) -> str:
    if config.device == "cuda":
        return "on GPU"
    return f"on CPU with {config.threads} thread{'s' * (config.threads > 1)} per rank"


def _cudnn(config: RunConfig) -> str:
    return f"cuDNN {words.cudnn(config)}" if config.device == "cuda" else ""


def _decoded(config: RunConfig) -> str:
    decode = "" if not config.reads_images else f", {words.decode(config)}"
    return words.pipeline(config) + decode


def _data(config: RunConfig) -> str:
    if config.data is None:
        return _decoded(config)
    # A folder's last part tells which it is; the record holds all of it.
    return f"{words.pipeline(config)} from {Path(config.data).name}, {words.decode(config)}"


def _autocast(config: RunConfig) -> str:
    return "no autocast" if config.amp_dtype == "none" else f"{config.amp_dtype} autocast"


_ENGINES = {"none": "", "ddp": "DDP", "deepspeed": "DeepSpeed"}
_TOLD: tuple[tuple[Told, ...], ...] = (
    ((("model", "form"), words.model), (("model",), lambda config: config.model)),
    (
        (("batch_size", "nodes", "nproc_per_node", "image_size"), words.batch),
        (
            ("batch_size", "image_size"),
            lambda one: f"{one.batch_size} images of {one.image_size} x {one.image_size} per rank",
        ),
        (("batch_size",), lambda one: f"{one.batch_size} images per rank"),
        (("image_size",), lambda one: f"images of {one.image_size} x {one.image_size}"),
    ),
    (
        (("amp_dtype", "tf32", "device"), words.precision),
        (("amp_dtype",), _autocast),
    ),
    ((("channels_last", "other_layout"), _layout),),
    (
        (
            (
                *("device", "cudnn_benchmark", "cudnn_benchmark_limit", "cudnn_deterministic"),
                *("cudnn_errata", "cudnn_errata_sha256"),
            ),
            _cudnn,
        ),
    ),
    ((("optimizer",), lambda config: config.optimizer),),
    (
        (("nodes", "nproc_per_node"), words.world),
        (("nodes",), words.nodes),
        (("nproc_per_node",), lambda config: f"{words.ranks_each(config)} per node"),
    ),
    ((("device", "threads"), _threads), (("device",), _device)),
    (
        (
            (
                *("engine", "zero_stage", "bucket_mib", "static_graph"),
                *("gradient_as_bucket_view", "ddp_comm_hook"),
            ),
            words.engine,
        ),
        (("engine",), lambda one: _ENGINES[one.engine]),
    ),
    ((("compile_mode",), words.compiled),),
    (
        (("pipeline", "decode", "data"), _data),
        (("pipeline", "decode"), _decoded),
        (("pipeline",), words.pipeline),
    ),
)
"""Descriptions in the order of the line; of the alternatives for one thing, the first that is equal
on both sides is shown."""


def shared(a: RunConfig, b: RunConfig) -> tuple[str, ...]:
    """List what both share: "resnext50_32x4d", "bf16 autocast, fp32 IEEE elsewhere"."""
    return tuple(filter(None, (_first(alternatives, a, b) for alternatives in _TOLD)))


def _first(alternatives: Sequence[Told], a: RunConfig, b: RunConfig) -> str:
    for fields, told in alternatives:
        if all(getattr(a, field) == getattr(b, field) for field in fields):
            return told(a)
    return ""


def machine(record: Comparison) -> str:
    """List the devices in use, as far as they are known, and the version of PyTorch."""
    torch = record.environment.versions.get("torch", "")
    return ", ".join([*_devices(record), *([f"torch {torch}"] if torch else [])])


def _devices(record: Comparison) -> Iterator[str]:
    environment = record.environment
    configs = [side.resolved for side in (record.a, record.b) if side.resolved]
    ranks = [config.world_size for config in configs if config.device == "cuda"]
    # What a script computes on is not known: all there is may have been used.
    used = environment.gpus[: max(ranks, default=0)] if configs else environment.gpus
    for name, count in Counter(used).items():
        yield f"{count} x {name}"
    if len(ranks) < len(configs) or not ranks:
        yield f"{environment.cpu}, {environment.cores} core{'s' * (environment.cores > 1)}"
