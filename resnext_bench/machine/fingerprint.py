"""Describes the machine and software of a run, by allow-list and without credentials."""

import os
import platform
import re
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from resnext_bench.machine.gpu.boards import read_boards
from resnext_bench.machine.host.sources import here
from resnext_bench.machine.host.virtual import container, hypervisor
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.record import Environment

VARIABLES: Final = re.compile(
    r"(OMP|MKL|KMP|GOMP|ONEDNN|DNNL|ATEN|TORCH|PYTORCH|NCCL|GLOO|CUDA|CUDNN|CUBLAS|NVIDIA|DALI"
    r"|TORCHINDUCTOR|TORCHDYNAMO|TRITON|UCX|FI|NVSHMEM)_[A-Z0-9_]+"
    # Parameters of Open MPI are in small letters. Those of its launcher and of a job (where its
    # daemons listen, with which key) change nothing but with each job.
    r"|OMPI_MCA_(?!(orte|prte|prrte|plm|ess|pmix|mca_base_env|initial_wdir|shmem_RUNTIME))[A-Za-z0-9_]+"
    r"|SLURM_(JOB_ID|NNODES|NTASKS|CPUS_PER_TASK)|LD_PRELOAD|GLIBC_TUNABLES|MALLOC_[A-Z_]+"
)
"""Names of variables that change speed."""
_SECRET_WORDS: Final = "TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|_KEY"
_SECRET: Final = re.compile(_SECRET_WORDS, re.IGNORECASE)
_SECRET_VALUE: Final = re.compile(rf"((?:{_SECRET_WORDS})\w*\s*[=:]\s*)[^\s,;&]+", re.IGNORECASE)
"""A secret among settings: `host=a,password=b`."""
LEFT_OUT: Final = "(left out)"
_PACKAGES: Final = (
    *("torch", "torchvision", "timm", "numpy", "deepspeed", "triton"),
    *("nvidia-dali-cuda130", "nvidia-dali-cuda120", "nvidia-cudnn-frontend"),
    *("nvidia-cudnn-cu13", "nvidia-nccl-cu13", "nvidia-cublas", "nvidia-cuda-runtime"),
    *("nvidia-cudnn-cu12", "nvidia-nccl-cu12", "nvidia-cublas-cu12", "nvidia-cuda-runtime-cu12"),
)
"""Packages to record; torch for CUDA 12 and 13 names its libraries differently."""


def fingerprint(
    machine: Machine, worker_versions: dict[str, str], folder: Path | None = None
) -> Environment:
    """Return what could change a number, as far as it is known without torch.

    `folder` lies in the checkout to describe; the default is the current folder.
    """
    installed = {name: found for name in _PACKAGES if (found := _version(name))}
    driver, boards = read_boards()
    sources = here()
    return Environment(
        host=platform.node(),
        cpu=machine.cpu_name,
        cores=machine.usable_cores,
        memory_gib=round(machine.memory_gib, 1),
        gpus=tuple(gpu.name for gpu in machine.gpus),
        kernel=platform.release(),
        python=platform.python_version(),
        versions=installed | driver | worker_versions,
        variables=_variables(),
        git=_git(folder or Path.cwd()),
        boards=boards,
        hypervisor=hypervisor(sources),
        container=container(sources),
    )


def _variables() -> dict[str, str]:
    return {
        name: without_secrets(value)
        for name, value in sorted(os.environ.items())
        if changes_speed(name)
    }


def changes_speed(name: str) -> bool:
    """Return whether a variable of this name belongs in a record."""
    return bool(VARIABLES.fullmatch(name)) and not _SECRET.search(name)


def without_secrets(value: str) -> str:
    """Return a variable's value without credentials of an address, and without named secrets.

    Caches on other hosts are given as addresses, which may hold a password.
    """
    return _SECRET_VALUE.sub(rf"\1{LEFT_OUT}", without_credentials(value))


@cache  # reading what is installed takes milliseconds a package, and each session asks
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _git(folder: Path) -> dict[str, str] | None:
    """Return the state of the user's checkout, if the current folder is in one."""
    if shutil.which("git") is None:
        return None
    told = _ask_git(folder, "status", "--porcelain=v2", "--branch", "-uno").splitlines()
    about = dict(line[2:].split(" ", 1) for line in told if line.startswith("# "))
    commit, branch = about.get("branch.oid", ""), about.get("branch.head", "")
    if not commit or commit == "(initial)":
        return None
    state = {
        "commit": commit,
        "branch": "" if branch == "(detached)" else branch,
        "remote": without_credentials(_ask_git(folder, "remote", "get-url", "origin")),
        "dirty": str(any(not line.startswith("#") for line in told)).lower(),
    }
    return {name: value for name, value in state.items() if value}


def _ask_git(folder: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            ("git", "-C", str(folder), *arguments),
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def without_credentials(remote: str) -> str:
    """Strip user, password or token from a URL: `https://u:p@host/x` → `https://host/x`."""
    return re.sub(r"(?<=://)[^/]*@", "", remote)
