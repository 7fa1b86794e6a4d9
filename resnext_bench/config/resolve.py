"""From the request to the configuration: every open option gets a value and a reason."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from resnext_bench.config.answers import Answers
from resnext_bench.config.attribution import choose_attribution
from resnext_bench.config.devices import choose_device
from resnext_bench.config.errata import choose_errata
from resnext_bench.config.layouts import choose_other_layout
from resnext_bench.config.lookup import require_found
from resnext_bench.config.memory import require_shared_memory
from resnext_bench.config.models import foreign, require_form, require_image_size, require_model
from resnext_bench.config.options import OPTIONS, of_images
from resnext_bench.config.pipeline import choose_pipeline, choose_threads
from resnext_bench.config.ranks import choose_ranks, ranks_here, usual_launcher
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.member import Member
from resnext_bench.reports.schema.choices import SYNTHETIC
from resnext_bench.reports.schema.config import Choice, Request, RunConfig
from resnext_bench.resnext.names import Architecture, parse
from resnext_bench.resnext.optimizers import OPTIMIZERS
from resnext_bench.resnext.relatives import AlexNetSpec, GoogLeNetSpec
from resnext_bench.resnext.spec import ResNeXtSpec

PAPER_RATE = 0.1
"""Learning rate of the ResNeXt paper at 256 images a step, scaled linearly with the batch."""
WITHOUT_NORM_RATE = 0.02
"""Learning rate of AlexNet, 0.01 at 128 images per step: without batch norm the other diverges."""
FEWEST_CLASSES = 2
"""Fewest classes of a head: with one class the loss is always 0 and nothing is trained."""

UNKNOWN_MEMORY = 32
"""Images per rank on a GPU of which nobody reports the memory."""
CPU_PIXELS = 128
"""Edge of the images on a CPU, pixels, with which a step takes about a second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """The data set a run reads: where it lies, what is in it, and whether we made it."""

    root: str
    classes: int
    made: bool
    images: int = 0
    """The number of images, where it is known."""
    split: str | None = None
    """The split to name with the root, where one folder holds several."""
    notes: tuple[str, ...] = ()
    """How an ambiguous folder was interpreted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A configuration, the choices that completed it, and the port asked for (0: any free one)."""

    config: RunConfig
    choices: tuple[Choice, ...]
    port: int
    cannot: tuple[str, ...] = ()
    """Why this machine cannot run it, where it is only a plan."""


def resolve(
    request: Request,
    machine: Machine,
    data: DataFacts | None,
    member: Member | None = None,
    *,
    for_plan: bool = False,
) -> Resolved:
    """Complete `request` for `machine`; `data` is None exactly when the pipeline is synthetic.

    For a rank that another launcher has started, `machine` holds only the cores of that rank. A
    plan that is not started may have more ranks than the machine has cores.
    """
    pick = Answers(request=request, member=member, for_plan=for_plan)
    values: dict[str, Any] = {}
    for part in _PARTS:
        values |= part(pick, values, machine)
    family = _family(values["model"])
    classes = max(data.classes, FEWEST_CLASSES) if data else family.classes if family else 1000
    values |= {"data": data.root if data else None, "classes": classes}
    values["split"] = data.split if data else None
    if data and data.made:
        pick("data", data.root, "no --data: JPEGs generated from a seed")
    config = msgspec.convert(values, RunConfig)
    require_shared_memory(config, member.nproc_per_node if member else config.world_size)
    return Resolved(
        config=config,
        choices=tuple(pick.choices),
        port=int(request.get("port", 0)),
        cannot=tuple(pick.cannot),
    )


