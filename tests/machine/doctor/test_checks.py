"""Each check on a machine made by hand: quiet, loud, and without the file it reads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.machine.doctor import environment, load, memory, processor, start
from resnext_bench.machine.doctor.checks import CHECKS, Condition, examine
from resnext_bench.machine.doctor.findings import Activity, Check, Finding, Process, Severity
from resnext_bench.machine.host.memory import SharedMemory
from resnext_bench.machine.host.sources import cpu_list, here
from resnext_bench.machine.inventory import parse_cpu_list
from resnext_bench.machine.lock import Holder
from tests.machine.doctor.test_gpus import GPU
from tests.machine.made_kernel import QUIET, MadeKernel

SPOILS, DISTURBS, NOTE, FINE, HIDDEN = Severity


@pytest.fixture
def kernel(tmp_path: Path) -> MadeKernel:
    return MadeKernel(tmp_path)


def only(check: Check, kernel: MadeKernel, activity: Activity = QUIET, **seen: object) -> Finding:
    (finding,) = check(kernel.sources(**seen), activity)  # type: ignore[arg-type]
    return finding


def look(kernel: MadeKernel, activity: Activity = QUIET, holder: Holder | None = None) -> Condition:
    return examine(
        kernel.sources(),
        sampler=lambda sources: activity,
        gpus=lambda: [GPU],
        holder=lambda: holder,
    )


def test_a_quiet_machine_is_quiet(kernel: MadeKernel) -> None:
    found = look(kernel)
    assert {one.check: one.value for one in found.findings if one.severity is not FINE} == {}
    assert not found.spoils
    assert found.cores == 4


def test_nothing_visible_is_no_crash_and_not_called_fine(tmp_path: Path) -> None:
    kernel = MadeKernel(tmp_path)
    kernel.remove("proc/**/*.*")
    nowhere = tmp_path / "none"
    empty = replace(kernel.sources(), proc=nowhere / "proc", sys=nowhere / "sys", torch=None)
    found = examine(
        empty, sampler=lambda _: Activity(seconds=1.0), gpus=lambda: None, holder=lambda: None
    )
    said = {one.check for one in found.findings if one.severity is not HIDDEN}
    assert said == {"other measurement", "threads", "variables"}
    assert not found.spoils


def test_answers_of_an_unknown_format(kernel: MadeKernel) -> None:
    for path in kernel.root.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff what: [is this, 3-x\n")
    found = look(kernel)
    assert {one.severity for one in found.findings if one.check == "cores"} == {HIDDEN}
    assert not found.spoils


def test_every_check_signs_with_its_own_name(kernel: MadeKernel) -> None:
    """Where an answer cannot be understood, the function's name stands for the check's."""
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        assert [one.check for one in check(kernel.sources(), QUIET)] == [name]


LOUD: dict[str, Callable[[MadeKernel], None]] = {
    "governor": lambda k: k.per_core("cpufreq/scaling_governor", "powersave\n"),
    "turbo": lambda k: k.write("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"),
    "cores": lambda k: k.write("sys/devices/system/cpu/online", "0-63\n"),
    "quota": lambda k: k.write("sys/fs/cgroup/job/cpu.max", "250000 100000\n"),
    "siblings": lambda k: [
        k.write(
            f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list", f"{n % 2},{n % 2 + 2}"
        )
        for n in range(4)
    ],
    "numa nodes": lambda k: [
        k.write("sys/devices/system/node/node0/cpulist", "0-1\n"),
        k.write("sys/devices/system/node/node1/cpulist", "2-3\n"),
    ],
    "clock source": lambda k: k.write(
        "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"
    ),
    "virtual machine": lambda k: k.write("proc/cpuinfo", "flags : fpu hypervisor\n"),
    "swap": lambda k: k.memory(swap=8, used=1),
    "memory": lambda k: k.memory(available=1),
    "huge pages": lambda k: k.write(
        "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"
    ),
}
SEVERITY = {
    **dict.fromkeys(("governor", "quota", "clock source", "memory"), DISTURBS),
    **dict.fromkeys(
        ("turbo", "cores", "siblings", "virtual machine", "swap", "huge pages", "numa nodes"), NOTE
    ),
}


@pytest.mark.parametrize("name", LOUD)
def test_one_loud_thing_is_one_finding(kernel: MadeKernel, name: str) -> None:
    LOUD[name](kernel)
    found = [one for one in look(kernel).findings if one.severity is not FINE]
    assert [(one.check, one.severity) for one in found] == [(name, SEVERITY[name])]
    assert found[0].why
    assert found[0].advice


def test_several_numa_nodes_disturb_what_runs_on_them(kernel: MadeKernel) -> None:
    LOUD["numa nodes"](kernel)
    found = only(processor.numa_nodes, kernel)
    assert (found.severity, found.number) == (DISTURBS, 2)
    beside = next(one for one in look(kernel).findings if one.check == "numa nodes")
    assert (beside.severity, beside.value) == (NOTE, found.value)
    assert beside.command == f"{found.command} --device cpu"


def test_governors_are_counted_on_our_cores_alone(kernel: MadeKernel) -> None:
    kernel.write("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "schedutil\n")
    found = only(processor.governor, kernel)
    assert (found.value, found.number) == ("performance on 3, schedutil on 1 of 4 cores", 1)
    assert only(processor.governor, kernel, cores=(0, 1)).severity is FINE


@pytest.mark.parametrize(("text", "severity"), [("1\n", NOTE), ("0\n", FINE)])
def test_the_other_switch_for_boost(kernel: MadeKernel, text: str, severity: Severity) -> None:
    kernel.remove("sys/devices/system/cpu/intel_pstate/no_turbo")
    kernel.write("sys/devices/system/cpu/cpufreq/boost", text)
    found = only(processor.turbo, kernel)
    assert found.severity is severity
    if severity is NOTE:
        assert found.command == "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"


@pytest.mark.parametrize(
    ("now", "boot", "severity"), [(0, 0, FINE), (0, 1200, NOTE), (2, 1200, SPOILS)]
)
def test_heat(kernel: MadeKernel, now: int, boot: int, severity: Severity) -> None:
    activity = replace(QUIET, thermal_events=now, boot_thermal_events=boot)
    assert only(processor.thermal_throttling, kernel, activity).severity is severity


def test_a_quota_that_is_used_up_now(kernel: MadeKernel) -> None:
    found = only(processor.quota, kernel, replace(QUIET, throttled_periods=4))
    assert (found.severity, found.number) == (SPOILS, 4)


def test_a_quota_is_advised_as_cores(kernel: MadeKernel) -> None:
    LOUD["quota"](kernel)
    found = only(processor.quota, kernel)
    assert (found.value, found.number) == ("2.5 of 4 cores", 2.5)
    assert found.command.startswith("taskset -c 0-1 ")


def test_siblings_of_strangers_are_worse(kernel: MadeKernel) -> None:
    kernel.per_core("topology/thread_siblings_list", "{cpu},1{cpu}\n")
    found = only(processor.siblings, kernel)
    assert (found.severity, found.number) == (DISTURBS, 4)
    assert "10-13" in found.value


def test_bound_to_one_of_two_nodes(kernel: MadeKernel) -> None:
    LOUD["numa nodes"](kernel)
    found = only(processor.numa_nodes, kernel, cores=(2, 3))
    assert (found.severity, found.value) == (FINE, "bound to node 1 of 2")


@pytest.mark.parametrize("source", ["tsc", "arch_sys_counter", "kvm-clock"])
def test_clocks_that_do(kernel: MadeKernel, source: str) -> None:
    name = "sys/devices/system/clocksource/clocksource0/current_clocksource"
    kernel.write(name, f"{source}\n")
    assert only(processor.clock_source, kernel).severity is FINE


def test_a_clock_without_a_better_one(kernel: MadeKernel) -> None:
    LOUD["clock source"](kernel)
    assert only(processor.clock_source, kernel).command.startswith("echo tsc | sudo tee /sys/")
    name = "sys/devices/system/clocksource/clocksource0/available_clocksource"
    kernel.write(name, "hpet acpi_pm\n")
    assert not only(processor.clock_source, kernel).command


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("sys/hypervisor/type", "xen\n", "xen"),
        ("sys/firmware/devicetree/base/hypervisor/compatible", "linux,kvm\0", "linux,kvm"),
        ("sys/class/dmi/id/sys_vendor", "QEMU\n", "QEMU"),
    ],
)
def test_hypervisors_by_name(kernel: MadeKernel, name: str, text: str, value: str) -> None:
    kernel.write(name, text)
    found = only(processor.virtual_machine, kernel)
    assert (found.severity, found.value) == (NOTE, value)


def test_a_board_maker_is_no_hypervisor(kernel: MadeKernel) -> None:
    kernel.write("sys/class/dmi/id/sys_vendor", "Supermicro\n")
    assert only(processor.virtual_machine, kernel).severity is FINE


@pytest.mark.parametrize(
    ("into", "out", "severity"),
    [(0.0, 0.0, NOTE), (0.1, 0.0, DISTURBS), (0.6, 0.6, SPOILS), (0.0, 9.0, SPOILS)],
)
def test_swapping(kernel: MadeKernel, into: float, out: float, severity: Severity) -> None:
    kernel.memory(swap=8, used=2)
    activity = replace(QUIET, swap_in_mib_s=into, swap_out_mib_s=out)
    assert only(memory.swap, kernel, activity).severity is severity


@pytest.mark.parametrize(("swappiness", "severity"), [("60\n", NOTE), ("1\n", FINE)])
def test_unused_swap(kernel: MadeKernel, swappiness: str, severity: Severity) -> None:
    kernel.memory(swap=8)
    kernel.write("proc/sys/vm/swappiness", swappiness)
    assert only(memory.swap, kernel).severity is severity


def test_a_containers_memory_is_what_counts(kernel: MadeKernel) -> None:
    gib = 2**30
    kernel.write("sys/fs/cgroup/job/memory.max", f"{8 * gib}\n")
    kernel.write("sys/fs/cgroup/job/memory.current", f"{7 * gib}\n")
    kernel.write("sys/fs/cgroup/job/memory.stat", f"anon 5\ninactive_file {gib // 2}\n")
    found = only(memory.memory, kernel)
    assert (found.severity, found.number) == (DISTURBS, 1.5)
    assert found.value == "1.5 GiB available of the container's limit"
    kernel.write("sys/fs/cgroup/job/memory.current", f"{gib}\n")
    assert only(memory.memory, kernel).severity is FINE


@pytest.mark.parametrize(
    ("foreign", "steal", "severities"),
    [
        (1.0, 1.0, (FINE, FINE)),
        (6.0, 0.0, (DISTURBS, FINE)),
        (0.0, 6.0, (FINE, DISTURBS)),
        (26.0, 0.0, (SPOILS, FINE)),
        (0.0, 26.0, (FINE, SPOILS)),
        (15.0, 15.0, (SPOILS, SPOILS)),  # together they are over a run's limit
        (24.0, 3.0, (SPOILS, FINE)),
    ],
)
def test_what_is_lost_counts_together(
    kernel: MadeKernel, foreign: float, steal: float, severities: tuple[Severity, Severity]
) -> None:
    activity = replace(QUIET, foreign_percent=foreign, steal_percent=steal)
    found = (only(load.other_load, kernel, activity), only(load.steal, kernel, activity))
    assert tuple(one.severity for one in found) == severities
    assert look(kernel, activity).spoils == (foreign + steal > 25)


@given(foreign=st.floats(0, 100), steal=st.floats(0, 100))
def test_the_exit_code_agrees_with_a_runs_guard(foreign: float, steal: float) -> None:
    activity = replace(QUIET, foreign_percent=foreign, steal_percent=steal)
    sources = replace(here(), cores=(0, 1))
    found = [*load.other_load(sources, activity), *load.steal(sources, activity)]
    assert any(one.severity is SPOILS for one in found) == (foreign + steal > 25)


def test_steal_of_the_past_tells_of_the_host(kernel: MadeKernel) -> None:
    found = only(load.steal, kernel, replace(QUIET, boot_steal_percent=12.0))
    assert found.severity is DISTURBS
    assert "12.0 % of the busy time since boot" in found.value


def busy(*percents: float) -> Activity:
    processes = tuple(
        Process(pid=100 + number, name=f"job{number}", core_percent=percent)
        for number, percent in enumerate(percents)
    )
    return replace(QUIET, foreign_percent=50.0, processes=processes)


def test_the_busiest_are_named(kernel: MadeKernel) -> None:
    found = only(load.other_load, kernel, busy(99.0, 60.0, 30.0, 10.0))
    assert found.value.startswith("50 % of 4 cores: job0 (pid 100) 99 % of a core, job1 (pid 101)")
    assert "job3" not in found.value
    assert found.command.endswith(" -p 100,101,102")


def test_what_no_process_explains_is_said(kernel: MadeKernel) -> None:
    assert "not visible here" in only(load.other_load, kernel, busy(20.0)).value
    found = only(load.other_load, kernel, busy())
    assert "by processes that are not visible" in found.value
    assert not found.command


@pytest.mark.parametrize(("resource", "limit"), [("cpu", 5), ("memory", 1), ("io", 10)])
def test_pressure(kernel: MadeKernel, resource: str, limit: float) -> None:
    for share, severity in ((limit, FINE), (limit + 1, DISTURBS)):
        found = only(load.pressure, kernel, replace(QUIET, pressure_percent={resource: share}))
        assert found.severity is severity
    assert found.check == f"{resource} pressure"


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("OMP_NUM_THREADS", "4", FINE),
        ("OMP_NUM_THREADS", "5", DISTURBS),
        ("MKL_NUM_THREADS", "64", DISTURBS),
        ("OMP_NUM_THREADS", "4,8", FINE),
        ("OMP_NUM_THREADS", "8,1", DISTURBS),
        ("OMP_NUM_THREADS", "many", FINE),
        ("OMP_NUM_THREADS", "", FINE),
    ],
)
def test_threads(kernel: MadeKernel, name: str, value: str, severity: Severity) -> None:
    assert only(environment.threads, kernel, environ={name: value}).severity is severity


def test_threads_over_a_quota(kernel: MadeKernel) -> None:
    LOUD["quota"](kernel)
    found = only(environment.threads, kernel, environ={"OMP_NUM_THREADS": "3"})
    assert found.value == "OMP_NUM_THREADS=3 on 2 usable cores"
    assert found.command == "export OMP_NUM_THREADS=2"


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("CUDA_LAUNCH_BLOCKING", "1", SPOILS),
        ("CUDA_LAUNCH_BLOCKING", "0", None),
        ("PYTORCH_NO_CUDA_MEMORY_CACHING", "1", SPOILS),
        ("OMP_WAIT_POLICY", "ACTIVE", DISTURBS),
        ("OMP_WAIT_POLICY", "passive", None),
        ("KMP_BLOCKTIME", "infinite", DISTURBS),
        ("KMP_BLOCKTIME", "0", None),
        ("NCCL_DEBUG", "INFO", NOTE),
        ("NCCL_DEBUG", "TRACE", DISTURBS),
        ("NCCL_DEBUG", "WARN", None),
        ("TORCH_DISTRIBUTED_DEBUG", "DETAIL", DISTURBS),
        ("TORCH_DISTRIBUTED_DEBUG", "OFF", None),
        ("NVIDIA_TF32_OVERRIDE", "0", DISTURBS),  # off is a choice here too
        ("TORCH_CUDNN_USE_HEURISTIC_MODE_B", "1", NOTE),
        ("CUDNN_LOGLEVEL_DBG", "3", DISTURBS),
        ("ONEDNN_VERBOSE", "1", DISTURBS),
        ("PYTHONDEVMODE", "1", DISTURBS),
        ("NCCL_P2P_DISABLE", "1", NOTE),
        ("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True", NOTE),
        ("MY_CUDA_LAUNCH_BLOCKING", "1", None),
        ("PATH", "/bin", None),
    ],
)
def test_variables(kernel: MadeKernel, name: str, value: str, severity: Severity | None) -> None:
    found = only(environment.variables, kernel, environ={name: value, "HOME": "/home/someone"})
    assert found.severity is (severity or FINE)
    assert found.value == (f"{name}={value}" if severity else "none that changes results")


def test_values_are_short_and_libraries_without_their_folder(kernel: MadeKernel) -> None:
    given = {"LD_PRELOAD": "/home/someone/lib.so", "PYTORCH_ALLOC_CONF": "a\x1b" + "x" * 90}
    preload, conf = environment.variables(kernel.sources(environ=given), QUIET)
    assert preload.value == "LD_PRELOAD=lib.so"
    assert len(conf.value) < 70
    assert "\x1b" not in conf.value


@pytest.mark.parametrize(
    ("some", "variable", "severity"),
    [(4, "1", FINE), (1, "1", NOTE), (1, "", FINE), (0, "1", NOTE)],
)
def test_modules_that_nobody_compiles(
    kernel: MadeKernel, some: int, variable: str, severity: Severity
) -> None:
    kernel.compiled(some, of=4)
    environ = {"PYTHONDONTWRITEBYTECODE": variable}
    found = only(start.bytecode, kernel, environ=environ)
    assert (found.severity, found.number) == (severity, 25 * some)
    assert f"{some} of 4" in found.value
    assert ("compileall" in found.command) is (severity is NOTE)


def test_without_torch_nothing_is_compiled(kernel: MadeKernel) -> None:
    (found,) = start.bytecode(replace(kernel.sources(), torch=None), QUIET)
    assert found.severity is HIDDEN


def test_another_measurement(kernel: MadeKernel) -> None:
    found = look(kernel, holder=Holder(pid=7, what="compare", since_s=0.0))
    assert found.spoils
    assert found.findings[0].check == "other measurement"
    assert "compare (pid 7)" in found.findings[0].value


def test_the_worst_comes_first(kernel: MadeKernel) -> None:
    for make in LOUD.values():
        make(kernel)
    found = look(kernel, replace(QUIET, foreign_percent=90.0)).findings
    ranks = [list(Severity).index(one.severity) for one in found]
    assert ranks == sorted(ranks)
    assert found[0].check == "other load"


def test_a_driver_that_fails(kernel: MadeKernel) -> None:
    def broken() -> None:
        raise RuntimeError("GPU is lost")

    found = examine(
        kernel.sources(), sampler=lambda _: QUIET, gpus=broken, holder=lambda: None
    ).findings
    assert [one.value for one in found if one.check == "gpus"] == ["the driver failed: GPU is lost"]


@given(st.sets(st.integers(0, 300), min_size=1))
def test_lists_as_the_kernel_writes_them(cpus: set[int]) -> None:
    assert parse_cpu_list(cpu_list(list(cpus))) == sorted(cpus)


def test_this_machine_can_be_examined() -> None:
    from resnext_bench.machine.doctor.activity import sample

    found = examine(here(), sampler=lambda sources: sample(sources, 0.05))
    assert {"other load", "memory", "threads"} <= {one.check for one in found.findings}


@pytest.mark.parametrize(
    ("there", "severity", "value"),
    [
        (SharedMemory(total=64 << 20, free=60 << 20), NOTE, "64 MiB in /dev/shm"),
        (SharedMemory(total=8 << 30, free=1), FINE, "8.0 GiB"),
        (SharedMemory(total=None, free=0), FINE, "no limit of its own"),
        (SharedMemory(total=0, free=0, problem="/dev/shm is missing"), DISTURBS, "is missing"),
    ],
)
def test_shared_memory(
    kernel: MadeKernel,
    monkeypatch: pytest.MonkeyPatch,
    there: SharedMemory,
    severity: Severity,
    value: str,
) -> None:
    monkeypatch.setattr(memory.host_memory, "shared_memory", lambda folder: there)
    found = only(memory.shared_memory, kernel)
    assert found.severity is severity
    assert value in found.value
