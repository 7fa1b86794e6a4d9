"""Packs lists of plans over releases, most of which are equal, and finds where they change."""

from collections.abc import Iterator, Sequence

from resnext_bench.reports.schema.convs import Plan, Problem
from resnext_bench.reports.schema.releases import (
    History,
    Listed,
    PlanList,
    ReleaseLists,
    Standing,
)
from resnext_bench.reports.store.conv_differences import change


def packed(listed: Listed) -> ReleaseLists:
    """Return the lists of all releases, each list and each tag once."""
    tags: dict[str, int] = {}
    lists: dict[str, int] = {}
    kept: list[PlanList] = []

    def place(problem: Problem) -> int:
        found = PlanList(
            plans=tuple(tags.setdefault(one.tag, len(tags)) for one in problem.plans),
            workspaces=tuple(
                -1 if one.workspace is None else one.workspace for one in problem.plans
            ),
            excluded={at: one.excluded for at, one in enumerate(problem.plans) if one.excluded},
        )
        at = lists.setdefault(repr(found), len(lists))
        if at == len(kept):
            kept.append(found)
        return at

    problems = next(iter(listed.values()), ())
    of = [tuple(place(found[at]) for found in listed.values()) for at, _ in enumerate(problems)]
    return ReleaseLists(
        releases=tuple(listed),
        problems=tuple((one.convolution, one.operation) for one in problems),
        tags=tuple(tags),
        lists=tuple(kept),
        of=tuple(of),
    )


def unpacked(lists: ReleaseLists) -> Listed:
    """Return the problems of all releases, with tags, workspaces and PyTorch's exclusions."""
    known = [_plans(lists.tags, one) for one in lists.lists]
    return {
        release: tuple(
            Problem(convolution=at, operation=operation, plans=known[row[place]])
            for (at, operation), row in zip(lists.problems, lists.of, strict=True)
        )
        for place, release in enumerate(lists.releases)
    }


def _plans(tags: Sequence[str], found: PlanList) -> tuple[Plan, ...]:
    return tuple(
        Plan(
            tag=tags[tag],
            workspace=None if size < 0 else size,
            excluded=found.excluded.get(at, ""),
        )
        for at, (tag, size) in enumerate(zip(found.plans, found.workspaces, strict=True))
    )


def histories(listed: Listed, benchmark_limit: int) -> tuple[History, ...]:
    """Return for each problem with which releases anything changes; a limit of 0 times all."""
    first = next(iter(listed.values()), ())
    return tuple(
        History(
            convolution=problem.convolution,
            operation=problem.operation,
            standings=tuple(
                _standings([(name, found[at]) for name, found in listed.items()], benchmark_limit)
            ),
        )
        for at, problem in enumerate(first)
    )


def _standings(found: Sequence[tuple[str, Problem]], limit: int) -> Iterator[Standing]:
    before: Problem | None = None
    for release, problem in found:
        if before is None or before.plans != problem.plans:
            yield _standing(release, before, problem, limit)
        before = problem


def _standing(release: str, before: Problem | None, now: Problem, limit: int) -> Standing:
    candidates = now.candidates
    differs = change("", before, now) if before else None
    return Standing(
        release=release,
        first=candidates[0].tag if candidates else "",
        workspace=candidates[0].workspace if candidates else None,
        largest=max((one.workspace or 0 for one in candidates[: limit or None]), default=0),
        candidates=len(candidates),
        gone=differs.gone if differs else (),
        new=differs.new if differs else (),
        reordered=differs.reordered if differs else False,
    )
