"""Every option of training, declared once: `run`, config files, sides and defaults derive from it.

To add one: an entry here, a field of `RunConfig`, and the place that uses it. A default that hangs
on nothing else stands in the entry; what hangs on the machine or on other options is chosen in
`resnext_bench.config.resolve`.
"""

from typing import Any, Final, NamedTuple, get_args

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

Value = str | int | float | bool


class Option(NamedTuple):
    """One option. Nothing given means that the default, or the machine, decides.

    No dataclass, which would take two milliseconds of every `--help`.
    """

    name: str
    """As in files and in Python; on the command line with dashes."""
    kind: Any
    """str, int, float or bool (a switch), or the words it may be, as a Literal."""
    group: str
    help: str
    metavar: str = ""
    """Where it is not the words, or N for a number."""
    low: float | None = None
    high: float | None = None
    default: Value | None = None
    """Where it hangs on nothing else; None where it is chosen."""
    why: str = ""
    """The reason for the default, as people read it."""
    is_told: bool = True
    """Whether the default is shown among the choices before a run."""
    replaces: tuple[str, ...] = ()
    """Options of a file that it takes the place of when it is given on the command line."""
    of_images: bool = False
    """Whether it says something of image files, and nothing of synthetic batches."""
    engines: tuple[str, ...] = ()
    """Engines that have it; others would ignore it in silence. None named: all."""
    not_of_a_side: str = ""
    """What to do instead, where it says how to measure: that is the same for both sides."""

    @property
    def words(self) -> tuple[str, ...]:
        """What it may be, where that is one of some words."""
        return get_args(self.kind)

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value: --x or --no-x."""
        return self.kind is bool

    @property
    def placeholder(self) -> str:
        """What stands for its value in help texts."""
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
            "How a block of ResNeXt is built: a, paths summed; b, paths concatenated; c, one "
            "grouped convolution. The same function, at other costs (default: c)"
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
            "Pixels of the square input (default: the paper's on GPU, on CPU at most 128 where "
            "the network takes that)"
        ),
        low=32,
        high=4096,
    ),
    Option(
        name="batch_size",
        kind=int,
        group=MODEL,
        help=(
            "Images per rank and step, or auto: the largest that fits, found by training with "
            "some (default: by GPU memory; 8 on CPU)"
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
        help="Nodes; several are emulated on this host, each with an agent (default: 1)",
        low=1,
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
            "Who starts the ranks of a node (default: torchrun; none for one rank alone). Under "
            "srun, mpirun or a torchrun of yours, ranks join what is there"
        ),
    ),
    Option(
        name="device",
        kind=Device,
        group=WHERE,
        help="Where to compute (default: cuda if a GPU is here)",
    ),
    Option(
        name="threads",
        kind=int,
        group=WHERE,
        help="Compute threads of a rank (default: from the rank's cores)",
        low=1,
    ),
    Option(
        name="port",
        kind=int,
        group=WHERE,
        help="Where the nodes meet on this host (default: any free)",
        low=0,
        high=65_535,
        not_of_a_side="leave it out",
    ),
    Option(
        name="engine",
        kind=Engine,
        group=ENGINE,
        help="Who averages gradients and steps (default: ddp, one rank alone: none)",
    ),
    Option(
        name="zero_stage",
        kind=int,
        group=ENGINE,
        help=(
            "deepspeed: what ranks share out: 0 nothing, 1 optimizer state, 2 gradients too "
            "(default: 0)"
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
        help="Gradients reduced together, MiB of fp32 (default: 25)",
        metavar="MIB",
        low=1,
        high=100_000,
        engines=("ddp", "deepspeed"),
    ),
    Option(
        name="static_graph",
        kind=bool,
        group=ENGINE,
        help="ddp: the same parameters are used in each step",
        default=False,
        why="PyTorch's own",
        engines=("ddp",),
    ),
    Option(
        name="gradient_as_bucket_view",
        kind=bool,
        group=ENGINE,
        help="ddp: gradients are views of the buckets, one copy less",
        default=False,
        why="PyTorch's own",
        engines=("ddp",),
    ),
    Option(
        name="ddp_comm_hook",
        kind=CommHook,
        group=ENGINE,
        help=(
            "ddp: how gradients are compressed on the way: as bf16 or fp16, or by PowerSGD of rank "
            "1 from the third step on (default: none)"
        ),
        default="none",
        why="gradients as they are",
        is_told=False,
        engines=("ddp",),
    ),
    Option(
        name="compile",
        kind=bool,
        group=ENGINE,
        help="torch.compile, mode default",
    ),
    Option(
        name="compile_mode",
        kind=CompileMode,
        group=ENGINE,
        help=(
            "torch.compile in this mode: default, reduce-overhead, max-autotune, "
            "max-autotune-no-cudagraphs, none"
        ),
        metavar="MODE",
        replaces=("compile",),
    ),
    Option(
        name="amp",
        kind=bool,
        group=NUMERICS,
        help="Mixed precision: bf16 where the hardware has it, else fp16 (default: no-amp)",
    ),
    Option(
        name="amp_dtype",
        kind=AmpDtype,
        group=NUMERICS,
        help="Mixed precision in this type",
        replaces=("amp",),
    ),
    Option(
        name="tf32",
        kind=bool,
        group=NUMERICS,
        help="Let fp32 products use TF32 (default: no-tf32, IEEE fp32)",
        default=False,
        why="fp32 means IEEE",
    ),
    Option(
        name="channels_last",
        kind=bool,
        group=NUMERICS,
        help="NHWC or NCHW (default: channels-last)",
        default=True,
        why="the layout of tensor cores and oneDNN",
    ),
    Option(
        name="cudnn_benchmark",
        kind=bool,
        group=NUMERICS,
        help="Let cuDNN time its plans in warm-up (default: cudnn-benchmark)",
        default=True,
        why="cuDNN times its plans",
    ),
    Option(
        name="cudnn_benchmark_limit",
        kind=int,
        group=NUMERICS,
        help="Plans cuDNN times for each problem; 0 for all (default: 10)",
        low=0,
        default=10,
        why="PyTorch's own",
    ),
    Option(
        name="cudnn_deterministic",
        kind=bool,
        group=NUMERICS,
        help="Only deterministic cuDNN plans (default: no)",
        default=False,
        why="PyTorch's own",
    ),
    Option(
        name="pipeline",
        kind=PipelineName,
        group=DATA,
        help=(
            "Where batches come from: synthetic is one batch on the device, host one that each "
            "step copies to it (default: dali if installed, else torchvision for --data)"
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
            "Folder of class folders of images, or of WebDataset (.tar) or TFRecord shards "
            "(default: 512 JPEGs made from a seed and cached)"
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
            "Which split of a folder that holds train/, val/ and such, or their shards (default: "
            "train); none: they are classes"
        ),
        metavar="NAME",
        of_images=True,
    ),
    Option(
        name="bad_files",
        kind=BadFiles,
        group=DATA,
        help=(
            "Images that do not decode, or turn bad while training: end, or leave out (default: "
            "stop)"
        ),
        default="stop",
        why="no file is left out in silence",
        of_images=True,
    ),
    Option(
        name="loader_threads",
        kind=int,
        group=DATA,
        help=(
            "Decoding threads of a rank, with torchvision processes (default: from the rank's "
            "cores)"
        ),
        low=1,
    ),
    Option(
        name="prefetch",
        kind=int,
        group=DATA,
        help=(
            "Batches kept ready: by dali behind each stage, by torchvision in each process "
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
            "What batches are made of: bytes, which the model's first operation normalises, or "
            "normalised floats (default: uint8; synthetic: fp32)"
        ),
    ),
    Option(
        name="last_batch",
        kind=LastBatch,
        group=DATA,
        help=(
            "An epoch's rest that fills no batch of all ranks: the next epoch goes on in it, it "
            "is dropped, or filled up with images of the same epoch (default: wrap)"
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
        help="Let the optimizer update all parameters by one kernel (default: no)",
        default=False,
        why="PyTorch's own",
        is_told=False,
    ),
    Option(
        name="max_cores_lost",
        kind=float,
        group=MEASURE,
        help=(
            "A run is invalid where more of its time than this, in %, was lost to other processes"
            " that had its cores, or to the hypervisor (default: 25)"
        ),
        low=0,
        high=100,
        default=25.0,
        why="what no comparison bears",
        is_told=False,
    ),
    Option(
        name="learning_rate",
        kind=float,
        group=TRAINING,
        help="Learning rate (default: 0.1 x images a step / 256)",
        low=0,
    ),
    Option(
        name="momentum",
        kind=float,
        group=TRAINING,
        help="Momentum of sgd (default: 0.9)",
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
        help="Of parameters, batches and augmentation (default: 0)",
        low=0,
        high=2_147_483_647,
        default=0,
        why="always the same",
    ),
    Option(
        name="warm_up",
        kind=int,
        group=MEASURE,
        help="Least steps before the window; more are cut until steady (default: 50; CPU 10)",
        low=1,
        high=100_000,
    ),
    Option(
        name="steps",
        kind=int,
        group=MEASURE,
        help="Timed steps (default: 200; CPU 40)",
        low=2,
        high=100_000,
    ),
    Option(
        name="sessions",
        kind=int,
        group=MEASURE,
        help="Independent launches of all processes (default: 1)",
        low=1,
        default=1,
        why="one launch",
        not_of_a_side="sessions go on until it can tell, or --max-sessions is reached",
    ),
    Option(
        name="profile",
        kind=bool,
        group=MEASURE,
        help=(
            "After the timed steps, trace some more with PyTorch's profiler: one file for each rank"
        ),
        not_of_a_side="profile each side by a run of its own",
    ),
    Option(
        name="profile_steps",
        kind=int,
        group=MEASURE,
        help="Steps in the trace (default: 3 with --profile)",
        low=0,
        high=100,
        replaces=("profile",),
        not_of_a_side="profile each side by a run of its own",
    ),
    Option(
        name="attribute",
        kind=bool,
        group=MEASURE,
        help=(
            "Tell what loading costs: real steps, synthetic ones and the loader alone take turns,"
            " and say what a faster model or more loader threads would give"
        ),
        not_of_a_side="attribute each side by a run of its own",
    ),
    Option(
        name="attribution_rounds",
        kind=int,
        group=MEASURE,
        help=(
            "Rounds of blocks of a second; even, in place of --steps (default: 10 with --attribute)"
        ),
        low=0,
        high=1000,
        replaces=("attribute",),
        not_of_a_side="attribute each side by a run of its own",
    ),
)

OPTIONS: Final[dict[str, Option]] = {option.name: option for option in _ALL}
"""By name, in the order of the help."""


def flag(name: str) -> str:
    """How an option is written on the command line."""
    return "--" + name.replace("_", "-")


def of_images() -> set[str]:
    """Names of options that say nothing of synthetic batches."""
    return {option.name for option in _ALL if option.of_images}
