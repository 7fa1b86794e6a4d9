"""Checks of the processor: clocks that vary, cores that are fewer than they seem."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from resnext_bench.machine.doctor.findings import Activity, Check, Finding, Severity, fine, hidden
from resnext_bench.machine.host import cgroup, virtual
from resnext_bench.machine.host.sources import Sources, cpu_list, read
from resnext_bench.machine.inventory import parse_cpu_list

_STEADY_CLOCKS: Final = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page")
"""Clock sources that are read without entering the kernel, in some 20 ns."""
_BOOST_SWITCHES: Final = {
    "devices/system/cpu/intel_pstate/no_turbo": ("0", "1"),
    "devices/system/cpu/cpufreq/boost": ("1", "0"),
}
"""Files below /sys: the content with boost on, and the one that turns it off."""


def governor(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check what sets the clock of our cores."""
    files = (sources.cpu(core) / "cpufreq/scaling_governor" for core in sources.cores)
    found = Counter(text for path in files if (text := read(path)))
    if not found:
        yield hidden("governor", "no frequency control here; the host or the firmware decides")
    elif set(found) == {"performance"}:
        yield fine("governor", "performance")
    else:
        named = ", ".join(f"{name} on {count}" for name, count in found.most_common())
        slow = found.total() - found["performance"]
        yield Finding(
            check="governor",
            severity=Severity.DISTURBS,
            value=f"{named} of {len(sources.cores)} cores",
            number=slow,
            unit="cores",
            why=(
                "clocks follow the load, so a step after a wait is slower than one that follows "
                "another directly"
            ),
            advice="keep clocks high while measuring",
            command="sudo cpupower frequency-set --governor performance",
        )


