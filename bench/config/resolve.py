"""From what was asked to what is run: every open option gets a value and a reason."""

import importlib.util
import os
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.config.models import require_model
from bench.config.request import OPTIONS, flag
from bench.errors import CannotHere, UsageError
from bench.machine.inventory import Machine
from bench.machine.member import Member
from reports.schema.config import USUAL_BUCKET_MIB, Choice, Request, RunConfig

PAPER_RATE = 0.1
"""Learning rate of the ResNeXt paper at 256 images a step, scaled linearly with the batch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """The data set a run reads: where it lies, how many classes, and whether we made it."""

    root: str
    classes: int
    made: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A configuration, the choices that completed it, and the port asked for (0: any free one)."""

    config: RunConfig
    choices: tuple[Choice, ...]
    port: int


@dataclass(kw_only=True, slots=True)
class _Open:
    """The request on its way: answers from the user where given, else a default with its why."""

    request: Request
    member: Member | None = None
    """The part this process has in a group that somebody else has started."""
    choices: list[Choice] = field(default_factory=list)

    def __call__(self, option: str, default: Any, why: str, *, tell: bool = True) -> Any:
        """The user's answer, or the default; untold where the option has no effect here."""
        if option in self.request:
            return self.request[option]
        if tell:
            self.choices.append(Choice(option=option, value=default, why=why))
        return default


def resolve(
    request: Request, machine: Machine, data: DataFacts | None, member: Member | None = None
) -> Resolved:
    """Complete `request` for `machine`; `data` is None exactly when the pipeline is synthetic.

    Of a member of somebody's group, `machine` holds the cores of its own rank alone.
    """
    pick = _Open(request=request, member=member)
    values: dict[str, Any] = {}
    for part in (_model, _device, _ranks, _precision, _sizes, _pipeline, _threads, _training):
        values |= part(pick, values, machine)
    values |= {"data": data.root if data else None, "classes": data.classes if data else 1000}
    if data and data.made:
        pick("data", data.root, "no --data: JPEGs made from a seed")
    config = msgspec.convert(values, RunConfig)
    return Resolved(config=config, choices=tuple(pick.choices), port=int(request.get("port", 0)))


def request_of(config: RunConfig) -> Request:
    """The request that leads to exactly this configuration on a machine like its own."""
    derived = {"classes"}
    # Under another launcher's roof, ranks will join again; else it follows from the engine.
    if config.launcher == "joined" or config.launcher == _usual_launcher(config):
        derived.add("launcher")
    fields = msgspec.structs.asdict(config)
    synthetic = {"decode", "bad_files"} if config.pipeline == "synthetic" else set()
    return {
        name: value
        for name, value in fields.items()
        if value is not None and name not in derived | synthetic
    }


def _usual_launcher(config: RunConfig) -> str:
    return "direct" if config.engine == "none" else "torchrun"


def pipeline_of(request: Request) -> tuple[str, str]:
    """The pipeline a request leads to, and why; it decides whether a data set is needed."""
    if "pipeline" in request:
        if request["pipeline"] == "synthetic" and "data" in request:
            raise UsageError(
                "--data needs a pipeline that reads it: leave --pipeline out, or give dali or "
                "torchvision"
            )
        if request["pipeline"] == "dali" and not dali_installed():
            raise CannotHere(
                "--pipeline dali: DALI is not installed; install the extra dali13 (CUDA 13 or no "
                "GPU) or dali12, or use --pipeline torchvision or synthetic"
            )
        if request["pipeline"] == "torchvision" and not _installed("torchvision"):
            raise CannotHere(
                "--pipeline torchvision: torchvision is not installed; install the extra train"
            )
        return str(request["pipeline"]), ""
    if dali_installed():
        return "dali", "DALI is installed"
    if "data" in request:
        if _installed("torchvision"):
            return "torchvision", "DALI is not installed (extra dali13)"
        raise CannotHere(
            "--data: neither DALI nor torchvision, which read it, is installed; install the extra "
            "dali13 or train"
        )
    return "synthetic", "DALI is not installed (extra dali13)"


def dali_installed() -> bool:
    """Whether the package is there; it is not imported."""
    return _installed("nvidia.dali")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _model(pick: _Open, _: dict[str, Any], machine: Machine) -> dict[str, Any]:
    name = pick("model", "resnext50_32x4d", "the paper's")
    require_model(name)
    return {"model": name}


def _device(pick: _Open, _: dict[str, Any], machine: Machine) -> dict[str, Any]:
    count = len(machine.gpus)
    default = "cuda" if count else "cpu"
    why = f"{count} GPU{'s' * (count > 1)} here" if count else "no GPU here"
    device = pick("device", default, why)
    if device == "cuda" and not machine.gpus:
        raise CannotHere(
            "--device cuda: no NVIDIA GPU is visible here (NVML finds none, or "
            "CUDA_VISIBLE_DEVICES hides them); use --device cpu"
        )
    return {"device": device}


