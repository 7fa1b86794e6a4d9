"""What a run was told to do, with nothing left open."""

from typing import Final

import msgspec

from resnext_bench.reports.schema.choices import (
    SYNTHETIC,
    AmpDtype,
    BadFiles,
    CommHook,
    CompileMode,
    Decode,
    Device,
    Engine,
    Form,
    LastBatch,
    Launcher,
    Optimizer,
    PipelineName,
    Pixels,
)

USUAL_BUCKET_MIB: Final = 25.0
"""PyTorch's own; DDP's first bucket is then one of 1 MiB."""

Option = str | int | float | bool
Request = dict[str, Option]
"""What the user asked for, by option name: a subset of the options, before any default."""


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One resolved configuration of training: what `runs rerun` repeats and comparisons compare.

    Every field is concrete. What the user left open was filled in from the machine; the reasons
    stand beside it in the record as `Choice`.
    """

    model: str
    """Architecture, e.g. resnext50_32x4d (cardinality 32, width 4 in the first stage)."""
    image_size: int
    """Height and width of the square input, pixels."""
    classes: int
    """Outputs of the last layer: the data set's classes, 1000 for synthetic batches."""
    batch_size: int
    """Images per rank and step."""
    nodes: int
    nproc_per_node: int
    """Ranks on each node."""
    device: Device
    launcher: Launcher
    """Who started the ranks; "joined" where srun, mpirun or a torchrun of the user's did."""
    engine: Engine
    amp_dtype: AmpDtype
    """Autocast type of forward and loss; "none" trains in fp32."""
    tf32: bool
    """Whether fp32 matrix products and convolutions may use TF32; false means IEEE fp32."""
    channels_last: bool
    cudnn_benchmark: bool
    cudnn_benchmark_limit: int
    """Plans cuDNN times for each problem when benchmark is on; 0 means all of them."""
    cudnn_deterministic: bool
    pipeline: PipelineName
    decode: Decode
    """Where JPEGs are decoded: "cpu", or "mixed" (entropy decoding on CPU, the rest on GPU)."""
    data: str | None
    """Folder of class folders of images; none for synthetic batches."""
    bad_files: BadFiles
    """What to do about files that do not decode: stop, or leave them out; before the run, and
    where one turns bad while it goes on."""
    threads: int
    """Compute threads of a rank on the CPU (OMP_NUM_THREADS)."""
    loader_threads: int
    """Decoding threads of a rank; with torchvision each is a process."""
    optimizer: Optimizer
    max_cores_lost: float = 25.0
    """Per cent of the ranks' time lost to others or the hypervisor, above which it is invalid."""
    learning_rate: float
    momentum: float
    """Nesterov momentum of sgd; adamw uses its own betas."""
    weight_decay: float
    seed: int
    warm_up: int
    """Least number of steps before the window; the steady-state cut may drop more."""
    steps: int
    """Timed steps of the window."""
    sessions: int
    """Launches of the whole process group; each is one independent measurement."""
    zero_stage: int | None = None
    """What DeepSpeed splits over the ranks: 0 nothing, 1 the optimizer's state, 2 gradients too."""
    bucket_mib: float | None = None
    """Gradients that are reduced together, MiB of fp32; none where there is one rank alone."""
    static_graph: bool = False
    """DDP may rely on the same parameters being used in each step."""
    gradient_as_bucket_view: bool = False
    """DDP's gradients are views of its buckets: one copy less."""
    ddp_comm_hook: CommHook = "none"
    """How DDP compresses gradients on the way from rank to rank."""
    fused_optimizer: bool = False
    """Whether the optimizer updates all parameters by one kernel."""
    profile_steps: int = 0
    """Steps of the profiled pass that follows the last session's window; 0: there is none."""
    attribution_rounds: int = 0
    """Rounds in which real steps, synthetic ones and the loader alone take turns; 0: the run's
    steps stand alone."""
    compile_mode: CompileMode = "none"
    """Of torch.compile; "none" trains eagerly."""
    form: Form = "c"
    """How a block of ResNeXt is built (its paper's figure 3); other networks have one form."""
    pixels: Pixels = "fp32"
    """What batches are made of; bytes are normalised by the model's first operation."""
    prefetch: int = 2
    """Batches that a loader keeps ready in each of its stages, or processes."""
    last_batch: LastBatch = "wrap"
    """What becomes of an epoch's rest that fills no batch of all ranks."""
    split: str | None = None
    """Which split of `data` is read, where one folder holds several; most often `data` says it."""

    @property
    def reads_images(self) -> bool:
        """Whether a loader reads and decodes files."""
        return self.pipeline not in SYNTHETIC

    @property
    def world_size(self) -> int:
        """Ranks in all."""
        return self.nodes * self.nproc_per_node

    @property
    def global_batch_size(self) -> int:
        """Images of one step over all ranks."""
        return self.batch_size * self.world_size


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One option that the user left open, what it became, and why."""

    option: str
    value: Option | None
    why: str