def turbo(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether clocks above the nominal one are allowed."""
    for name, (on, off) in _BOOST_SWITCHES.items():
        state = read(sources.sys / name)
        if state is None:
            continue
        if state != on:
            yield fine("turbo", "off")
            return
        yield Finding(
            check="turbo",
            severity=Severity.NOTE,
            value="on",
            why=(
                "the first seconds run at clocks that cannot be held once the processor is hot or "
                "other cores are busy"
            ),
            advice="leave it on to measure what users get; turn it off to compare small changes",
            command=f"echo {off} | sudo tee /sys/{name}",
        )
        return
    yield hidden("turbo", "there is no switch for it here")


def thermal_throttling(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether heat has lowered clocks."""
    now, before = activity.thermal_events, activity.boot_thermal_events
    if now is None or before is None:
        yield hidden("thermal throttling", "the processor has no counters for it")
    elif now:
        yield Finding(
            check="thermal throttling",
            severity=Severity.SPOILS,
            value=f"{now} events in {activity.seconds:.1f} s, {before:,} since boot",
            number=now,
            unit="events",
            why="the processor is too hot and lowers its clocks now",
            advice="let it cool down; look at fans, dust and the room",
        )
    elif before:
        yield Finding(
            check="thermal throttling",
            severity=Severity.NOTE,
            value=f"{before:,} events since boot, none now",
            number=before,
            unit="events",
            why="under load the processor has been hot enough to lower its clocks",
            advice="watch this number during a run: if it grows, cooling limits the measurement",
        )
    else:
        yield fine("thermal throttling", "never since boot", number=0, unit="events")


def cores(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check how many of the machine's cores are ours."""
    ours, text = len(sources.cores), read(sources.sys / "devices/system/cpu/online")
    if not text:
        yield hidden("cores", f"{ours} usable; the number of the machine's cores is not known")
        return
    online = len(parse_cpu_list(text))
    if ours >= online:
        yield fine("cores", f"all {online}", number=ours, unit="cores")
        return
    yield Finding(
        check="cores",
        severity=Severity.NOTE,
        value=f"{ours} of {online} (affinity mask {cpu_list(list(sources.cores))})",
        number=ours,
        unit="cores",
        why="programs on the other cores share caches, memory bandwidth and clocks with ours",
        advice="compare only with runs on the same number of cores",
    )


def quota(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether a container may use all the cores it sees."""
    ours, allowed = len(sources.cores), cgroup.quota_cores(sources)
    throttled = activity.throttled_periods
    if not cgroup.groups(sources, "cpu"):
        yield hidden("quota", "no control groups are visible")
    elif throttled:
        yield Finding(
            check="quota",
            severity=Severity.SPOILS,
            value=f"used up in {throttled} periods of the last {activity.seconds:.1f} s",
            number=throttled,
            unit="periods",
            why="all threads of the container stand still until the next period, often 100 ms",
            advice="raise the container's CPU limit, or end other programs in it",
        )
    elif allowed is None or allowed >= ours:
        yield fine("quota", "no quota below the number of cores")
    else:
        yield Finding(
            check="quota",
            severity=Severity.DISTURBS,
            value=f"{allowed:g} of {ours} cores",
            number=allowed,
            unit="cores",
            why=(
                "threads on all cores use up the quota early and then stand still, often for up "
                "to 100 ms"
            ),
            advice="pin the program to as many cores as the quota allows, or raise the CPU limit",
            command=f"taskset -c {_first(sources, int(allowed))} resnext-bench run",
        )


def _first(sources: Sources, count: int) -> str:
    return cpu_list(list(sources.cores[: max(1, count)]))


def siblings(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether logical CPUs share a physical core, with ours or with others'."""
    ours = set(sources.cores)
    lists = (read(sources.cpu(cpu) / "topology/thread_siblings_list") for cpu in sources.cores)
    physical = {tuple(parse_cpu_list(text)) for text in lists if text}
    if not physical:
        yield hidden("siblings", "the topology of the cores is not visible")
        return
    strangers = sorted({cpu for core in physical for cpu in core} - ours)
    if strangers:
        yield Finding(
            check="siblings",
            severity=Severity.DISTURBS,
            value=f"CPUs {cpu_list(strangers)} share physical cores with ours, but are not ours",
            number=len(strangers),
            unit="CPUs",
            why=(
                "work on them takes up to half of our cores' speed, and none of our counters "
                "shows it"
            ),
            advice="ask for whole physical cores",
        )
    elif len(ours) > len(physical):
        yield Finding(
            check="siblings",
            severity=Severity.NOTE,
            value=f"{len(ours)} logical CPUs on {len(physical)} physical cores",
            number=len(physical),
            unit="physical cores",
            why=(
                "two threads of a core share its units: twice the threads do not give twice the "
                "speed"
            ),
            advice="give each rank one compute thread per physical core (--threads)",
        )
    else:
        yield fine("siblings", "none", number=len(physical), unit="physical cores")


def numa_nodes(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether some memory is near to our cores and some is far."""
    folder = sources.sys / "devices/system/node"
    lists = {path.parent.name: read(path) for path in folder.glob("node[0-9]*/cpulist")}
    nodes = {int(name.removeprefix("node")): parse_cpu_list(t) for name, t in lists.items() if t}
    used = sorted(node for node, cpus in nodes.items() if set(cpus) & set(sources.cores))
    if not used:
        yield hidden("numa nodes", "the topology of the memory is not visible")
    elif len(used) == 1:
        bound = f"bound to node {used[0]} of {len(nodes)}" if len(nodes) > 1 else "one"
        yield fine("numa nodes", bound, number=1, unit="nodes")
    else:
        first = used[0]
        yield Finding(
            check="numa nodes",
            severity=Severity.DISTURBS,
            value=f"{len(used)}, and our cores are on all of them",
            number=len(used),
            unit="nodes",
            why=(
                "where memory pages are placed differs from launch to launch, and far memory is "
                "slower"
            ),
            advice="bind the program to one node, or start one rank per node",
            command=f"numactl --cpunodebind={first} --membind={first} resnext-bench run",
        )


def beside_gpus(finding: Finding) -> Finding:
    """Return what a finding means where GPUs train: each rank gets cores near to its own."""
    if finding.check != "numa nodes" or finding.severity is not Severity.DISTURBS:
        return finding
    return replace(
        finding,
        severity=Severity.NOTE,
        why="ranks on GPUs get cores near to theirs; on the CPU, where memory is differs by launch",
        advice="for runs on the CPU, bind the program to one node, or start one rank per node",
        command=f"{finding.command} --device cpu",
    )


def clock_source(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check where the kernel reads the time."""
    name = "devices/system/clocksource/clocksource0"
    source = read(sources.sys / name / "current_clocksource")
    if not source:
        yield hidden("clock source", "the kernel does not report it")
    elif source in _STEADY_CLOCKS:
        yield fine("clock source", source)
    else:
        others = (read(sources.sys / name / "available_clocksource") or "").split()
        better = next((clock for clock in _STEADY_CLOCKS if clock in others), "")
        yield Finding(
            check="clock source",
            severity=Severity.DISTURBS,
            value=source,
            why="each reading of the clock enters the kernel and takes about a microsecond",
            advice=f"switch to {better}" if better else "dmesg says why tsc was given up",
            command=f"echo {better} | sudo tee /sys/{name}/current_clocksource" if better else "",
        )


def virtual_machine(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether we run under a hypervisor."""
    flags = virtual.flags(sources)
    product = virtual.product(sources)
    if "hypervisor" not in flags and not product:
        answer = fine("virtual machine", "no") if flags else None
        yield answer or hidden("virtual machine", "the processor lists no flags")
        return
    yield Finding(
        check="virtual machine",
        severity=Severity.NOTE,
        value=product or "yes, of an unknown vendor",
        why=(
            "other guests share the host's caches, memory bandwidth and clocks, which cannot be "
            "seen from here"
        ),
        advice="compare only within one guest and one day; steal shows only part of the effect",
    )


CHECKS: Final[tuple[Check, ...]] = (
    governor,
    turbo,
    thermal_throttling,
    cores,
    quota,
    siblings,
    numa_nodes,
    clock_source,
    virtual_machine,
)
