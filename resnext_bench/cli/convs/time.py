"""`convs time`: how long each operation of each convolution takes here, and by what."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from resnext_bench.cli.convs.asking import asked_of
from resnext_bench.cli.convs.keeping import at_work_on, kept
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import Pardon, conclude, say
from resnext_bench.config.devices import require_responding
from resnext_bench.convs.times.record import TimeOrder, timed
from resnext_bench.convs.times.sides import ISAS, Setting
from resnext_bench.convs.times.timing import Tell
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.inventory import Machine, inspect
from resnext_bench.machine.lock import measuring, wait_until_free
from resnext_bench.machine.member import require_alone
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.store import runs
from resnext_bench.resnext.traffic import Dtype, Layout

CPU_BATCH: Final = 8
DTYPES: Final[tuple[Dtype, ...]] = ("fp32", "bf16")
"""Types on a CPU where none is given: most CPUs only emulate fp16."""
LAYOUTS: Final[tuple[Layout, ...]] = ("nchw", "nhwc")
BLOCK_S: Final = 0.05


def time_command(given: Mapping[str, Any]) -> int:
    """Time, store, show."""
    require_alone("convs time")
    form: Format = given["form"]
    machine = inspect(given["device"] or "")
    work = _work(given, machine)
    folder = runs.runs_folder(given["output"])
    runs.require_usable(folder)
    if given["wait"]:
        wait_until_free(given["wait"], say)
    with measuring("convs time"), at_work_on(folder, form) as tell:
        record = work(tell)
    return conclude(kept(record, folder), form, Pardon())


def _work(given: Mapping[str, Any], machine: Machine) -> Callable[[Tell], Convs]:
    """Return what is to be done once the machine is ours: on its GPU, if it has one."""
    _require_even(given["rounds"])
    if not is_for_gpu(given["device"], machine):
        order = _order(given, machine)
        return lambda tell: timed(order, "", machine, tell)
    from resnext_bench.cli.convs.time_device import ordered, timed_here

    wanted = ordered(given, machine)
    return lambda tell: timed_here(wanted, machine, tell)


def is_for_gpu(device: str | None, machine: Machine) -> bool:
    """Return whether a GPU is to be timed; raise CannotHere where it is asked for and not there."""
    if device != "cpu":
        require_responding(machine.stock)
    if device == "cuda" and not machine.gpus:
        raise CannotHere(
            "--device cuda: no GPU here; --device cpu times oneDNN, and convs plan lists cuDNN's "
            "plans for a GPU that is described"
        )
    return device != "cpu" and bool(machine.gpus)


def _require_even(rounds: int) -> None:
    if rounds % 2:
        raise UsageError(f"--rounds {rounds}: give an even number, such as {rounds + 1}")


def _order(given: Mapping[str, Any], machine: Machine) -> TimeOrder:
    problems = given["problems"]
    dtypes: Sequence[Dtype] = list(dict.fromkeys(given["dtype"] or DTYPES))
    layouts: Sequence[Layout] = list(dict.fromkeys(given["layout"] or LAYOUTS))
    if "tf32" in dtypes:
        raise UsageError("--dtype tf32: a CPU has no TF32; give fp32, bf16 or fp16")
    return TimeOrder(
        model=problems["model"] or "",
        asked=asked_of(problems, machine, batch=CPU_BATCH, dtype=dtypes[0], layout=layouts[0]),
        dtypes=dtypes,
        layouts=layouts,
        settings=settings_of(given["onednn"], given["isa"] or ()),
        rounds=given["rounds"],
        block_s=BLOCK_S,
        threads=given["threads"],
        command=tuple(sys.argv[1:]),
    )


def settings_of(onednn: str, caps: Sequence[str]) -> list[Setting]:
    """Return the settings of all sides: oneDNN without a cap, under each cap, and off."""
    if onednn == "off" and caps:
        raise UsageError(
            f"--isa {caps[0]} caps oneDNN, which --onednn off leaves out; give --onednn both, or "
            "no --isa"
        )
    on = [Setting(isa=isa) for isa in ("", *dict.fromkeys(caps))]
    return [*(on if onednn != "off" else []), *([] if onednn == "on" else [Setting(onednn=False)])]


def read_isa(text: str) -> str:
    """Read a cap on instructions as oneDNN calls it; oneDNN would silently ignore another word."""
    found = text.upper()
    if found not in ISAS:
        raise UsageError(f"--isa {text}: choose from {', '.join(ISAS)}")
    return found
