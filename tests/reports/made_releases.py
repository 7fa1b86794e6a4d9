"""Lists of plans over releases, and a record of what changes in them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from resnext_bench.reports.schema.convs import Plan, Problem
from resnext_bench.reports.schema.releases import Listed, Release, Releases
from resnext_bench.reports.store.release_lists import histories
from tests.reports.made_convs import made_convs

RELEASES_ID = "20260302-101500-releases_resnext50_32x4d-c04f"
MIB = 2**20


def made_list(*plans: tuple[str, int | None]) -> tuple[Plan, ...]:
    """Return plans by tag and MiB; one that cannot be built has none."""
    return tuple(
        Plan(tag=tag, workspace=size * MIB)
        if size is not None
        else Plan(tag=tag, excluded="unbuilt")
        for tag, size in plans
    )


SAME = made_list(("eng22_k2=5", 0), ("eng67_k2=2", 784), ("eng5", None), ("eng0", 0))


def made_listed(lists: Sequence[tuple[Plan, ...]], *, others: int = 1) -> Listed:
    """Return a problem that has these lists, one a release, and others that stay as they are."""
    return {
        f"9.{20 + at}.0.{40 + at}": (
            Problem(convolution=0, operation="input gradient", plans=plans),
            *(Problem(convolution=0, operation="forward", plans=SAME) for _ in range(others)),
        )
        for at, plans in enumerate(lists)
    }


def made_releases(listed: Listed, **changes: Any) -> Releases:
    convs = made_convs()
    record = Releases(
        id=RELEASES_ID,
        status="ok",
        tool_version="0.1.0",
        created="2026-03-02T10:15:00+00:00",
        duration_s=14.5,
        command=("convs", "releases", "resnext50_32x4d"),
        model="resnext50_32x4d",
        device=convs.device,
        frontend="1.28.0",
        settings=convs.settings,
        convolutions=convs.convolutions[:1],
        releases=tuple(Release(version=one, seconds=0.5) for one in listed),
        histories=histories(listed, convs.settings.benchmark_limit),
        environment=convs.environment,
    )
    return msgspec.structs.replace(record, **changes)