def request_of(config: RunConfig) -> Request:
    """Return the request that leads to exactly this configuration on a machine like its own."""
    derived = {"classes", "cudnn_errata_sha256"}
    # Under another launcher's roof, ranks will join again; else it follows from the engine.
    if config.launcher == "joined" or config.launcher == usual_launcher(config):
        derived.add("launcher")
    if config.zero_stage == 0:  # older records have a size, which was never used
        derived.add("bucket_mib")
    if not OPTIMIZERS[config.optimizer].has_momentum:  # its record has the value that SGD would use
        derived.add("momentum")
    fields = msgspec.structs.asdict(config)
    synthetic = of_images() if not config.reads_images else set()
    return {
        name: value
        for name, value in fields.items()
        if value is not None and name not in derived | synthetic
    }


def _model(pick: Answers, _: dict[str, Any], machine: Machine) -> dict[str, Any]:
    name = pick.usual("model")
    require_model(name)
    require_found(name)
    form = pick.usual("form")
    require_form(form, name, has_blocks=isinstance(_family(name), ResNeXtSpec))
    return {"model": name, "form": form}


def _family(name: str) -> Architecture | None:
    """Return the architecture, where it is ours."""
    return parse(name) if foreign(name) is None else None


def _precision(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
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
        "tf32": pick.usual("tf32", tell=cuda),
        "channels_last": pick.usual("channels_last"),
        "cudnn_benchmark": pick.usual("cudnn_benchmark", tell=cuda),
        "cudnn_benchmark_limit": pick.usual("cudnn_benchmark_limit", tell=cuda),
        "cudnn_deterministic": pick.usual("cudnn_deterministic", tell=cuda),
        "compile_mode": _compile_mode(pick),
    }


def _compile_mode(pick: Answers) -> str:
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


def _amp_reason(*, cuda: bool, bf16: bool) -> str:
    if not cuda:
        return "--amp: on a CPU fp16 is far slower"
    return "--amp, and the GPU has bf16" if bf16 else "--amp, and the GPU has no bf16"


