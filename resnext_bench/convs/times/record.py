"""Timed convolutions as a record: each layout, type and setting of a problem is a side."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from resnext_bench.convs.problems import Asked
from resnext_bench.convs.times.cut import after, cut, kept_when_cut
from resnext_bench.convs.times.sides import Facts, Setting, Timed, TimedSide
from resnext_bench.convs.times.timing import Tell, time_in_turn
from resnext_bench.machine.fingerprint import fingerprint
from resnext_bench.machine.host.cores import load_1min
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.convs import (
    Cap,
    Convolution,
    Convs,
    Plan,
    PlannedDevice,
    Problem,
    Timing,
    TorchSettings,
    wrong_results,
)
from resnext_bench.resnext.traffic import Dtype, Layout
from resnext_bench.version import own_version
from resnext_bench.wording import count_of

HERE: Final = "this machine"


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeOrder:
    """What is to be timed: each problem in all these types, layouts and settings."""

    model: str
    """The network's name; empty for a convolution that was given by hand."""
    asked: Sequence[Asked]
    dtypes: Sequence[Dtype]
    layouts: Sequence[Layout]
    settings: Sequence[Setting]
    rounds: int
    block_s: float
    threads: int | None
    """Threads that compute; None for as many as in a rank of `run`."""
    command: tuple[str, ...]
    started: float = field(default_factory=time.monotonic)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def groups(self) -> list[list[TimedSide]]:
        """Return the sides of each problem; the first is the one that others are compared with."""
        return [
            [
                TimedSide(
                    convolution=msgspec.structs.replace(
                        one.convolution, dtype=dtype, layout=layout
                    ),
                    operation=operation,
                    setting=setting,
                )
                for setting in self.settings
                for dtype in self.dtypes
                for layout in self.layouts
            ]
            for one in self.asked
            for operation in one.operations
        ]


def timed(order: TimeOrder, id: str, machine: Machine, tell: Tell) -> Convs:
    """Time all sides in turn on this machine's CPU, and return the record."""
    facts, load, groups = list[Facts](), load_1min(), order.groups()
    found: list[list[Timed]] = []

    def so_far() -> Convs | None:
        if not found:
            return None
        return cut(
            stored(order, id, machine, found, facts, load), _where(found, order, len(groups))
        )

    with kept_when_cut(so_far):
        time_in_turn(
            groups,
            rounds=order.rounds,
            block_s=order.block_s,
            threads=order.threads,
            tell=tell,
            learn=facts.append,
            so_far=found,
        )
    return stored(order, id, machine, found, facts, load)


def whole_groups(found: Sequence[list[Timed]], order: TimeOrder) -> list[list[Timed]]:
    """Return the groups without the last one, if that has a part of its rounds alone."""
    return list(found if rounds_of(found[-1:]) in (0, order.rounds) else found[:-1])


def rounds_of(found: Sequence[Sequence[Timed]]) -> int:
    """Return the most rounds that any side of some groups has."""
    return max((len(one.samples_us) for group in found for one in group), default=0)


def _where(found: Sequence[list[Timed]], order: TimeOrder, asked: int) -> str:
    """Say where it was interrupted; the last group may have a part of its rounds."""
    whole = len(whole_groups(found, order))
    if whole == len(found):
        return after(whole, asked)
    part = f"{rounds_of(found[-1:])} of {count_of(order.rounds, 'round')} of the next"
    return f"{after(whole, asked)}, and {part}"


def stored(
    order: TimeOrder,
    id: str,
    machine: Machine,
    found: Sequence[Sequence[Timed]],
    facts: Sequence[Facts],
    load: float | None,
) -> Convs:
    """Return the record of what was found of each group; `load` is the host's before."""
    return record_of(
        order,
        id,
        machine,
        found,
        device=machine.cpu_name,
        libraries=dict(_libraries(facts[0])),
        torch=facts[0].torch,
        timing=_timing(order, facts, load),
    )


def record_of(
    order: TimeOrder,
    id: str,
    machine: Machine,
    found: Sequence[Sequence[Timed]],
    *,
    device: str,
    libraries: dict[str, str],
    torch: str,
    timing: Timing,
    benchmark_limit: int = 0,
) -> Convs:
    """Return the record of what was found of each group on a device with these libraries."""
    flat = [one for group in found for one in group]
    convolutions = tuple(dict.fromkeys(one.side.convolution for one in flat))
    why = "" if any(one.samples_us for one in flat) else f"nothing could run: {flat[0].why}"
    problems = tuple(_problem(one, convolutions) for one in flat)
    return Convs(
        id=id,
        status="failed" if why else "ok",
        why=why,
        tool_version=own_version(),
        created=order.created.isoformat(timespec="seconds"),
        duration_s=round(time.monotonic() - order.started, 2),
        command=order.command,
        task="time",
        timing=timing,
        model=order.model,
        device=PlannedDevice(name=device, source=HERE, fields={}),
        libraries=libraries,
        settings=TorchSettings(
            torch=torch,
            benchmark_limit=benchmark_limit,
            deterministic=False,
            rules=0,
            rules_from="nowhere",
        ),
        convolutions=convolutions,
        problems=problems,
        wrong=wrong_results(problems),
        environment=fingerprint(machine, {}),
    )


def _libraries(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.has_onednn:
        yield "onednn", facts.onednn or "unknown"


def _timing(order: TimeOrder, facts: Sequence[Facts], load: float | None) -> Timing:
    return Timing(
        rounds=order.rounds,
        block_s=order.block_s,
        threads=facts[0].threads,
        load_1min=load,
        caps=tuple(Cap(isa=one.isa, uses=one.uses) for one in facts),
    )


def _problem(one: Timed, convolutions: Sequence[Convolution]) -> Problem:
    plan = Plan(
        tag=one.kernel,
        notes=one.notes,
        samples_us=one.samples_us,
        error=one.error,
        kernel=one.kernel,
        kernels=one.kernels,
        beside=one.beside,
    )
    return Problem(
        convolution=convolutions.index(one.side.convolution),
        operation=one.side.operation,
        plans=(plan,) if one.samples_us else (),
        setting=one.side.setting.words,
        why=one.why,
        sets=one.sets,
    )
