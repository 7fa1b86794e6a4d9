"""Vendors of GPUs: each is one entry, with all that differs between them but their libraries.

What asks a vendor's library is a file of its own, named in `monitor`. Nothing is imported here but
typing, so that `--help` stays fast.
"""

from typing import Final, NamedTuple


class Commands(NamedTuple):
    """Command lines that are advised to users; empty where a vendor's tool has none that is known.

    They are not dataclasses, nor are vendors, as those would slow every `--help`.
    """

    gpus: str = ""
    """Lists the GPUs by their names."""
    tool: str = ""
    """Shows whether the driver answers, and what runs where."""
    watch: str = ""
    """Shows clocks, power and memory again and again."""
    clocks: str = ""
    """Locks the clocks at {mhz}."""
    errors: str = ""
    """Shows counts of errors."""
    fallen: str = ""
    """Shows why a GPU went away."""
    modes: str = ""
    """Lets several processes compute on one GPU."""
    persistence: str = ""
    """Keeps the driver loaded."""
    power_cap: str = ""
    """Shows what the power is limited by."""
    power_limit: str = ""
    """Sets the limit of the power to {watts}."""
    repair: str = ""
    """Shows which rows of the memory wait to be remapped."""
    slices: str = ""
    """Lists the slices of boards."""
    throttling: str = ""
    """Shows what holds clocks down."""


class Vendor(NamedTuple):
    """One vendor of GPUs."""

    name: str
    library: str
    """Its management library, as messages name it."""
    tool: str
    """Its own tool on the command line, whose indices GPUs have."""
    platform: str
    """What PyTorch computes by on its GPUs, as messages name it."""
    runtime: str
    """The name below `torch.version` that holds the platform's release in a build for it."""
    variables: tuple[str, ...]
    """Variables with which users choose among its GPUs, any of which can hide all."""
    bus: str
    """Its number on the bus."""
    nodes: tuple[str, ...]
    """Patterns of its GPUs' device nodes in /dev."""
    access: str
    """The device nodes that a user must be able to open, as messages name them."""
    no_library: str
    """What to do where the driver's library is missing."""
    commands: Commands
    driver_file: str = ""
    """The file below /proc whose first line is the version of its driver in the kernel."""
    build: str = ""
    """Word in the version of PyTorch's builds for it, without which its GPUs are not looked for by
    the kernel's files; empty: they always are."""
    install: str = ""
    """What to do where the installed build of PyTorch is not for its GPUs."""
    has_capability: bool = False
    """Whether its GPUs have a compute capability, from which it follows what they can do."""
    is_experimental: bool = False
    """Whether its library has been asked by scripted answers alone, and on no board."""


CUDA: Final = "CUDA_VISIBLE_DEVICES"
"""Variable that chooses GPUs in CUDA, and in HIP where `HIP` is not set."""
HIP: Final = "HIP_VISIBLE_DEVICES"
BELOW_HIP: Final = "ROCR_VISIBLE_DEVICES"
"""Variables for AMD's GPUs: HIP numbers those that ROCm's runtime, below it, leaves."""

NVIDIA: Final = Vendor(
    name="NVIDIA",
    library="NVML",
    tool="nvidia-smi",
    platform="CUDA",
    runtime="cuda",
    variables=(CUDA,),
    bus="0x10de",
    nodes=("nvidia[0-9]*", "nvhost-gpu", "nvgpu"),  # the last two are Jetson boards'
    access="/dev/nvidia*",
    no_library=(
        "in a container, add utility to NVIDIA_DRIVER_CAPABILITIES; elsewhere, install the driver"
    ),
    commands=Commands(
        gpus="nvidia-smi -L",
        tool="nvidia-smi",
        clocks="sudo nvidia-smi --lock-gpu-clocks={mhz},{mhz}",
        errors="nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT",
        fallen="sudo dmesg | grep -i xid",
        modes="sudo nvidia-smi --compute-mode=DEFAULT",
        persistence="sudo nvidia-smi --persistence-mode=1",
        power_cap="nvidia-smi -q -d PERFORMANCE,POWER",
        power_limit="sudo nvidia-smi --power-limit={watts}",
        repair="nvidia-smi -q -d ROW_REMAPPER",
        slices="nvidia-smi mig -lgi",
        throttling="nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER",
    ),
    driver_file="driver/nvidia/version",
    has_capability=True,
)
AMD: Final = Vendor(
    name="AMD",
    library="AMD SMI",
    tool="amd-smi",
    platform="ROCm",
    runtime="hip",
    variables=(CUDA, HIP, BELOW_HIP),
    bus="0x1002",
    nodes=("kfd",),
    access="/dev/kfd, /dev/dri/render*",
    no_library="install ROCm's driver and its library",
    commands=Commands(gpus="amd-smi list", tool="amd-smi list", watch="amd-smi monitor"),
    # Nearly every AMD processor has a small GPU, so that one alone says nothing.
    build="rocm",
    install="install PyTorch's build for ROCm; pytorch.org/get-started has its command",
    is_experimental=True,
)
VENDORS: Final = (NVIDIA, AMD)
"""All vendors; of those whose GPUs are there, the last one's are meant."""