def _sizes(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    cuda = values["device"] == "cuda"
    world = values["nodes"] * values["nproc_per_node"]
    span = "half a minute on a GPU" if cuda else "under a minute on a CPU"
    return {
        "image_size": _image_size(pick, values),
        "batch_size": _batch(pick, values, machine, world),
        "warm_up": pick("warm_up", *((50, span) if cuda else (10, span))),
        "steps": pick("steps", *((200, span) if cuda else (40, span))),
        "sessions": pick.usual("sessions"),
        "profile_steps": _profile_steps(pick),
        "profile_memory": bool(pick("profile_memory", False, "off", tell=False)),
    }


def _image_size(pick: Answers, values: dict[str, Any]) -> int:
    """Choose the image size: the paper's, on a CPU less where the network allows it."""
    family = _family(values["model"])
    paper = family.image_size if family else 224
    if values["device"] == "cuda" or paper <= CPU_PIXELS or isinstance(family, AlexNetSpec):
        size = pick("image_size", paper, "the paper's")
    else:
        size = pick("image_size", CPU_PIXELS, "CPU: about a second per step")
    if family:
        require_image_size(family, size)
    return int(size)


PROFILED_STEPS = 3
"""Number of profiled steps: enough to see what repeats, as traces of ResNeXt grow by some MB per
step."""


def _profile_steps(pick: Answers) -> int:
    switch, steps = pick.request.get("profile"), pick.request.get("profile_steps")
    if (switch is False and steps) or (switch and steps == 0):
        raise UsageError(
            f"--{'' if switch else 'no-'}profile and --profile-steps {steps} exclude each other"
        )
    memory = bool(pick.request.get("profile_memory"))
    if memory and (switch is False or steps == 0):
        without = "--no-profile" if switch is False else "--profile-steps 0"
        raise UsageError(f"--profile-memory and {without} exclude each other")
    if switch or memory:
        option = "--profile" if switch else "--profile-memory"
        return int(pick("profile_steps", PROFILED_STEPS, option))
    return int(pick("profile_steps", 0, "no --profile", tell=False)) if switch is None else 0


def _batch(pick: Answers, values: dict[str, Any], machine: Machine, world: int) -> int:
    if pick.request.get("batch_size") == "auto":
        if pick.for_plan:
            raise UsageError(
                "--batch-size auto: --dry-run starts nothing, so no trial can find it; give a "
                "number"
            )
        raise UsageError(
            "--batch-size auto: only run can find it, by trial training; give a number"
        )
    total = pick.request.get("global_batch_size")
    if total is None:
        default, why = _batch_default(values, machine, ranks_here(pick, values))
        return int(pick("batch_size", default, why))
    each, rest = divmod(int(total), world)
    if rest or not each:
        down = (int(total) // world) * world
        valid = f"{down} or {down + world}" if down else str(world)
        raise UsageError(
            f"--global-batch-size {total} is not divisible by {world} ranks ({values['nodes']} "
            f"nodes x {values['nproc_per_node']}); the nearest possible values are {valid}"
        )
    if "batch_size" in pick.request and int(pick.request["batch_size"]) != each:
        raise UsageError(
            f"--global-batch-size {total} over {world} ranks is {each} per rank, which contradicts "
            f"--batch-size {pick.request['batch_size']}; give only one of them"
        )
    if "batch_size" not in pick.request:
        why = f"--global-batch-size {total} over {world} ranks"
        pick.choices.append(Choice(option="batch_size", value=each, why=why))
    return each


def _batch_default(values: dict[str, Any], machine: Machine, ranks: int) -> tuple[int, str]:
    if values["device"] == "cpu":
        return 8, "CPU: about a second per step"
    known = [gpu.memory_gib for gpu in machine.gpus if gpu.memory_gib is not None]
    if len(known) < len(machine.gpus):
        return UNKNOWN_MEMORY, "the GPU's memory is not reported"
    gib = min(known) * min(1.0, len(machine.gpus) / ranks)
    fitting = next((batch for batch in (128, 64, 32, 16) if gib >= batch * 0.22), 8)
    return fitting, f"{gib:.0f} GiB of GPU memory per rank"


def _training(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    optimizer = pick.usual("optimizer")
    if pick.request.get("fused_optimizer") and not OPTIMIZERS[optimizer].has_fused:
        raise UsageError(
            f"--fused-optimizer: PyTorch has no fused update for --optimizer {optimizer}; leave it "
            "out, or choose another optimizer"
        )
    momentum = _momentum(pick, optimizer)
    images = values["batch_size"] * values["nodes"] * values["nproc_per_node"]
    normed = not isinstance(_family(values["model"]), AlexNetSpec | GoogLeNetSpec)
    base = PAPER_RATE if normed else WITHOUT_NORM_RATE
    base *= OPTIMIZERS[optimizer].rate_share
    rate = float(f"{base * images / 256:.4g}")
    return {
        "optimizer": optimizer,
        "momentum": momentum,
        "learning_rate": pick("learning_rate", rate, f"{base:g} x {images} / 256 images per step"),
    }


def _momentum(pick: Answers, optimizer: str) -> float:
    """Choose SGD's momentum; other optimizers are not given any."""
    takes_it = OPTIMIZERS[optimizer].has_momentum
    if "momentum" in pick.request and not takes_it:
        raise UsageError(
            f"--momentum {pick.request['momentum']}: --optimizer {optimizer} has no momentum to "
            "set; leave it out, or choose --optimizer sgd"
        )
    return float(pick.usual("momentum", tell=takes_it))


def _rest(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Resolve the options that depend on no other and were not asked for so far."""
    fields = {field.name for field in msgspec.structs.fields(RunConfig)}
    return {
        name: pick.usual(name)
        for name, option in OPTIONS.items()
        if name in fields
        and name not in values
        and option.default is not None
        and not (option.of_images and values["pipeline"] in SYNTHETIC)
    }


_PARTS: Final = (
    _model,
    choose_device,
    choose_ranks,
    _precision,
    choose_errata,
    _sizes,
    choose_other_layout,
    choose_pipeline,
    choose_threads,
    choose_attribution,
    _training,
    _rest,
)
"""Parts of the configuration, in order: each may ask what those before it chose."""
