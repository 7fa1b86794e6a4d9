"""The configuration of a run, with nothing left open."""

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
"""Default of PyTorch, MiB; the first bucket of DDP then has 1 MiB."""

Option = str | int | float | bool
Request = dict[str, Option]
"""The options that the user has given, by name, before any default is filled in."""


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One resolved configuration of training: what `runs rerun` repeats and comparisons compare.

    Every field has a definite value. What the user left open was filled in from the machine; the
    record holds the reasons next to it, as `Choice`.
    """

    model: str
    """Architecture, such as resnext50_32x4d (cardinality 32, width 4 in the first stage)."""
    image_size: int
    """Height and width of the square input, pixels."""
    classes: int
    """Number of outputs of the last layer: the classes of the data set, 1000 for synthetic
    batches."""
    batch_size: int
    """Images per rank and step."""
    nodes: int
    nproc_per_node: int
    """Number of ranks on each node."""
    device: Device
    launcher: Launcher
    """What started the ranks; "joined" where the user's own srun, mpirun or torchrun did."""
    engine: Engine
    amp_dtype: AmpDtype
    """Type of forward and loss under autocast; "none" trains in fp32."""
    tf32: bool
    """Whether fp32 matrix products and convolutions may use TF32; false means IEEE fp32."""
    channels_last: bool
    cudnn_benchmark: bool
    cudnn_benchmark_limit: int
    """Number of plans that cuDNN times for each problem with its benchmark on; 0 for all of
    them."""
    cudnn_deterministic: bool
    pipeline: PipelineName
    decode: Decode
    """Where JPEGs are decoded: "cpu", or "mixed" (entropy decoding on CPU, the rest on GPU)."""
    data: str | None
    """Folder with one folder of images for each class, or with shards; None for synthetic
    batches."""
    bad_files: BadFiles
    """What to do about files that do not decode, before the run or during it: stop, or leave them
    out."""
    threads: int
    """Compute threads of a rank on the CPU (OMP_NUM_THREADS)."""
    loader_threads: int
    """Decoding threads of a rank; with torchvision, processes."""
    optimizer: Optimizer
    max_cores_lost: float = 25.0
    """Share of the ranks' time lost to other processes or the hypervisor, in per cent, above which
    the run is invalid."""
    learning_rate: float
    momentum: float
    """Nesterov momentum; without effect on an optimizer whose state is another, such as adamw."""
    weight_decay: float
    seed: int
    warm_up: int
    """Least number of steps before the window; the cut to the steady state may drop more."""
    steps: int
    """Number of timed steps in the window."""
    sessions: int
    """Number of launches of the whole process group; each is one independent measurement."""
    zero_stage: int | None = None
    """What DeepSpeed splits over the ranks: 0 nothing, 1 the optimizer's state, 2 gradients too."""
    bucket_mib: float | None = None
    """Size of the gradients that are reduced together, MiB of fp32; None where there is a single
    rank, and with DeepSpeed's stage 0, which reduces all of them after backward."""
    static_graph: bool = False
    """Whether DDP may rely on the same parameters being used in each step."""
    gradient_as_bucket_view: bool = False
    """Whether DDP's gradients are views of its buckets, which saves a copy."""
    ddp_comm_hook: CommHook = "none"
    """How DDP compresses gradients between ranks."""
    fused_optimizer: bool = False
    """Whether the optimizer updates all parameters in one kernel."""
    profile_steps: int = 0
    """Number of steps in the profiled pass after the last session's window; 0 for no such pass."""
    profile_memory: bool = False
    """Whether that pass records every allocation, too."""
    attribution_rounds: int = 0
    """Number of rounds in which real steps, synthetic steps and the loader alone take turns; 0
    where there are only the run's own steps."""
    compile_mode: CompileMode = "none"
    """Mode of torch.compile; "none" trains eagerly."""
    form: Form = "c"
    """How a block of ResNeXt is built (figure 3 of its paper); other networks have a single
    form."""
    pixels: Pixels = "fp32"
    """Type of the pixels in batches; bytes are normalised by the model's first operation."""
    prefetch: int = 2
    """Number of batches that a loader keeps ready in each of its stages, or processes."""
    last_batch: LastBatch = "wrap"
    """What happens to the last samples of an epoch where they do not fill a batch of all ranks."""
    cudnn_errata: str | None = None
    """File of rules that block engines of cuDNN; None leaves PyTorch's own."""
    cudnn_errata_sha256: str = ""
    """Checksum of that file; empty where there is none."""
    split: str | None = None
    """Split of `data` that is read where one folder holds several; usually the folder decides."""
    other_layout: str = "none"
    """Modules in the other memory layout than `channels_last` says: names and patterns with commas
    between them."""

    @property
    def reads_images(self) -> bool:
        """Whether a loader reads and decodes files."""
        return self.pipeline not in SYNTHETIC

    @property
    def world_size(self) -> int:
        """Number of ranks in all."""
        return self.nodes * self.nproc_per_node

    @property
    def global_batch_size(self) -> int:
        """Number of images in one step over all ranks."""
        return self.batch_size * self.world_size


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One option that the user left open, its value, and the reason."""

    option: str
    value: Option | None
    why: str
