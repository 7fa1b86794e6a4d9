"""Machines to resolve and place for, without standing on one."""

from resnext_bench.machine.inventory import Gpu, Machine


def laptop() -> Machine:
    """Two cores, no GPU."""
    return made_machine(cores=2)


def made_machine(
    *,
    cores: int,
    usable: int | None = None,
    gpus: int = 0,
    memory_gib: float = 139.0,
    capability: tuple[int, int] = (9, 0),
    siblings: bool = False,
) -> Machine:
    """`siblings`: two logical CPUs a physical core, numbered as Linux does, core by core."""
    half = cores // 2
    numbers = tuple(cpu for core in range(half) for cpu in (core, core + half))
    return Machine(
        cores=numbers if siblings else tuple(range(cores)),
        physical_cores=half if siblings else cores,
        usable_cores=cores if usable is None else usable,
        memory_gib=64.0,
        gpus=tuple(
            Gpu(index=index, name="Example GPU", memory_gib=memory_gib, capability=capability)
            for index in range(gpus)
        ),
        cpu_name="Example CPU",
    )
