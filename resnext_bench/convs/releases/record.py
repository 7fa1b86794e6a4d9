"""Plans of convolutions over releases of cuDNN as a record, and the lists as a file beside it."""

import gzip
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import msgspec

from resnext_bench.convs.plans.devices import capability_of
from resnext_bench.convs.plans.errata import Errata, errata
from resnext_bench.convs.problems import Asked
from resnext_bench.convs.releases.environments import FRONTEND, Environments
from resnext_bench.convs.releases.index import Wanted, numbers, releases
from resnext_bench.convs.releases.listing import Target, listed
from resnext_bench.convs.releases.shipped import torch_with
from resnext_bench.convs.times.cut import after, cut, kept_when_cut
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.fingerprint import fingerprint
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.convs import PlannedDevice, TorchSettings
from resnext_bench.reports.schema.releases import Listed, Release, ReleaseLists, Releases
from resnext_bench.reports.store.release_lists import histories, packed
from resnext_bench.version import own_version

LISTS: Final = "plans.json.gz"
"""The file with all lists."""
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be planned with which releases, and under which settings of PyTorch."""

    model: str
    """The network's name; empty for a convolution that was given by hand."""
    asked: Sequence[Asked]
    device: PlannedDevice
    wanted: Wanted
    removes: bool
    """Whether each environment is removed once it was asked."""
    benchmark_limit: int
    deterministic: bool
    command: tuple[str, ...]
    started: float = field(default_factory=time.monotonic)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


def over_releases(
    order: Order, machine: Machine, environments: Environments, tell: Tell, found: Listed
) -> Releases:
    """Ask each release in turn; one that fails is told, and the others go on.

    `found` collects their lists. Raises Interrupted with the record of the releases that were
    asked, where one of them gave a list.
    """
    versions, missing = releases(order.wanted)
    if not versions:  # of those that were named there is none: nothing to ask, or to keep
        raise UsageError(_none_of(order.wanted))
    environments.require_room(versions, removed=order.removes)
    asked = [Release(version=one, why=why) for one, why in missing]
    blocked = errata(capability_of(order.device))
    target = Target(fields=order.device.fields, blocked=blocked, deterministic=order.deterministic)

    def so_far() -> Releases | None:
        record = _record(order, machine, blocked, asked, found)
        return cut(record, after(len(found), len(versions), "release")) if found else None

    with kept_when_cut(so_far):
        for version in one_by_one(versions, environments, tell, removes=order.removes):
            torch = torch_with(version, order.wanted.cuda)
            try:
                answer = listed(version, order.asked, [target], environments)
            except CannotHere as error:
                asked.append(Release(version=version, why=str(error), torch=torch))
                tell(f"cuDNN {version}: {error}")
                continue
            asked.append(Release(version=version, seconds=answer.seconds, torch=torch))
            found[version] = answer.problems[0]
    return _record(order, machine, blocked, asked, found)


def _record(
    order: Order, machine: Machine, blocked: Errata, asked: Sequence[Release], found: Listed
) -> Releases:
    rules = {rule for one in found for rule in blocked.holding(_number(one))}
    return Releases(
        id="",
        status="ok" if found else "failed",
        why="" if found else f"no release of cuDNN gave a list: {_last(asked)}",
        tool_version=own_version(),
        created=order.created.isoformat(timespec="seconds"),
        duration_s=round(time.monotonic() - order.started, 2),
        command=order.command,
        model=order.model,
        device=order.device,
        cuda=order.wanted.cuda,
        frontend=FRONTEND,
        settings=TorchSettings(
            torch=blocked.torch,
            benchmark_limit=order.benchmark_limit,
            deterministic=order.deterministic,
            rules=len(rules),
            rules_from=blocked.source,
        ),
        convolutions=tuple(one.convolution for one in order.asked),
        releases=tuple(sorted(asked, key=lambda one: numbers(one.version))),
        histories=histories(found, order.benchmark_limit),
        environment=fingerprint(machine, {}),
    )


def _none_of(wanted: Wanted) -> str:
    """Say that no release is there that was named, and which there are."""
    named = ", ".join(wanted.named)
    there, _ = releases(replace(wanted, named=()))
    return (
        f"--cudnn {named}: the package index has no such {wanted.package} for this machine; from "
        f"{wanted.oldest} on it has {', '.join(there)}"
    )


def one_by_one(
    versions: Sequence[str], environments: Environments, tell: Tell, *, removes: bool
) -> Iterator[str]:
    """Yield each release, with a word on what is installed; remove it afterwards if so wanted."""
    try:
        for place, version in enumerate(versions, 1):
            if not environments.has(version):
                tell(f"cuDNN {version}: installing, {place} of {len(versions)}")
            try:
                yield version
            finally:
                if removes:
                    environments.remove(version)
    finally:
        if removes:
            environments.remove_shared()


def compressed(found: Listed) -> bytes:
    """Return the content of the file beside the record, the same for the same lists."""
    return gzip.compress(msgspec.json.encode(packed(found)), mtime=0)


def decompressed(data: bytes) -> ReleaseLists:
    """Return the lists from the content of that file."""
    return msgspec.json.decode(gzip.decompress(data), type=ReleaseLists)


def _last(asked: Sequence[Release]) -> str:
    return asked[-1].why if asked else "none was asked"


def _number(version: str) -> int:
    """Return a version as cuDNN counts it: 92801 for 9.28.1.4."""
    major, minor, patch = map(int, version.split(".")[:3])
    return major * 10_000 + minor * 100 + patch
