"""The options of `run`, each declared once. None means: not given; the machine decides.

Values are checked in `bench.config.request`, the same for the command line and a file.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

_MODEL, _WHERE, _ENGINE, _NUMERICS, _DATA, _TRAINING, _MEASURE, _SIDES, _VERDICT, _OUTPUT = (
    "Model and batch",
    "Nodes and devices",
    "Engine",
    "Precision and layout",
    "Data",
    "Training",
    "Measurement",
    "Sides",
    "Verdict",
    "Output",
)


def _option(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    # Only switches are given by name here; they take no value, so nothing stands for one. All
    # else that names no values takes a number, read by our own checks: one voice for all errors.
    placeholder = metavar or (" " if names else "N")
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=placeholder)


Model = Annotated[
    str | None,
    _option(
        _MODEL,
        "resnext{DEPTH}_{C}x{D}d, resnet{DEPTH}, a relative (see models list), torchvision:NAME, "
        "timm:NAME, or package.module:callable of yours (default: resnext50_32x4d)",
        metavar="NAME",
    ),
]
Form = Annotated[
    str | None,
    _option(
        _MODEL,
        "How a block of ResNeXt is built: a, paths summed; b, paths concatenated; c, one grouped "
        "convolution. The same function, at other costs (default: c)",
        metavar="[a|b|c]",
    ),
]
ImageSize = Annotated[
    str | None,
    _option(
        _MODEL,
        "Pixels of the square input (default: the paper's on GPU, on CPU at most 128 where the "
        "network takes that)",
    ),
]
BatchSize = Annotated[
    str | None,
    _option(
        _MODEL,
        "Images per rank and step, or auto: the largest that fits, found by training with some "
        "(default: by GPU memory; 8 on CPU)",
        metavar="N",
    ),
]
GlobalBatchSize = Annotated[
    str | None, _option(_MODEL, "Images per step over all ranks, instead of --batch-size")
]
Nodes = Annotated[
    str | None,
    _option(_WHERE, "Nodes; several are emulated on this host, each with an agent (default: 1)"),
]
NprocPerNode = Annotated[
    str | None, _option(_WHERE, "Ranks on each node (default: one per GPU; 1 on CPU)")
]
Launcher = Annotated[
    str | None,
    _option(
        _WHERE,
        "Who starts the ranks of a node (default: torchrun; none for one rank alone). Under srun, "
        "mpirun or a torchrun of yours, ranks join what is there",
        metavar="[torchrun|deepspeed]",
    ),
]
Device = Annotated[
    str | None,
    _option(_WHERE, "Where to compute (default: cuda if a GPU is here)", metavar="[cpu|cuda]"),
]
Threads = Annotated[
    str | None, _option(_WHERE, "Compute threads of a rank (default: from the rank's cores)")
]
Engine = Annotated[
    str | None,
    _option(
        _ENGINE,
        "Who averages gradients and steps (default: ddp, one rank alone: none)",
        metavar="[none|ddp|deepspeed]",
    ),
]
ZeroStage = Annotated[
    str | None,
    _option(
        _ENGINE,
        "deepspeed: what ranks share out: 0 nothing, 1 optimizer state, 2 gradients too "
        "(default: 0)",
    ),
]
BucketMib = Annotated[
    str | None,
    _option(_ENGINE, "Gradients reduced together, MiB of fp32 (default: 25)", metavar="MIB"),
]
StaticGraph = Annotated[
    bool | None,
    _option(
        _ENGINE,
        "ddp: the same parameters are used in each step",
        "--static-graph/--no-static-graph",
    ),
]
GradientAsBucketView = Annotated[
    bool | None,
    _option(
        _ENGINE,
        "ddp: gradients are views of the buckets, one copy less",
        "--gradient-as-bucket-view/--no-gradient-as-bucket-view",
    ),
]
Compile = Annotated[
    bool | None, _option(_ENGINE, "torch.compile, mode default", "--compile/--no-compile")
]
CompileMode = Annotated[
    str | None,
    _option(
        _ENGINE,
        "torch.compile in this mode: default, reduce-overhead, max-autotune, "
        "max-autotune-no-cudagraphs, none",
        metavar="MODE",
    ),
]
Port = Annotated[
    str | None, _option(_WHERE, "Where the nodes meet on this host (default: any free)")
]
Amp = Annotated[
    bool | None,
    _option(
        _NUMERICS,
        "Mixed precision: bf16 where the hardware has it, else fp16 (default: no-amp)",
        "--amp/--no-amp",
    ),
]
AmpDtype = Annotated[
    str | None, _option(_NUMERICS, "Mixed precision in this type", metavar="[none|bf16|fp16]")
]
Tf32 = Annotated[
    bool | None,
    _option(
        _NUMERICS, "Let fp32 products use TF32 (default: no-tf32, IEEE fp32)", "--tf32/--no-tf32"
    ),
]
ChannelsLast = Annotated[
    bool | None,
    _option(
        _NUMERICS, "NHWC or NCHW (default: channels-last)", "--channels-last/--no-channels-last"
    ),
]
CudnnBenchmark = Annotated[
    bool | None,
    _option(
        _NUMERICS,
        "Let cuDNN time its plans in warm-up (default: cudnn-benchmark)",
        "--cudnn-benchmark/--no-cudnn-benchmark",
    ),
]
CudnnBenchmarkLimit = Annotated[
    str | None, _option(_NUMERICS, "Plans cuDNN times for each problem; 0 for all (default: 10)")
]
CudnnDeterministic = Annotated[
    bool | None,
    _option(
        _NUMERICS,
        "Only deterministic cuDNN plans (default: no)",
        "--cudnn-deterministic/--no-cudnn-deterministic",
    ),
]
Pipeline = Annotated[
    str | None,
    _option(
        _DATA,
        "Where batches come from: synthetic is one batch on the device, host one that each step "
        "copies to it (default: dali if installed, else torchvision for --data)",
        metavar="[synthetic|host|torchvision|dali]",
    ),
]
Decode = Annotated[
    str | None,
    _option(
        _DATA,
        "Where JPEGs are decoded (default: mixed with dali on GPU, else cpu)",
        metavar="[cpu|mixed]",
    ),
]
DataFolder = Annotated[
    str | None,
    _option(
        _DATA,
        "Folder of class folders of images, or of WebDataset (.tar) or TFRecord shards (default: "
        "512 JPEGs made from a seed and cached)",
        metavar="PATH",
    ),
]
Split = Annotated[
    str | None,
    _option(
        _DATA,
        "Which split of a folder that holds train/, val/ and such, or their shards (default: "
        "train); none: they are classes",
        "--split",
        metavar="NAME",
    ),
]
BadFiles = Annotated[
    str | None,
    _option(
        _DATA,
        "Images that do not decode, or turn bad while training: end, or leave out (default: stop)",
        metavar="[stop|skip]",
    ),
]
LoaderThreads = Annotated[
    str | None,
    _option(
        _DATA,
        "Decoding threads of a rank, with torchvision processes (default: from the rank's cores)",
    ),
]
Prefetch = Annotated[
    str | None,
    _option(
        _DATA,
        "Batches kept ready: by dali behind each stage, by torchvision in each process (default: "
        "2)",
    ),
]
Pixels = Annotated[
    str | None,
    _option(
        _DATA,
        "What batches are made of: bytes, which the model's first operation normalises, or "
        "normalised floats (default: uint8; synthetic: fp32)",
        metavar="[uint8|fp32|fp16]",
    ),
]
LastBatch = Annotated[
    str | None,
    _option(
        _DATA,
        "An epoch's rest that fills no batch of all ranks: the next epoch goes on in it, it is "
        "dropped, or filled up with images of the same epoch (default: wrap)",
        metavar="[wrap|drop|pad]",
    ),
]
Optimizer = Annotated[
    str | None, _option(_TRAINING, "Optimizer (default: sgd, Nesterov)", metavar="[sgd|adamw]")
]
LearningRate = Annotated[
    str | None, _option(_TRAINING, "Learning rate (default: 0.1 x images a step / 256)")
]
Wait = Annotated[
    str | None,
    _option(
        _MEASURE,
        "Wait up to so many minutes for another measurement on this machine to end; without it, "
        "compare is refused and run notes it",
        metavar="MINUTES",
    ),
]
MaxCoresLost = Annotated[
    str | None,
    _option(
        _MEASURE,
        "A run is invalid where more of its time than this, in %, was lost to other processes that "
        "had its cores, or to the hypervisor (default: 25)",
    ),
]
Momentum = Annotated[str | None, _option(_TRAINING, "Momentum of sgd (default: 0.9)")]
WeightDecay = Annotated[str | None, _option(_TRAINING, "Weight decay (default: 0.0001)")]
Seed = Annotated[
    str | None, _option(_TRAINING, "Of parameters, batches and augmentation (default: 0)")
]
WarmUp = Annotated[
    str | None,
    _option(
        _MEASURE, "Least steps before the window; more are cut until steady (default: 50; CPU 10)"
    ),
]
Steps = Annotated[str | None, _option(_MEASURE, "Timed steps (default: 200; CPU 40)")]
Profile = Annotated[
    bool | None,
    _option(
        _MEASURE,
        "After the timed steps, trace some more with PyTorch's profiler: one file for each rank",
        "--profile/--no-profile",
    ),
]
ProfileSteps = Annotated[
    str | None, _option(_MEASURE, "Steps in the trace (default: 3 with --profile)")
]
Attribute = Annotated[
    bool | None,
    _option(
        _MEASURE,
        "Tell what loading costs: real steps, synthetic ones and the loader alone take turns, and "
        "say what a faster model or more loader threads would give",
        "--attribute/--no-attribute",
    ),
]
AttributionRounds = Annotated[
    str | None,
    _option(
        _MEASURE,
        "Rounds of blocks of a second; even, in place of --steps (default: 10 with --attribute)",
    ),
]
Sessions = Annotated[
    str | None, _option(_MEASURE, "Independent launches of all processes (default: 1)")
]
Margin = Annotated[
    str,
    _option(_VERDICT, "Changes up to this many per cent do not matter", metavar="PERCENT"),
]
Design = Annotated[
    str,
    _option(
        _VERDICT,
        "Both sides resident in turn, or launched in turn; auto: duet where memory allows, and a "
        "script calls resnext_bench.step()",
        metavar="[auto|duet|relaunch]",
    ),
]
MaxSessions = Annotated[
    str, _option(_VERDICT, "Most sessions; looks at the verdict are planned for so many")
]
MaxMinutes = Annotated[
    str, _option(_VERDICT, "End after so long, with what is known then", metavar="MINUTES")
]
Blocks = Annotated[
    str | None,
    _option(
        _VERDICT,
        "Pairs of blocks in a duet session, an even number (default: 10, and more where they "
        "scatter)",
    ),
]
BlockSteps = Annotated[
    str | None,
    _option(
        _VERDICT,
        "Counted steps of a block (default: a second of them, 3 to 1000; on a CPU with synthetic "
        "batches 10 at most)",
    ),
]
SideA = Annotated[
    str | None,
    _option(_SIDES, "Options of run, or a .toml file: what b is compared with", metavar="OPTIONS"),
]
SideB = Annotated[str | None, _option(_SIDES, "Options of run, or a .toml file", metavar="OPTIONS")]
Both = Annotated[
    str, _option(_SIDES, "Options of run that both sides have", "--both", metavar="OPTIONS")
]
AgainstItself = Annotated[
    bool,
    _option(
        _VERDICT,
        "Measure one configuration against itself, as a duet and relaunched in turn",
        "--aa",
    ),
]
FloorSessions = Annotated[
    str, _option(_VERDICT, "Sessions of each design that --aa takes", "--sessions", metavar="N")
]
Script = Annotated[
    str | None,
    _option(
        _SIDES,
        "A command of yours, to which the texts of --a, --b and --both are appended; it writes "
        "step times in ns, one a line, to the file that $RESNEXT_BENCH_SAMPLES names, or calls "
        "resnext_bench.step() after each step, and then both sides may take turns",
        metavar="COMMAND",
    ),
]
RevisionA = Annotated[
    str | None,
    _option(
        _SIDES,
        "Git revision of your checkout that --script runs in; one of the two may be left out: "
        "the files as they are",
        "--a-rev",
        metavar="REV",
    ),
]
RevisionB = Annotated[str | None, _option(_SIDES, "The same, for b", "--b-rev", metavar="REV")]
Repository = Annotated[
    Path | None,
    _option(
        _SIDES,
        "Folder of the checkout in which --script starts (default: the current one)",
        "--repo",
        metavar="FOLDER",
    ),
]
AsIs = Annotated[
    bool,
    _option(
        _SIDES,
        "Start --script with your environment untouched: no heap that keeps freed memory, and "
        "nothing on PYTHONPATH",
        "--as-is",
    ),
]
RunsA = Annotated[
    str | None,
    _option(
        _SIDES,
        "Ids of stored runs, with commas between them: nothing is measured, and the design is "
        "unpaired",
        "--a-runs",
        metavar="IDS",
    ),
]
RunsB = Annotated[str | None, _option(_SIDES, "The same, for b", "--b-runs", metavar="IDS")]
Resume = Annotated[
    str | None,
    _option(
        _OUTPUT,
        "Go on with a comparison that was interrupted or killed: its id, or last",
        metavar="ID",
    ),
]
AllowUnsure = Annotated[
    bool,
    _option(_MEASURE, "Exit 0 where it would be 3, as it was never steady", "--allow-unsure"),
]
AllowUnsureVerdict = Annotated[
    bool,
    _option(_VERDICT, "Exit 0 where it would be 3: can't tell, never steady", "--allow-unsure"),
]
AllowInvalid = Annotated[
    bool,
    _option(_MEASURE, "Exit 0 where it would be 3, as it is invalid", "--allow-invalid"),
]
Config = Annotated[
    Path | None,
    _option(_OUTPUT, "TOML file with option names as keys; the command line wins", metavar="FILE"),
]
Output = Annotated[
    Path | None,
    _option(_OUTPUT, "Runs folder (default: $RESNEXT_BENCH_RUNS, else ./runs)", metavar="FOLDER"),
]
Json = Annotated[bool, _option(_OUTPUT, "Print JSON alone on standard output", "--json")]
DryRun = Annotated[
    bool,
    _option(
        _OUTPUT,
        "Show what would be launched: commands, environment, ranks, cores, devices",
        "--dry-run",
    ),
]
