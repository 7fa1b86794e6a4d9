"""Checks of memory: whether there is enough, and whether the kernel moves it during steps."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.machine.doctor.findings import Activity, Check, Finding, Severity, fine, hidden
from resnext_bench.machine.host import cgroup
from resnext_bench.machine.host import memory as host_memory
from resnext_bench.machine.host.sources import Sources, read, read_number, read_table

_SWAPPING_MIB_S: Final = 1.0
_LOW_PERCENT: Final = 10.0
_LOW_GIB: Final = 2.0
"""Memory that one rank of a small model needs with its loader, GiB, approximately."""
_EAGER: Final = 10
"""Swappiness above which the kernel swaps long before memory runs short."""
_SHARED_GIB: Final = 1.0
"""Shared memory that NCCL's manual asks for in containers, GiB."""
_KIB_PER_GIB: Final = 2**20


def swap(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether memory is swapped to disk."""
    table = read_table(sources.proc / "meminfo")
    if not {"SwapTotal", "SwapFree"} <= table.keys():
        yield hidden("swap", "there are no counters of memory")
        return
    into, out = activity.swap_in_mib_s or 0.0, activity.swap_out_mib_s or 0.0
    used = (table["SwapTotal"] - table["SwapFree"]) / _KIB_PER_GIB
    if into + out > 0:
        heavy = into + out >= _SWAPPING_MIB_S
        yield Finding(
            check="swap",
            severity=Severity.SPOILS if heavy else Severity.DISTURBS,
            value=f"{into:.1f} MiB/s in, {out:.1f} MiB/s out; {used:.1f} GiB in use",
            number=round(into + out, 2),
            unit="MiB/s",
            why="a step that needs a page from disk waits milliseconds for it",
            advice="free memory first; the command shows what is swapped",
            command="vmstat 1 5",
        )
    else:
        yield _resting_swap(sources, table["SwapTotal"] / _KIB_PER_GIB, used)


def _resting_swap(sources: Sources, total: float, used: float) -> Finding:
    eager = read_number(sources.proc / "sys/vm/swappiness")
    if not total:
        return fine("swap", "none", number=0, unit="GiB")
    if not used and (eager is None or eager <= _EAGER):
        return fine("swap", "not in use", number=0, unit="GiB")
    tendency = "" if eager is None else f", swappiness {eager}"
    return Finding(
        check="swap",
        severity=Severity.NOTE,
        value=f"{used:.1f} of {total:.1f} GiB in use, no traffic now{tendency}",
        number=round(used, 2),
        unit="GiB",
        why="pages may be swapped in or out in the middle of a run",
        advice="make the kernel reluctant to swap while measuring",
        command="sudo sysctl vm.swappiness=1",
    )


def memory(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check what is left of the machine's memory or of the container's limit."""
    table = read_table(sources.proc / "meminfo")
    if not {"MemTotal", "MemAvailable"} <= table.keys():
        yield hidden("memory", "there are no counters of memory")
        return
    total = table["MemTotal"] / _KIB_PER_GIB
    free, limit = table["MemAvailable"] / _KIB_PER_GIB, cgroup.free_memory_gib(sources)
    left = free if limit is None else min(free, limit)
    whose = "the container's limit" if left < free else f"{total:.1f} GiB"
    text = f"{left:.1f} GiB available of {whose}"
    if left >= _LOW_GIB and 100 * free / total >= _LOW_PERCENT:
        yield fine("memory", text, number=round(left, 2), unit="GiB")
        return
    yield Finding(
        check="memory",
        severity=Severity.DISTURBS,
        value=text,
        number=round(left, 2),
        unit="GiB",
        why="the kernel may reclaim pages during steps, drop the cache of the data, or kill a rank",
        advice="end programs that hold memory, or measure a smaller batch",
        command="ps -eo pid,user,rss,args --sort=-rss | head",
    )


def huge_pages(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether the kernel merges pages without being asked."""
    text = read(sources.sys / "kernel/mm/transparent_hugepage/enabled")
    chosen = (text or "").partition("[")[2].partition("]")[0]
    if not chosen:
        yield hidden("huge pages", "the kernel has no setting for huge pages")
    elif chosen != "always":
        yield fine("huge pages", chosen)
    else:
        yield Finding(
            check="huge pages",
            severity=Severity.NOTE,
            value="always",
            why="compaction in the background makes single steps long; the mean may even improve",
            advice="compare only with runs that had the same setting",
            command="echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
        )


def shared_memory(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check what processes can hand over in shared memory; a container's default is 64 MiB."""
    folder = sources.proc.parent / "dev/shm"
    if not folder.parent.is_dir():
        yield hidden("shared memory", "there is no /dev here")
        return
    there = host_memory.shared_memory(folder)
    total = there.total / 2**30 if there.total is not None else None
    if not there.problem and (total is None or total >= _SHARED_GIB):
        text = "no limit of its own" if total is None else f"{total:.1f} GiB"
        yield fine("shared memory", text, number=total, unit="GiB")
        return
    yield Finding(
        check="shared memory",
        severity=Severity.DISTURBS if there.problem else Severity.NOTE,
        value=there.problem or f"{(there.total or 0) >> 20} MiB in /dev/shm",
        number=total,
        unit="GiB",
        why=(
            "NCCL's ranks and torchvision's loader processes meet there: runs that need more "
            "are refused, or fail"
        ),
        advice="give the container more (--shm-size=1g, or --ipc=host); else mount a larger tmpfs",
        command="sudo mount -o remount,size=1g /dev/shm",
    )


CHECKS: Final[tuple[Check, ...]] = (swap, memory, shared_memory, huge_pages)