def _ranks(pick: _Open, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    if pick.member:
        return _joined(pick, pick.member)
    nodes = pick("nodes", 1, "this machine")
    gpus = len(machine.gpus) if values["device"] == "cuda" else 0
    each = max(1, min(gpus, machine.usable_cores) // nodes)
    nproc = pick("nproc_per_node", each, _ranks_reason(gpus, nodes, machine))
    world = nodes * nproc
    if world > machine.usable_cores:
        raise CannotHere(
            f"{nodes} nodes x {nproc} processes = {world} ranks, but only {machine.usable_cores} "
            "CPU cores may be used here and each rank needs its own; lower --nodes or "
            "--nproc-per-node"
        )
    if gpus and nproc > gpus:
        raise CannotHere(
            f"--nproc-per-node {nproc}: only {gpus} GPU{'s' * (gpus > 1)} here; give at most "
            f"{gpus} (emulated nodes, --nodes, may share a GPU)"
        )
    if pick.request.get("launcher") == "deepspeed":
        _require_deepspeed_launcher(nodes, nproc, gpus)
    return {
        "nodes": nodes,
        "nproc_per_node": nproc,
        **_engine(pick, world),
    }


def _require_deepspeed_launcher(nodes: int, nproc: int, gpus: int) -> None:
    """It starts the ranks of one node, each on a GPU of its own, and knows GPUs by number."""
    if not _installed("deepspeed"):
        raise CannotHere(
            "--launcher deepspeed: DeepSpeed is not installed; install the extra train"
        )
    if nodes > 1:
        raise UsageError(
            f"--launcher deepspeed with --nodes {nodes}: it starts one node here; give --nodes 1, "
            "or --launcher torchrun"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if gpus and any(not name.strip().isdigit() for name in visible.split(",") if visible):
        raise CannotHere(
            f"--launcher deepspeed: it takes GPUs by number, and CUDA_VISIBLE_DEVICES={visible} "
            "names them otherwise; give numbers, or --launcher torchrun"
        )


def _joined(pick: _Open, member: Member) -> dict[str, Any]:
    """As many ranks as were started by another program."""
    for option in ("launcher", "port"):
        if option in pick.request:
            raise UsageError(
                f"{flag(option)} {pick.request[option]}: {member.launcher} has started this rank "
                "already; leave it out (MASTER_ADDR and MASTER_PORT say where ranks meet)"
            )
    started = {"nodes": member.nodes, "nproc_per_node": member.nproc_per_node}
    for option, count in started.items():
        if pick(option, count, f"as {member.launcher} started them") != count:
            raise UsageError(
                f"{flag(option)} {pick.request[option]}: {member.launcher} has started "
                f"{member.nodes} nodes x {member.nproc_per_node} ranks; leave it out"
            )
    return {**started, **_engine(pick, member.world), "launcher": "joined"}


def _ranks_here(pick: _Open, values: dict[str, Any]) -> int:
    """Ranks that share the cores of `machine`; a member of somebody's group has its own already."""
    return 1 if pick.member else int(values["nodes"] * values["nproc_per_node"])


def _engine(pick: _Open, world: int) -> dict[str, Any]:
    engine = pick("engine", *(("ddp", f"{world} ranks") if world > 1 else ("none", "one rank")))
    if engine == "none" and world > 1:
        raise UsageError(
            f"--engine none: {world} ranks would train apart; give ddp or deepspeed, or one rank "
            "(--nodes 1 --nproc-per-node 1)"
        )
    if engine == "deepspeed" and not _installed("deepspeed"):
        raise CannotHere("--engine deepspeed: DeepSpeed is not installed; install the extra train")
    _require_engine(pick, engine, ("zero_stage",), ("deepspeed",))
    _require_engine(pick, engine, ("static_graph", "gradient_as_bucket_view"), ("ddp",))
    _require_engine(pick, engine, ("bucket_mib",), ("ddp", "deepspeed"))
    ddp, grouped = engine == "ddp", engine != "none"
    return {
        "engine": engine,
        "launcher": _launcher(pick, grouped=grouped),
        "zero_stage": pick("zero_stage", 0, "DeepSpeed's own") if engine == "deepspeed" else None,
        "bucket_mib": _bucket(pick, engine) if grouped else None,
        "static_graph": pick("static_graph", False, "PyTorch's own", tell=ddp),
        "gradient_as_bucket_view": pick(
            "gradient_as_bucket_view", False, "PyTorch's own", tell=ddp
        ),
    }


def _launcher(pick: _Open, *, grouped: bool) -> str:
    # An engine of its own needs a process group, be it of one.
    default = ("torchrun", "an agent on each node") if grouped else ("direct", "one rank alone")
    return str(pick("launcher", *default, tell=False))


def _bucket(pick: _Open, engine: str) -> float:
    why = "PyTorch's own" if engine == "ddp" else "as DDP's (its own: 5e8 elements)"
    return float(pick("bucket_mib", USUAL_BUCKET_MIB, why))


def _require_engine(
    pick: _Open, engine: str, options: tuple[str, ...], engines: tuple[str, ...]
) -> None:
    """Options that another engine has would be ignored in silence."""
    for option in options:
        value = pick.request.get(option, False)
        if value is not False and engine not in engines:
            raise UsageError(
                f"{flag(option)} is an option of --engine {' and '.join(engines)}; "
                f"the engine here is {engine}"
            )


def _precision(pick: _Open, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    cuda = values["device"] == "cuda"
    amp = pick.request.get("amp")
    if amp is False and pick.request.get("amp_dtype", "none") != "none":
        raise UsageError(f"--no-amp and --amp-dtype {pick.request['amp_dtype']} exclude each other")
    if amp and pick.request.get("amp_dtype") == "none":
        raise UsageError("--amp and --amp-dtype none exclude each other")
    bf16 = not cuda or all(gpu.has_bf16 for gpu in machine.gpus)
    if amp:
        why = _amp_reason(cuda=cuda, bf16=bf16)
        dtype = pick("amp_dtype", "bf16" if bf16 else "fp16", why)
    elif amp is False:
        dtype = "none"
    else:
        dtype = pick("amp_dtype", "none", "no --amp: fp32")
    return {
        "amp_dtype": dtype,
        "tf32": pick("tf32", False, "fp32 means IEEE", tell=cuda),
        "channels_last": pick("channels_last", True, "the layout of tensor cores and oneDNN"),
        "cudnn_benchmark": pick("cudnn_benchmark", True, "cuDNN times its plans", tell=cuda),
        "cudnn_benchmark_limit": pick("cudnn_benchmark_limit", 10, "PyTorch's own", tell=cuda),
        "cudnn_deterministic": pick("cudnn_deterministic", False, "PyTorch's own", tell=cuda),
        "compile_mode": _compile_mode(pick),
    }


def _compile_mode(pick: _Open) -> str:
    switch, mode = pick.request.get("compile"), pick.request.get("compile_mode")
    if (switch is False and mode not in (None, "none")) or (switch and mode == "none"):
        raise UsageError(
            f"--{'' if switch else 'no-'}compile and --compile-mode {mode} exclude each other"
        )
    if switch is False:
        return "none"
    if switch:
        return str(pick("compile_mode", "default", "--compile"))
    return str(pick("compile_mode", "none", "no --compile: eager", tell=False))


def _ranks_reason(gpus: int, nodes: int, machine: Machine) -> str:
    if not gpus:
        return "CPU"
    if machine.usable_cores < gpus:
        return f"{machine.usable_cores} cores for {gpus} GPUs"
    return f"{gpus} GPU{'s' * (gpus > 1)} over {nodes} node{'s' * (nodes > 1)}"


def _amp_reason(*, cuda: bool, bf16: bool) -> str:
    if not cuda:
        return "--amp: on a CPU fp16 is slower by far"
    return "--amp, and the GPU has bf16" if bf16 else "--amp, and the GPU has no bf16"


def _sizes(pick: _Open, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    cuda = values["device"] == "cuda"
    world = values["nodes"] * values["nproc_per_node"]
    size = (224, "the paper's") if cuda else (128, "CPU: a step in about a second")
    span = "half a minute on a GPU" if cuda else "under a minute on a CPU"
    return {
        "image_size": pick("image_size", *size),
        "batch_size": _batch(pick, values, machine, world),
        "warm_up": pick("warm_up", *((50, span) if cuda else (10, span))),
        "steps": pick("steps", *((200, span) if cuda else (40, span))),
        "sessions": pick("sessions", 1, "one launch"),
        "profile_steps": _profile_steps(pick),
    }


PROFILED_STEPS = 3
"""Enough to see what each step repeats; traces of ResNeXt grow by some MB a step."""


def _profile_steps(pick: _Open) -> int:
    switch, steps = pick.request.get("profile"), pick.request.get("profile_steps")
    if (switch is False and steps) or (switch and steps == 0):
        raise UsageError(
            f"--{'' if switch else 'no-'}profile and --profile-steps {steps} exclude each other"
        )
    if switch:
        return int(pick("profile_steps", PROFILED_STEPS, "--profile"))
    return int(pick("profile_steps", 0, "no --profile", tell=False)) if switch is None else 0


def _batch(pick: _Open, values: dict[str, Any], machine: Machine, world: int) -> int:
    if pick.request.get("batch_size") == "auto":
        raise UsageError(
            "--batch-size auto: it is found by training, which only run does; give a number"
        )
    total = pick.request.get("global_batch_size")
    if total is None:
        sharing = values["nproc_per_node"] if pick.member else world
        default, why = _batch_default(values, machine, sharing)
        return int(pick("batch_size", default, why))
    each, rest = divmod(int(total), world)
    if rest or not each:
        down = (int(total) // world) * world
        valid = f"{down} or {down + world}" if down else str(world)
        raise UsageError(
            f"--global-batch-size {total} does not divide over {world} ranks "
            f"({values['nodes']} nodes x {values['nproc_per_node']}); the nearest are {valid}"
        )
    if "batch_size" in pick.request and int(pick.request["batch_size"]) != each:
        raise UsageError(
            f"--global-batch-size {total} over {world} ranks is {each} per rank, but "
            f"--batch-size {pick.request['batch_size']} is given too; give one of them"
        )
    if "batch_size" not in pick.request:
        why = f"--global-batch-size {total} over {world} ranks"
        pick.choices.append(Choice(option="batch_size", value=each, why=why))
    return each


def _batch_default(values: dict[str, Any], machine: Machine, ranks: int) -> tuple[int, str]:
    if values["device"] == "cpu":
        return 8, "CPU: a step in about a second"
    gib = min(gpu.memory_gib for gpu in machine.gpus) * min(1.0, len(machine.gpus) / ranks)
    fitting = next((batch for batch in (128, 64, 32, 16) if gib >= batch * 0.22), 8)
    return fitting, f"{gib:.0f} GiB of GPU memory a rank"


def _pipeline(pick: _Open, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    name, why = pipeline_of(pick.request)
    pick("pipeline", name, why)
    if name == "synthetic":
        if pick.request.get("decode", "none") != "none":
            raise UsageError(f"--decode {pick.request['decode']}: synthetic batches have no JPEGs")
        return {"pipeline": name, "decode": "none", "bad_files": "stop"}
    decode = _decode(pick, name, values["device"])
    bad = pick("bad_files", "stop", "no file is left out in silence")
    return {"pipeline": name, "decode": decode, "bad_files": bad}


def _decode(pick: _Open, pipeline: str, device: str) -> str:
    default: tuple[str, str]
    allowed: tuple[str, ...]
    if pipeline == "torchvision":
        default, allowed = ("cpu", "torchvision's decoder"), ("cpu",)
    elif device == "cuda":
        default, allowed = ("mixed", "nvJPEG"), ("cpu", "mixed")
    else:
        default, allowed = ("cpu", "no GPU in use"), ("cpu",)
    decode = str(pick("decode", *default))
    if decode not in allowed:
        raise UsageError(
            f"--decode {decode}: with --pipeline {pipeline} on {device} give {' or '.join(allowed)}"
        )
    return decode


def _threads(pick: _Open, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    cores = machine.usable_cores // _ranks_here(pick, values)
    reading = values["pipeline"] != "synthetic"
    if values["device"] == "cuda":
        loaders, compute = max(1, min(cores - 1, 16)), max(1, min(cores // 2, 8))
    else:
        physical = max(1, cores * machine.physical_cores // len(machine.cores))
        loaders = max(1, physical // 4)
        compute = max(1, physical - (loaders if reading else 0))
    why = f"{cores} of {machine.usable_cores} cores a rank"
    return {
        "loader_threads": pick("loader_threads", loaders, why, tell=reading),
        "threads": pick("threads", compute, why),
    }


def _training(pick: _Open, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    optimizer = pick("optimizer", "sgd", "the paper's")
    images = values["batch_size"] * values["nodes"] * values["nproc_per_node"]
    base = PAPER_RATE if optimizer == "sgd" else PAPER_RATE / 100
    rate = float(f"{base * images / 256:.4g}")
    return {
        "optimizer": optimizer,
        "learning_rate": pick("learning_rate", rate, f"{base:g} x {images} / 256 images a step"),
        "momentum": pick("momentum", 0.9, "the paper's"),
        "weight_decay": pick("weight_decay", 1e-4, "the paper's"),
        "seed": pick("seed", 0, "always the same"),
    }


__all__ = [
    "OPTIONS",
    "DataFacts",
    "Resolved",
    "dali_installed",
    "flag",
    "pipeline_of",
    "request_of",
    "resolve",
]
