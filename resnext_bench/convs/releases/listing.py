"""Asks a release of cuDNN for its plans, for several devices, in the release's own environment."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resnext_bench.convs.plans.choice import Settings, judged
from resnext_bench.convs.plans.errata import Errata
from resnext_bench.convs.plans.planning import ask, question
from resnext_bench.convs.problems import Asked
from resnext_bench.convs.releases.environments import Environments
from resnext_bench.errors import CannotHere
from resnext_bench.reports.schema.convs import Problem

DECISIVE: Final = ("DOWN_CONVERT_INPUTS", "TENSOR_CORE", "NONDETERMINISTIC")
"""Notes for which PyTorch leaves plans out; each one costs a second list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A device as it is described, and what PyTorch blocks on it."""

    fields: Mapping[str, Any]
    blocked: Errata
    deterministic: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OfARelease:
    """What a release lists."""

    cudnn: int
    """Its version as it answered: 92801."""
    frontend: str
    problems: tuple[tuple[Problem, ...], ...]
    """By device."""
    seconds: float


def listed(
    release: str, asked: Sequence[Asked], targets: Sequence[Target], environments: Environments
) -> OfARelease:
    """Return the plans of all operations for each device.

    Raises CannotHere where the release cannot be installed, or has no plan for anything.
    """
    place = environments.place(release)
    pairs = [(at, one) for at, each in enumerate(asked) for one in each.operations]
    started = time.monotonic()
    found = ask(
        {
            "preload": environments.preloaded(),
            "devices": [dict(target.fields) for target in targets],
            "problems": [
                question(asked[at].convolution, operation) | {"device": device, "notes": DECISIVE}
                for device, _ in enumerate(targets)
                for at, operation in pairs
            ],
        },
        place,
    )
    if not any(one.plans for one in found.problems):
        why = next((one.why for one in found.problems if one.why), "it gives no reason")
        raise CannotHere(f"cuDNN has no plan: {why}")
    answers = iter(found.problems)
    return OfARelease(
        cudnn=found.cudnn,
        frontend=found.frontend,
        problems=tuple(
            tuple(
                Problem(
                    convolution=at,
                    operation=operation,
                    plans=judged(one.plans, _settings(asked[at], operation, target, found.cudnn)),
                    why=one.why,
                )
                for (at, operation), one in zip(pairs, answers, strict=False)
            )
            for target in targets
        ),
        seconds=round(time.monotonic() - started, 2),
    )


def _settings(asked: Asked, operation: Any, target: Target, cudnn: int) -> Settings:
    return Settings(
        operation=operation,
        dtype=asked.convolution.dtype,
        deterministic=target.deterministic,
        rules=target.blocked.holding(cudnn),
    )
