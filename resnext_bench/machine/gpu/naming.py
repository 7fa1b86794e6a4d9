"""Names of GPUs in CUDA_VISIBLE_DEVICES and its like, and by which rules they are read.

Names are indices, or UUIDs or their beginnings. The first that names no GPU ends the list, as does
one of another kind than the first; a GPU that is named twice leaves none (CUDA programming guide,
environment variables, and torch.cuda, which counts by these rules too).
"""

import os
from dataclasses import dataclass
from typing import Final, Literal

from resnext_bench.machine.gpu.vendors import CUDA, Vendor

_NO_DEVICE: Final = ("", "NoDevFiles")
"""Names that are meant to name none; the second is Slurm's for a job without GPUs."""

WhyMisnamed = Literal["unknown", "ambiguous", "repeated", "another kind"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Misnamed:
    """The name in a variable at which its list of GPUs ends although more was meant."""

    variable: str
    value: str
    name: str
    why: WhyMisnamed


def names_in(variable: str = CUDA) -> list[str] | None:
    """Return the names in a variable; None where it is not set."""
    value = os.environ.get(variable)
    return None if value is None else [name.strip() for name in value.split(",")]


def is_end(name: str) -> bool:
    """Return whether a name ends the list on purpose: nothing, or a negative number."""
    return name in _NO_DEVICE or (name.startswith("-") and name[1:].isdigit())


def hides_all(variable: str = CUDA) -> bool:
    """Return whether the user lets no GPU be seen."""
    names = names_in(variable)
    return names is not None and is_end(names[0])


def hiding(*vendors: Vendor) -> str:
    """Return the variable, with its value, that hides all GPUs; empty where none does."""
    variables = dict.fromkeys(one for vendor in vendors for one in vendor.variables)
    return next((f"{one}={os.environ[one]}" for one in variables if hides_all(one)), "")


def is_other_kind(name: str, first: str) -> bool:
    """Return whether one is an index and the other a board's UUID.

    Slices may stand beside both: each rank sees its own device alone, by its UUID.
    """
    return {name.isdigit(), first.isdigit()} == {True, False} and not any(
        one.startswith("MIG-") for one in (name, first)
    )


def misnamed(variable: str, name: str, why: WhyMisnamed) -> Misnamed:
    """Return that this name in a variable is wrong."""
    return Misnamed(variable=variable, value=os.environ.get(variable, ""), name=name, why=why)
