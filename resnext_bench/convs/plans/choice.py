"""Which plans PyTorch takes, in its order, from the list that cuDNN gives.

Without cuDNN benchmark it takes the first that runs; with it, it times the first so many that run
once each, and takes the fastest. Plans are left out beforehand by their notes and by rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from resnext_bench.config.errata import Rule
from resnext_bench.reports.schema.convs import Excluded, Plan
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What decides which plans PyTorch takes for a problem."""

    operation: Operation
    dtype: Dtype
    deterministic: bool
    rules: Sequence[Rule]


def excluded(plan: Plan, settings: Settings) -> Excluded:
    """Return why PyTorch does not take a plan; empty where it does."""
    if plan.workspace is None:
        return "unbuilt"
    if "down_convert_inputs" in plan.notes:
        return "down_convert"
    if settings.dtype == "fp32" and "tensor_core" in plan.notes:
        return "tf32"
    if settings.deterministic and "nondeterministic" in plan.notes:
        return "deterministic"
    if any(rule.blocks(settings.operation, plan.tag) for rule in settings.rules):
        return "errata"
    return ""


def judged(plans: Sequence[Plan], settings: Settings) -> tuple[Plan, ...]:
    """Return the plans, each with the reason why PyTorch does not take it."""
    return tuple(msgspec.structs.replace(plan, excluded=excluded(plan, settings)) for plan in plans)


def with_transposes(
    plans: Sequence[Plan], others: Sequence[Plan], least_bytes: int
) -> tuple[Plan, ...]:
    """Return the plans with what each needs more than the same one does in the other layout.

    A difference of less than `least_bytes` is no copy of a feature map.
    """
    known = {other.tag: other.workspace for other in others}

    def surplus(plan: Plan) -> int:
        other = known.get(plan.tag)
        if plan.workspace is None or other is None:
            return 0
        more = plan.workspace - other
        return more if more >= least_bytes else 0

    return tuple(msgspec.structs.replace(plan, transposes=surplus(plan)) for plan in plans)
