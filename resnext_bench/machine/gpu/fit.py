"""Whether a build of torch can compute on GPUs under their driver, and which build could."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.machine.gpu.driver import Driver
from resnext_bench.machine.gpu.torch_build import (
    Capability,
    Published,
    TorchBuild,
    build_for,
    least_driver,
)
from resnext_bench.machine.gpu.vendors import Vendor

Gpus = Mapping[Capability, str]
"""A name for each capability of the GPUs."""
OLDER_DALI: Final = "with the extra dali12 for DALI"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lack:
    """Why GPUs cannot be used, and what to do."""

    why: str
    advice: str
    command: str = ""
    """The command that installs what is lacking, where one does."""

    def __str__(self) -> str:
        """Return all in one sentence."""
        return f"{self.why}; {self.advice}{f': {self.command}' if self.command else ''}"


def torch_lack(build: TorchBuild, gpus: Gpus, driver: Driver) -> Lack | None:
    """Return why torch cannot compute on these GPUs, and what to install; None where it can."""
    reasons = list(_reasons(build, gpus, driver))
    if not reasons:
        return None
    why = f"torch {build.version} {', and '.join(reasons)}"
    return _with_advice(why, list(gpus), driver, build.cuda)


def vendor_lack(build: TorchBuild, gpus: Iterable[tuple[Vendor, str]]) -> Lack | None:
    """Return why torch cannot compute on these GPUs, vendors with names; None where it can.

    GPUs with a compute capability are left to `torch_lack`, which knows more of them.
    """
    names: dict[Vendor, set[str]] = {}
    for vendor, name in gpus:
        if not vendor.has_capability:
            names.setdefault(vendor, set()).add(name)
    for vendor, there in names.items():
        if not build.release(vendor):
            made = f"for {build.made_for}" if build.made_for else f"without {vendor.platform}"
            told = " and ".join(sorted(there))
            return Lack(
                why=f"torch {build.version} is built {made} and cannot use {told}",
                advice=vendor.install,
            )
    return None


def _reasons(build: TorchBuild, gpus: Gpus, driver: Driver) -> Iterator[str]:
    if build.cuda is None:
        if driver.cuda is not None or not build.made_for:  # else they are those it is made for
            made = f"for {build.made_for}" if build.made_for else "without CUDA"
            yield f"is built {made} and cannot use {_named(gpus)}"
        return
    if unserved := {one: name for one, name in gpus.items() if not build.runs_on(one)}:
        has = ", ".join(f"{one.capability[0]}.{one.capability[1]}" for one in build.architectures)
        yield f"has no kernels for {_named(unserved)}, only for {has}"
    if driver.cuda is not None and driver.cuda[0] < build.cuda[0]:
        least = least_driver(build.cuda[0])
        needed = f"CUDA {build.cuda[0]}" + (f" ({least} or newer)" if least else "")
        there = ".".join(map(str, driver.cuda))
        yield f"needs a driver for {needed}, but driver {driver.version} supports CUDA {there}"


def _named(gpus: Gpus) -> str:
    """Name GPUs with their capabilities."""
    return " and ".join(
        f"{name or 'a GPU'} (capability {major}.{minor})" for (major, minor), name in gpus.items()
    )


def _with_advice(
    why: str, gpus: Sequence[Capability], driver: Driver, cuda: tuple[int, int] | None
) -> Lack:
    """Say which build serves these GPUs under this driver, or under a newer one."""
    newest = build_for(gpus, None)
    now = build_for(gpus, driver.cuda[0] if driver.cuda else None)
    if newest is None:
        return Lack(why=why, advice="no build of PyTorch 2.11 or later has kernels for all of them")
    update = f"update the driver to {least_driver(newest.cuda)} or newer"
    if now is None:
        return Lack(why=why, advice=f"{update}, then install", command=newest.command)
    install = f"install a build for CUDA {now.cuda}{_for_dali(now)}"
    if now is newest:
        return Lack(why=why, advice=install, command=now.command)
    compat = _compat(cuda)
    return Lack(why=why, advice=f"{update}{compat}, or {install}", command=now.command)


def _for_dali(build: Published) -> str:
    return f" ({OLDER_DALI})" if build.cuda == 12 else ""


def _compat(cuda: tuple[int, int] | None) -> str:
    """Name NVIDIA's package that runs newer CUDA on the older drivers of data-centre GPUs."""
    return f", on data-centre GPUs perhaps cuda-compat-{cuda[0]}-{cuda[1]} instead" if cuda else ""
