"""Descriptions of GPUs that are not here, for which cuDNN can plan: ours, or in a user's file."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.convs.plans.device_names import DEFAULT, FILE
from resnext_bench.errors import UsageError
from resnext_bench.reports.schema.convs import PlannedDevice
from resnext_bench.wording import nearest

Fields = dict[str, Any]

ASSUMED: Final = "assumed"
"""The source of a field that no document states."""
_NOT_NEEDED: Final = ("smCountOrigin", "oversizedSharedMemoryPerBlock", "memoryBusWidth")
"""Fields that cuDNN 9.26 does without."""
_NAMED: Final = 4
"""Most fields that are named where something is wrong with them."""
_NEEDED: Final = ("deviceName", "deviceVer", "multiProcessorCount")
"""Fields without which a file is no description; the library asks for the others itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """A device as it is described here, field by field."""

    key: str
    fields: Fields
    sources: dict[str, str]
    """Where each field is from."""
    decisive: tuple[str, ...]
    """Assumed fields that change plans or their workspaces."""

    @property
    def assumed(self) -> tuple[str, ...]:
        """Fields that no document states."""
        return tuple(name for name, source in self.sources.items() if source == ASSUMED)

    def planned(self) -> PlannedDevice:
        """Return what a record keeps of it."""
        return PlannedDevice(
            name=str(self.fields["deviceName"]),
            source=self.key,
            fields=self.fields,
            assumed=self.assumed,
            decisive=self.decisive,
        )


@cache
def _shipped() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def keys() -> tuple[str, ...]:
    """Return the keys of the devices that are described here."""
    return tuple(_shipped()["device"])


def described(key: str) -> Described:
    """Return a shipped description, or raise UsageError."""
    data = _shipped()
    if key.lower() not in data["device"]:
        near = nearest(key.lower(), keys())
        hint = f"did you mean {near}? " if near else ""
        raise UsageError(
            f"--device {key}: {hint}described are {', '.join(keys())}; for another give "
            "--device-description FILE, which --save-device writes on a machine that has it"
        )
    own = data["device"][key.lower()]
    told = data["every"] | own["fields"]
    return Described(
        key=key.lower(),
        fields={name: value for name, (value, _) in told.items()},
        sources={name: data["sources"].get(source, source) for name, (_, source) in told.items()},
        decisive=tuple(own.get("decisive", ())),
    )


def from_file(path: Path) -> PlannedDevice:
    """Return the description in a user's file, as cuDNN's frontend writes it."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--device-description {path}: {why}; name a JSON file that --save-device wrote"
        ) from error
    missing = [name for name in _NEEDED if not isinstance(fields, dict) or name not in fields]
    if missing:
        raise UsageError(
            f"--device-description {path}: it has no {', '.join(missing)}; name a JSON file that "
            "--save-device wrote"
        )
    try:
        fields = msgspec.convert(fields, dict[str, int | str | list[int]])
    except msgspec.ValidationError as error:
        odd = next((name for name, value in fields.items() if not _can_be_kept(value)), "a field")
        raise UsageError(
            f"--device-description {path}: {odd} is {json.dumps(fields.get(odd))[:40]}; fields are "
            "whole numbers, texts, or lists of whole numbers, as --save-device writes them"
        ) from error
    if not isinstance(fields["deviceVer"], int) or fields["deviceVer"] < 0:
        raise UsageError(
            f"--device-description {path}: deviceVer is {fields['deviceVer']!r}; a number such as "
            "900 is needed, for compute capability 9.0"
        )
    return PlannedDevice(name=str(fields["deviceName"]), source=str(path), fields=fields)


def _can_be_kept(value: object) -> bool:
    """Return whether a record can hold the value of a field."""
    numbers = value if isinstance(value, list) else [value]
    return isinstance(value, str) or all(type(one) is int for one in numbers)


def odd_fields(fields: Mapping[str, object]) -> str:
    """Say how a description differs from those here: fields that it lacks, or of another type.

    Empty where it does not. A library may need less, so that this explains a refusal alone.
    """
    ours = described(DEFAULT).fields
    lacks = [name for name in ours if name not in fields and name not in _NOT_NEEDED]
    odd = [name for name, value in fields.items() if type(value) is not type(ours.get(name, value))]
    found = {"it has no": lacks, "of another type than it should be is": odd}
    return "; ".join(f"{words} {_some(names)}" for words, names in found.items() if names)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def capability_of(device: PlannedDevice) -> int:
    """Return its compute capability: 90 for 9.0."""
    return int(str(device.fields["deviceVer"])) // 10
