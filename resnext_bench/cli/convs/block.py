"""`convs block`: writes a file of rules with which PyTorch takes no plan of an engine."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resnext_bench.cli.convs.asking import device_of, operations_of
from resnext_bench.cli.terminal.outcome import ANSWERS, say, waiting_for
from resnext_bench.config.errata import FLAG
from resnext_bench.convs.plans.block import parsed, rules_for, text_of
from resnext_bench.convs.plans.device_names import DEFAULT
from resnext_bench.convs.plans.devices import capability_of
from resnext_bench.convs.plans.errata import Errata, errata
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.convs import OPERATIONS
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.wording import count_of


def block_command(given: Mapping[str, Any]) -> int:
    """Write the rules to a file, or to standard output."""
    blocked = [parsed(one) for one in given["engines"]]
    operations = operations_of(given["operation"])
    capability, of_what = _capability(given)
    found = errata(capability)
    data = text_of(found.raw, rules_for(blocked, operations))
    path: Path | None = given["output"]
    if path is None:
        sys.stdout.write(data.decode())
    else:
        write_atomically(path, data)
    names = ", ".join(one.words for one in blocked)
    _tell(path, found, of_what, f"{names} in {_told(operations)}")
    return 0


def _capability(given: Mapping[str, Any]) -> tuple[int, str]:
    """Return the compute capability for which rules are kept, and what has it."""
    if not given["device"] and not given["device_description"]:
        with waiting_for(ANSWERS):
            gpus = inspect().gpus
        if gpus and gpus[0].capability:
            major, minor = gpus[0].capability
            return 10 * major + minor, f"{gpus[0].name} here"
    device = device_of(given)
    is_default = not given["device"] and not given["device_description"]
    why = f" (no NVIDIA GPU here: --device {DEFAULT})" if is_default else ""
    return capability_of(device), f"{device.name}{why}"


def _told(operations: Sequence[str]) -> str:
    return "all operations" if len(operations) == len(OPERATIONS) else f"the {operations[0]}"


def _tell(path: Path | None, found: Errata, of_what: str, blocked: str) -> None:
    source = f"torch {found.torch}" if found.source == "torch" else found.source
    if source == "nowhere":
        kept = "none of PyTorch's own rules, as torch is not installed here"
    else:
        kept = f"{count_of(len(found.raw), 'rule')} of {source} for {of_what}"
    named = path or "the rules"
    say(f"{named}: block {blocked}; kept: {kept}")
    say(f'measure it on a GPU: resnext-bench compare --a "" --b "{FLAG} {path or "FILE"}"')
