"""Plans timed on a GPU as a record: what is planned for it, and what plans and PyTorch took."""

from collections.abc import Sequence
from typing import Final

import msgspec

from resnext_bench.convs.plans.record import Order, planned
from resnext_bench.convs.times.cut import after, cut, kept_when_cut
from resnext_bench.convs.times.device_jobs import Begun, TimedPlan
from resnext_bench.convs.times.device_process import started
from resnext_bench.convs.times.device_timing import (
    Measured,
    Orders,
    SoFar,
    Start,
    Tell,
    time_on_device,
)
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.convs import WRONG, Convs, Plan, Problem, wrong_results
from resnext_bench.reports.schema.plan_times import DeviceMemory
from resnext_bench.resnext.devices import recognised

CUT: Final = "interrupted before it was timed"
"""Why a problem has no times where Ctrl-C ended the measurement."""


def timed_on_device(
    order: Order, orders: Orders, id: str, machine: Machine, tell: Tell, start: Start = started
) -> Convs:
    """Plan for the device that is here, time all plans, and return the record."""
    tell("listing plans", 0, sum(len(one.operations) for one in order.asked))
    record = planned(order, id, machine)
    asked = [(record.convolutions[one.convolution], one.operation) for one in record.problems]
    known = SoFar()

    def so_far() -> Convs | None:
        if known.begun is None or not known.found:
            return None
        found = known.of_each(len(asked), CUT)
        joined = _with_times(order, record, known.begun, found)
        return cut(joined, after(len(known.found), len(asked)))

    with kept_when_cut(so_far):
        begun, found = time_on_device(asked, orders, tell, start, known)
    return _with_times(order, record, begun, found)


def _with_times(order: Order, record: Convs, begun: Begun, found: Sequence[Measured]) -> Convs:
    problems = tuple(
        _joined(problem, one) for problem, one in zip(record.problems, found, strict=True)
    )
    why = _why(found)
    return msgspec.structs.replace(
        record,
        status="failed" if why else "ok",
        why=why,
        task="time",
        duration_s=order.seconds,
        device=msgspec.structs.replace(record.device, name=begun.device),
        libraries=record.libraries | {"torch": begun.torch},
        problems=problems,
        wrong=wrong_results(problems),
        memory=_memory(begun),
    )


def _why(found: Sequence[Measured]) -> str:
    if any(one.found for one in found):
        return ""
    return f"nothing could be timed: {found[0].why}" if found else "there is nothing to time"


def _memory(begun: Begun) -> DeviceMemory:
    known = recognised(begun.device)
    return DeviceMemory(
        cache_bytes=begun.cache_bytes,
        measured=begun.copy_bytes_per_s,
        documented=1e9 * known.gb_per_s if known else None,
    )


def _joined(problem: Problem, measured: Measured) -> Problem:
    """Return a problem with what was measured; plans are found again by their tags."""
    found = measured.found
    if found is None:
        return msgspec.structs.replace(problem, why=measured.why)
    by_tag = {plan.tag: plan for plan in found.plans}
    planned_ = {plan.tag for plan in problem.plans}
    more = [Plan(tag=one.tag, workspace=one.workspace) for one in found.plans]
    plans = (*problem.plans, *(one for one in more if one.tag not in planned_))
    return msgspec.structs.replace(
        problem,
        plans=tuple(_with(plan, by_tag.get(plan.tag)) for plan in plans),
        choices=found.choices,
        sets=found.sets,
        doubts=measured.gpus.invalid,
        remarks=measured.gpus.notes,
    )


def _with(plan: Plan, timed: TimedPlan | None) -> Plan:
    if timed is None:
        return plan
    times = timed.times
    is_false = not plan.excluded and times.is_false
    return msgspec.structs.replace(
        plan,
        workspace=timed.workspace if timed.workspace is not None else plan.workspace,
        notes=(*plan.notes, *([WRONG] if is_false else [])),
        samples_us=times.samples_us,
        warm_us=times.warm_us,
        error=times.error,
        kernel=times.kernel,
        kernels=times.kernels,
        faults=times.faults,
    )
