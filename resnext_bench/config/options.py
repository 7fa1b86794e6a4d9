"""Every option of training, declared once: `run`, config files, sides and defaults derive from it.

To add one: an entry here, a field of `RunConfig`, and the place that uses it. A default that
depends on nothing else stands in the entry; one that depends on the machine or on other options is
chosen in `resnext_bench.config.resolve`.
"""

from typing import Any, Final, NamedTuple, get_args

from resnext_bench.data_formats import SHARDS
from resnext_bench.machine.gpu.vendors import VENDORS
from resnext_bench.reports.schema.choices import (
    AmpDtype,
    AskedLauncher,
    BadFiles,
    CommHook,
    CompileMode,
    Decode,
    Device,
    Engine,
    Form,
    LastBatch,
    Optimizer,
    PipelineName,
    Pixels,
)

MODEL, WHERE, ENGINE, NUMERICS, DATA, TRAINING, MEASURE = (
    "Model and batch",
    "Nodes and devices",
    "Engine",
    "Precision and layout",
    "Data",
    "Training",
    "Measurement",
)
"""Panels of `run --help`."""

_EXPERIMENTAL: Final = [
    f"{one.name}'s, by {one.platform}" for one in VENDORS if one.is_experimental
]

Value = str | int | float | bool


class Option(NamedTuple):
    """One option. Where it is not given, its default or the machine decides.

    It is not a dataclass, which would add two milliseconds to every `--help`.
    """

    name: str
    """The name in files and in Python; on the command line it has dashes."""
    kind: Any
    """str, int, float or bool (a switch), or the words it may be, as a Literal."""
    group: str
    help: str
    metavar: str = ""
    """The placeholder in help texts, where it is neither the allowed words nor N for a number."""
    low: float | None = None
    high: float | None = None
    default: Value | None = None
    """The default where it depends on nothing else; None where it is chosen."""
    why: str = ""
    """The reason for the default, as people read it."""
    is_told: bool = True
    """Whether the default is shown among the choices before a run."""
    replaces: tuple[str, ...] = ()
    """Options of a file that it replaces when it is given on the command line."""
    of_images: bool = False
    """Whether it concerns image files only, not synthetic batches."""
    engines: tuple[str, ...] = ()
    """Engines that have it (others would ignore it silently); empty where all have it."""
    not_of_a_side: str = ""
    """What to do instead, where it says how to measure, which is the same for both sides."""

    @property
    def words(self) -> tuple[str, ...]:
        """The allowed words, where it takes one of several."""
        return get_args(self.kind)

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value: --x or --no-x."""
        return self.kind is bool

    @property
    def placeholder(self) -> str:
        """The placeholder for its value in help texts."""
        if self.is_switch:
            return " "
        return self.metavar or (f"[{'|'.join(self.words)}]" if self.words else "N")


_ALL: Final = (
    Option(
        name="model",
        kind=str,
        group=MODEL,
        help=(
            "resnext{DEPTH}_{C}x{D}d, resnet{DEPTH}, a relative (see models list), "
            "torchvision:NAME, timm:NAME, or package.module:callable of yours (default: "
            "resnext50_32x4d)"
        ),
        metavar="NAME",
        default="resnext50_32x4d",
        why="the paper's",
    ),
    Option(
        name="form",
        kind=Form,
        group=MODEL,
        help=(
            "How a ResNeXt block is built: a, paths summed; b, paths concatenated; c, one grouped "
            "convolution. All compute the same function, at different cost (default: c)"
        ),
        default="c",
        why="the paper's own",
        is_told=False,
    ),
    Option(
        name="image_size",
        kind=int,
        group=MODEL,
        help=(
            "Side of the square input in pixels (default: the paper's on GPU; on CPU at most 128 "
            "where the network allows it)"
        ),
        low=32,
        high=4096,
    ),
    Option(
        name="batch_size",
        kind=int,
        group=MODEL,
        help=(
            "Images per rank and step, or auto: the largest batch that fits, found by trial "
            "training (default: by GPU memory; 8 on CPU)"
        ),
        low=1,
        replaces=("global_batch_size",),
    ),
    Option(
        name="global_batch_size",
        kind=int,
        group=MODEL,
        help="Images per step over all ranks, instead of --batch-size",
        low=1,
        replaces=("batch_size",),
    ),
    Option(
        name="nodes",
        kind=int,
        group=WHERE,
        help=(
            "Number of nodes; more than one are emulated on this host, each with its own agent "
            "(default: 1)"
        ),
        low=1,
        high=10_000,
        default=1,
        why="this machine",
    ),
    Option(
        name="nproc_per_node",
        kind=int,
        group=WHERE,
        help="Ranks on each node (default: one per GPU; 1 on CPU)",
        low=1,
    ),
    Option(
        name="launcher",
        kind=AskedLauncher,
        group=WHERE,
        help=(
            "What starts the ranks of a node (default: torchrun; none for a single rank). Under "
            "srun, mpirun or your own torchrun, the processes join as ranks"
        ),
    ),
    Option(
        name="device",
        kind=Device,
        group=WHERE,
        help=(
            "Where to compute (default: cuda if there is a GPU; "
            f"{' and '.join(_EXPERIMENTAL)}, are experimental)"
        ),
    ),
    Option(
        name="threads",
        kind=int,
        group=WHERE,
        help="Compute threads per rank (default: from the rank's cores)",
        low=1,
    ),
    Option(
        name="port",
        kind=int,
        group=WHERE,
        help="Port where the nodes meet on this host (default: any free port)",
        low=0,
        high=65_535,
        not_of_a_side="leave it out",
    ),
    Option(
        name="engine",
        kind=Engine,
        group=ENGINE,
        help=(
            "What averages gradients and updates parameters (default: ddp; none for a single rank)"
        ),
    ),
    Option(
        name="zero_stage",
        kind=int,
        group=ENGINE,
        help=(
            "deepspeed: what is partitioned over the ranks: 0 nothing, 1 optimizer state, 2 "
            "gradients as well (default: 0)"
        ),
        low=0,
        high=2,
        default=0,
        why="DeepSpeed's own",
        engines=("deepspeed",),
    ),
    Option(
        name="bucket_mib",
        kind=float,
        group=ENGINE,
        help=(
            "Size of the buckets in which gradients are reduced, in MiB of fp32; DeepSpeed's stage "
            "0 has none (default: 25)"
        ),
        metavar="MIB",
        low=1,
        high=100_000,
        engines=("ddp", "deepspeed"),
    ),
    Option(
        name="static_graph",
        kind=bool,
        group=ENGINE,
        help="ddp: every step uses the same parameters",
        default=False,
        why="PyTorch's own",
        engines=("ddp",),
    ),
    Option(
        name="gradient_as_bucket_view",
        kind=bool,
        group=ENGINE,
        help="ddp: make gradients views of the buckets, which saves a copy",
        default=False,
        why="PyTorch's own",
        engines=("ddp",),
    ),
    Option(
        name="ddp_comm_hook",
        kind=CommHook,
        group=ENGINE,
        help=(
            "ddp: how gradients are compressed for communication: to bf16 or fp16, or by PowerSGD "
            "of rank 1 from the third step on (default: none)"
        ),
        default="none",
        why="no compression",
        is_told=False,
        engines=("ddp",),
    ),
    Option(
        name="compile",
        kind=bool,
        group=ENGINE,
        help="Use torch.compile, in mode default",
    ),
    Option(
        name="compile_mode",
        kind=CompileMode,
        group=ENGINE,
        help=(
            "Use torch.compile in this mode: default, reduce-overhead, max-autotune, "
            "max-autotune-no-cudagraphs, none"
        ),
        metavar="MODE",
        replaces=("compile",),
    ),
    Option(
        name="amp",
        kind=bool,
        group=NUMERICS,
        help="Use mixed precision: bf16 where the hardware has it, else fp16 (default: no-amp)",
    ),
    Option(
        name="amp_dtype",
        kind=AmpDtype,
        group=NUMERICS,
        help="Use mixed precision in this type",
        replaces=("amp",),
    ),
    Option(
        name="tf32",
        kind=bool,
        group=NUMERICS,
        help="Let fp32 matrix products use TF32 (default: no-tf32, which is IEEE fp32)",
        default=False,
        why="fp32 means IEEE",
    ),
    Option(
        name="channels_last",
        kind=bool,
        group=NUMERICS,
        help="Memory layout: NHWC, or NCHW without it (default: channels-last)",
        default=True,
        why="the layout of tensor cores and oneDNN",
    ),
    Option(
        name="other_layout",
        kind=str,
        group=NUMERICS,
        help=(
            "Modules in the other layout than --channels-last says, by names or patterns, as in "
            "layer1.*.conv2,layer4; maps are converted where neighbours differ (default: none)"
        ),
        metavar="NAMES",
        default="none",
        why="one layout for all",
        is_told=False,
        engines=("none", "ddp"),
    ),
    Option(
        name="cudnn_benchmark",
        kind=bool,
        group=NUMERICS,
        help="Let cuDNN time its plans during warm-up (default: cudnn-benchmark)",
        default=True,
        why="cuDNN times its plans",
    ),
    Option(
        name="cudnn_benchmark_limit",
        kind=int,
        group=NUMERICS,
        help="Plans that cuDNN times for each problem; 0 for all (default: 10)",
        low=0,
        default=10,
        why="PyTorch's own",
    ),
    Option(
        name="cudnn_deterministic",
        kind=bool,
        group=NUMERICS,
        help="Use only deterministic cuDNN plans (default: no)",
        default=False,
        why="PyTorch's own",
    ),
    Option(
        name="cudnn_errata",
        kind=str,
        group=NUMERICS,
        help=(
            "Rules that block engines of cuDNN, instead of PyTorch's own: a file of convs block "
            "(default: PyTorch's)"
        ),
        metavar="FILE",
    ),
    Option(
        name="pipeline",
        kind=PipelineName,
        group=DATA,
        help=(
            "Where batches come from: synthetic is one batch on the device, host one batch that "
            "each step copies there (default: dali if installed, else torchvision for --data)"
        ),
    ),
    Option(
        name="decode",
        kind=Decode,
        group=DATA,
        help="Where JPEGs are decoded (default: mixed with dali on GPU, else cpu)",
        metavar="[cpu|mixed]",
        of_images=True,
    ),
    Option(
        name="data",
        kind=str,
        group=DATA,
        help=(
            "Folder of images in class folders, or of "
            f"{' or '.join(one.title for one in SHARDS.values())} shards "
            "(default: 512 JPEGs generated from a seed and cached)"
        ),
        metavar="PATH",
        replaces=("split",),
        of_images=True,
    ),
    Option(
        name="split",
        kind=str,
        group=DATA,
        help=(
            "Which split to read where the folder holds train/, val/ and the like, or their "
            "shards (default: train); none if these folders are classes"
        ),
        metavar="NAME",
        of_images=True,
    ),
    Option(
        name="bad_files",
        kind=BadFiles,
        group=DATA,
        help=(
            "What to do with images that do not decode, or turn bad while training: stop, or "
            "leave them out (default: stop)"
        ),
        default="stop",
        why="no file is left out silently",
        of_images=True,
    ),
    Option(
        name="loader_threads",
        kind=int,
        group=DATA,
        help=(
            "Decoding threads per rank; with torchvision, processes (default: from the rank's "
            "cores)"
        ),
        low=1,
    ),
    Option(
        name="prefetch",
        kind=int,
        group=DATA,
        help=(
            "Batches kept ready: by dali after each stage, by torchvision in each process "
            "(default: 2)"
        ),
        low=1,
        high=64,
        default=2,
        why="DALI's and PyTorch's own",
        is_told=False,
        of_images=True,
    ),
    Option(
        name="pixels",
        kind=Pixels,
        group=DATA,
        help=(
            "Type of the pixels in a batch: bytes, which the model's first operation normalises, "
            "or normalised floats (default: uint8; synthetic: fp32)"
        ),
    ),
    Option(
        name="last_batch",
        kind=LastBatch,
        group=DATA,
        help=(
            "What to do with the images at the end of an epoch that do not fill a batch on all "
            "ranks: wrap into the next epoch, drop them, or pad with images of the same epoch "
            "(default: wrap)"
        ),
        default="wrap",
        why="every image once an epoch",
        is_told=False,
        of_images=True,
    ),
    Option(
        name="optimizer",
        kind=Optimizer,
        group=TRAINING,
        help="Optimizer (default: sgd, Nesterov)",
        default="sgd",
        why="the paper's",
    ),
    Option(
        name="fused_optimizer",
        kind=bool,
        group=TRAINING,
        help="Let the optimizer update all parameters with one kernel (default: no)",
        default=False,
        why="PyTorch's own",
        is_told=False,
    ),
    Option(
        name="max_cores_lost",
        kind=float,
        group=MEASURE,
        help=(
            "A run is invalid if more than this share of its CPU time, in %, was lost to other "
            "processes on its cores or to the hypervisor (default: 25)"
        ),
        low=0,
        high=100,
        default=25.0,
        why="more than any comparison tolerates",
        is_told=False,
    ),
    Option(
        name="learning_rate",
        kind=float,
        group=TRAINING,
        help="Learning rate (default: 0.1 x images per step / 256)",
        low=0,
    ),
    Option(
        name="momentum",
        kind=float,
        group=TRAINING,
        help="Momentum of SGD (default: 0.9)",
        low=0,
        high=1,
        default=0.9,
        why="the paper's",
    ),
    Option(
        name="weight_decay",
        kind=float,
        group=TRAINING,
        help="Weight decay (default: 0.0001)",
        low=0,
        default=1e-4,
        why="the paper's",
    ),
    Option(
        name="seed",
        kind=int,
        group=TRAINING,
        help="Seed of parameters, batches and augmentation (default: 0)",
        low=0,
        high=2_147_483_647,
        default=0,
        why="always the same",
    ),
    Option(
        name="warm_up",
        kind=int,
        group=MEASURE,
        help=(
            "Minimum number of steps before the window; more are cut until step times are steady "
            "(default: 50; CPU 10)"
        ),
        low=1,
        high=100_000,
    ),
    Option(
        name="steps",
        kind=int,
        group=MEASURE,
        help="Number of timed steps (default: 200; CPU 40)",
        low=2,
        high=100_000,
    ),
    Option(
        name="sessions",
        kind=int,
        group=MEASURE,
        help="Number of independent launches of all processes (default: 1)",
        low=1,
        default=1,
        why="one launch",
        not_of_a_side="sessions continue until there is a verdict, or --max-sessions is reached",
    ),
    Option(
        name="profile",
        kind=bool,
        group=MEASURE,
        help="After the timed steps, trace a few more with PyTorch's profiler, one file per rank",
        not_of_a_side="compare --profile profiles both sides, after the verdict",
    ),
    Option(
        name="profile_steps",
        kind=int,
        group=MEASURE,
        help="Number of steps in the trace (default: 3 with --profile)",
        low=0,
        high=100,
        replaces=("profile",),
        not_of_a_side="compare --profile-steps is for both sides, after the verdict",
    ),
    Option(
        name="profile_memory",
        kind=bool,
        group=MEASURE,
        help=(
            "Also record every allocation in the trace, and what is a parameter, a gradient, ... "
            "(default: off; implies --profile)"
        ),
        not_of_a_side="profile each side in a run of its own",
    ),
    Option(
        name="attribute",
        kind=bool,
        group=MEASURE,
        help=(
            "Measure what loading costs: steps on real and on synthetic batches and the loader "
            "alone take turns; the report also says what a faster model or more loader threads "
            "would gain"
        ),
        not_of_a_side="attribute each side in a run of its own",
    ),
    Option(
        name="attribution_rounds",
        kind=int,
        group=MEASURE,
        help=(
            "Number of rounds of one-second blocks, an even number; replaces --steps "
            "(default: 10 with --attribute)"
        ),
        low=0,
        high=1000,
        replaces=("attribute",),
        not_of_a_side="attribute each side in a run of its own",
    ),
)

OPTIONS: Final[dict[str, Option]] = {option.name: option for option in _ALL}
"""All options by name, in the order of the help."""


def flag(name: str) -> str:
    """Return an option as it is written on the command line."""
    return "--" + name.replace("_", "-")


def of_images() -> set[str]:
    """Return the names of the options that concern image files only."""
    return {option.name for option in _ALL if option.of_images}
