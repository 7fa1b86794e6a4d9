"""Plans of convolutions as a record: what cuDNN lists, and what PyTorch would take of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from resnext_bench.convs.plans.choice import Settings, judged, with_transposes
from resnext_bench.convs.plans.devices import capability_of
from resnext_bench.convs.plans.errata import Errata, errata
from resnext_bench.convs.plans.planning import Planned, plan
from resnext_bench.convs.problems import Asked
from resnext_bench.machine.fingerprint import fingerprint
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.convs import Convs, PlannedDevice, Problem, TorchSettings
from resnext_bench.version import own_version


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be planned, and under which settings of PyTorch."""

    model: str
    """The network's name; empty for a convolution that was given by hand."""
    image_size: int = 0
    """Side of the images of a network of ours; 0 for others."""
    asked: Sequence[Asked]
    device: PlannedDevice
    benchmark_limit: int
    deterministic: bool
    errata: Path | None = None
    """The user's file of rules that block engines; None for those that hold here."""
    command: tuple[str, ...]
    started: float = field(default_factory=time.monotonic)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def seconds(self) -> float:
        """Seconds since it was given."""
        return round(time.monotonic() - self.started, 2)


def planned(order: Order, id: str, machine: Machine) -> Convs:
    """Ask cuDNN, and return the record."""
    blocked = errata(capability_of(order.device), order.errata)
    found = plan(order.asked, order.device.fields)
    return Convs(
        id=id,
        status="ok" if any(one.plans for one in found.problems) else "failed",
        why=_why(found),
        tool_version=own_version(),
        created=order.created.isoformat(timespec="seconds"),
        duration_s=order.seconds,
        command=order.command,
        model=order.model,
        image_size=order.image_size,
        device=order.device,
        libraries={"cudnn": version_words(found.cudnn), "cudnn-frontend": found.frontend},
        settings=_settings(order, blocked, found.cudnn),
        convolutions=tuple(one.convolution for one in order.asked),
        problems=_problems(order, found, blocked),
        environment=fingerprint(machine, {}),
    )


def _why(found: Planned) -> str:
    if any(one.plans for one in found.problems):
        return ""
    return f"cuDNN has no plan: {found.problems[0].why or 'it gives no reason'}"


def version_words(number: int) -> str:
    """Return a version of cuDNN as its makers write it: 9.26.0 for 92600."""
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"


def _settings(order: Order, blocked: Errata, cudnn: int) -> TorchSettings:
    return TorchSettings(
        torch=blocked.torch,
        benchmark_limit=order.benchmark_limit,
        deterministic=order.deterministic,
        rules=len(blocked.holding(cudnn)),
        rules_from=blocked.source,
    )


def _problems(order: Order, found: Planned, blocked: Errata) -> tuple[Problem, ...]:
    rules = blocked.holding(found.cudnn)

    def complete(problem: Problem, others: int) -> Problem:
        conv = order.asked[problem.convolution].convolution
        settings = Settings(
            operation=problem.operation,
            dtype=conv.dtype,
            deterministic=order.deterministic,
            rules=rules,
        )
        least = conv.smaller_map_bytes // 2
        plans = with_transposes(problem.plans, found.others[others], least)
        return msgspec.structs.replace(problem, plans=judged(plans, settings))

    return tuple(complete(problem, at) for at, problem in enumerate(found.problems))
