"""The kind of record that `convs` writes: how it is listed and queried, what stands beside it."""

from collections.abc import Iterator
from typing import Final

import msgspec

from resnext_bench.reports.schema.convs import Convs, Plan
from resnext_bench.reports.schema.kind import (
    FINE,
    Bulk,
    Columns,
    Kind,
    Listing,
    Outcome,
    Raw,
    Row,
    Table,
)
from resnext_bench.reports.schema.layouts import LayoutRow, OtherRow, layout_columns, layout_rows
from resnext_bench.reports.schema.plan_times import TorchChoice


def _listing(record: Convs) -> Listing:
    return Listing(word=record.status, what=record.kind)


def _outcomes(record: Convs) -> frozenset[Outcome]:
    if record.status == "failed":
        return frozenset({"failed"})
    if record.status == "invalid":
        return frozenset({"invalid"})
    return frozenset({"invalid"}) if record.wrong else FINE


def _row(record: Convs) -> Row:
    return {"model": record.model, "device_name": record.device.name}


def _plan_columns() -> Columns:
    return {
        **dict.fromkeys(_TEXTS, str),
        "count": int,
        "images": tuple[int, ...],
        **dict.fromkeys(("filters", "groups"), int),
        **dict.fromkeys(("kernel_size", "stride", "padding", "dilation"), tuple[int, ...]),
        **dict.fromkeys(("dtype", "layout", "plan"), str),
        **dict.fromkeys(("rank", "engine", "candidate", "workspace", "transposes"), int),
        **dict.fromkeys(("source", "excluded"), str),
        **dict.fromkeys(("notes", "faults"), tuple[str, ...]),
        **dict.fromkeys(("samples", "warm"), tuple[float, ...]),
        **dict.fromkeys(("error", "beside"), float),
        "kernel": str,
    }


def _plan_rows(record: Convs) -> Iterator[Row]:
    for problem in record.problems:
        conv = record.convolutions[problem.convolution]
        shared = {
            "run": record.id,
            "model": record.model,
            "device": record.device.name,
            "cudnn": record.libraries.get("cudnn"),
            "problem": f"{conv.layers[0]} {problem.operation}",
            "layer": conv.layers[0],
            "operation": problem.operation,
            "setting": problem.setting,
            "count": len(conv.layers),
            "kernel_size": conv.kernel,
            **{name: getattr(conv, name) for name in _OF_A_CONVOLUTION},
        }
        place = 0
        for rank, plan in enumerate(problem.plans, 1):
            place += not plan.excluded
            yield {
                **shared,
                "plan": plan.tag,
                "rank": rank,
                "engine": plan.engine,
                "candidate": None if plan.excluded else place,
                "samples": plan.samples_us,
                "warm": plan.warm_us,
                "faults": tuple(fault.kind for fault in plan.faults),
                **{name: getattr(plan, name) for name in _OF_A_PLAN},
            }


class Measured(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands beside the record of a problem: dozens of plans, each with its samples."""

    plans: tuple[Plan, ...]
    choices: tuple[TorchChoice, ...] = ()


class Beside(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The long part of a record."""

    problems: tuple[Measured, ...]
    """In the order of the record."""
    rows: tuple[LayoutRow, ...] = ()
    others: tuple[OtherRow, ...] = ()


def _beside(record: Convs) -> Beside:
    found = record.layouts
    return Beside(
        problems=tuple(Measured(plans=one.plans, choices=one.choices) for one in record.problems),
        rows=found.rows if found else (),
        others=found.others if found else (),
    )


def _alone(record: Convs) -> Convs:
    return _joined(record, Beside(problems=(Measured(plans=()),) * len(record.problems)))


def _joined(record: Convs, part: Beside) -> Convs:
    problems = (
        msgspec.structs.replace(problem, plans=own.plans, choices=own.choices)
        for problem, own in zip(record.problems, part.problems, strict=True)
    )
    layouts = record.layouts and msgspec.structs.replace(
        record.layouts, rows=part.rows, others=part.others
    )
    return msgspec.structs.replace(record, problems=tuple(problems), layouts=layouts)


def _from_version_1(raw: Raw) -> Raw:
    """In version 1 a record held its plans itself, as it still may."""
    return raw | {"version": 2}


def _layout_rows(record: Convs) -> Iterator[Row]:
    for at, row in layout_rows(record.layouts):
        conv = record.convolutions[at]
        yield {
            **{"run": record.id, "model": record.model, "device": record.device.name},
            **{"layer": conv.layers[0], "count": len(conv.layers), "groups": conv.groups},
            **row,
        }


_TEXTS: Final = (*("run", "model", "device", "cudnn", "problem", "layer", "operation", "setting"),)
_OF_A_CONVOLUTION: Final = (
    *("images", "filters", "groups", "stride", "padding", "dilation", "dtype", "layout"),
)
_OF_A_PLAN: Final = (
    *("workspace", "transposes", "source", "excluded", "notes", "error", "beside", "kernel"),
)

CONVS: Final = Kind(
    name="convs",
    noun="a record of convolutions",
    struct=Convs,
    listing=_listing,
    outcomes=_outcomes,
    row=_row,
    tables=(
        Table(name="convs", columns=_plan_columns, rows=_plan_rows),
        Table(name="layouts", columns=layout_columns, rows=_layout_rows),
    ),
    bulk=Bulk(
        file="plans.msgpack",
        what="the plans",
        type=Beside,
        part=_beside,
        without=_alone,
        joined=_joined,
    ),
    upgrades=(_from_version_1,),
)
