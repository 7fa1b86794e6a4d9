"""Says in words what a driver did not answer, and what to do."""

from typing import Final

from resnext_bench.machine.gpu.facts import LeftOut, Silence, SilenceCause
from resnext_bench.machine.gpu.naming import Misnamed, WhyMisnamed
from resnext_bench.machine.gpu.presence import Presence

_ADVICE: Final[dict[SilenceCause, str]] = {
    "not installed": "install {package}",
    "no library": "{vendor.no_library}",
    "no driver": "load the driver's kernel module, or install the driver",
    "mismatch": "the driver was updated while it was in use: restart the machine",
    "no permission": "give this user access to the device nodes ({vendor.access})",
    "failed": "see what {vendor.tool} says",
}
_MISNAMED: Final[dict[WhyMisnamed, str]] = {
    "unknown": "no GPU here has the name {name}",
    "ambiguous": "{name} is the beginning of several UUIDs",
    "repeated": "{name} names a GPU for the second time",
    "another kind": "{name} stands beside names of another kind, and numbers and UUIDs do not mix",
}
MISNAMED_ADVICE: Final = "name each GPU once, by number or by UUID"


def silence_of(silences: tuple[Silence, ...], presence: Presence) -> Silence | None:
    """Return the silence that matters: that of the vendor whose GPU is there."""
    return next((one for one in silences if one.vendor == presence.vendor), None)


def silence_words(silence: Silence) -> str:
    """Return which library cannot be asked, and its message."""
    said = silence.said.rstrip(".")
    return said if said.startswith(silence.library) else f"{silence.library}: {said}"


def silence_advice(silence: Silence) -> str:
    """Return what to do so that a library can be asked."""
    return _ADVICE[silence.cause].format(package=silence.package, vendor=silence.vendor)


def left_out_words(one: LeftOut) -> str:
    """Return why a board is no device here."""
    said = f" ({one.said})" if one.said else ""
    if one.why == "denied":
        return f"GPU {one.index} is not this program's{said}"
    return f"GPU {one.index} is in MIG mode and has no slice for this program{said}"


def left_out_advice(one: LeftOut) -> str:
    """Return what to do so that a board is a device here."""
    if one.why == "denied":
        return "ask for it where GPUs are given out"
    return "create a slice (nvidia-smi mig -cgi … -C), or switch MIG off (nvidia-smi -mig 0)"


def misnamed_words(one: Misnamed) -> str:
    """Return which variable names GPUs wrongly, and what becomes of its list."""
    shown = "no GPU at all is visible" if one.why == "repeated" else "the list ends there"
    return f"{one.variable}={one.value}: {_MISNAMED[one.why].format(name=one.name)}, so {shown}"
