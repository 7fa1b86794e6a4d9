"""Reads the limits of this process's control groups, of version 1 and 2.

A group is bound by its own limits and by those of all groups above it, so each question walks up
to the top of the mount. Inside a container the top is often all that can be seen.
"""

from collections.abc import Iterator
from pathlib import Path

from resnext_bench.machine.doctor.findings import Sources, read, read_number, read_table


def groups(sources: Sources, controller: str) -> list[Path]:
    """Return the visible folders of our group and of those above it for one controller."""
    root = sources.sys / "fs/cgroup"
    found: list[Path] = []
    for line in (read(sources.proc / "self/cgroup") or "").splitlines():
        _, names, path = line.split(":", 2)
        if not names and (root / "cgroup.controllers").exists():
            found += _upwards(root, path)
        elif controller in names.split(","):
            # Distributions name the folder after all its controllers, with a link for each.
            top = next(
                (root / name for name in (controller, names) if (root / name).is_dir()), None
            )
            found += _upwards(top, path) if top else []
    return found


def _upwards(top: Path, path: str) -> Iterator[Path]:
    """List the folders from `path` up to `top`. A path outside our namespace has dots in it."""
    parts = [part for part in path.split("/") if part]
    for count in range(0 if ".." in parts else len(parts), -1, -1):
        folder = top.joinpath(*parts[:count])
        if folder.is_dir():
            yield folder


def quota_cores(sources: Sources) -> float | None:
    """Return the cores that the tightest CPU quota allows; None where there is none."""
    quotas = (_quota(folder) for folder in groups(sources, "cpu"))
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota(folder: Path) -> float | None:
    limit, _, period = (read(folder / "cpu.max") or "").partition(" ")
    if limit.isdigit() and period.isdigit():
        return int(limit) / int(period)
    quota_us = read_number(folder / "cpu.cfs_quota_us")
    period_us = read_number(folder / "cpu.cfs_period_us")
    return quota_us / period_us if quota_us and period_us and quota_us > 0 else None


def throttled_periods(sources: Sources) -> int | None:
    """Count periods since the groups were made in which a quota was used up."""
    tables = [read_table(folder / "cpu.stat") for folder in groups(sources, "cpu")]
    counts = [table["nr_throttled"] for table in tables if "nr_throttled" in table]
    return sum(counts) if counts else None


def free_memory_gib(sources: Sources) -> float | None:
    """Return what the tightest memory limit leaves, with file cache as free; None without one."""
    left = (_left_gib(folder) for folder in groups(sources, "memory"))
    return min((gib for gib in left if gib is not None), default=None)


def _left_gib(folder: Path) -> float | None:
    stat = read_table(folder / "memory.stat")
    limit, used = read_number(folder / "memory.max"), read_number(folder / "memory.current")
    cache = stat.get("inactive_file", 0)
    if limit is None or used is None:
        limit = read_number(folder / "memory.limit_in_bytes")
        used = read_number(folder / "memory.usage_in_bytes")
        cache = stat.get("total_inactive_file", 0)
    if limit is None or used is None or limit >= 2**60:  # version 1 writes "none" as 2**63
        return None
    return max(0, limit - used + cache) / 2**30
