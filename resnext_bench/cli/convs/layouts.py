"""`convs layouts`: NHWC against NCHW, layer by layer, mixed, and in whole steps."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from resnext_bench.cli.convs.asking import asked_of
from resnext_bench.cli.convs.keeping import at_work_on, kept
from resnext_bench.cli.convs.plan import BATCH
from resnext_bench.cli.convs.time import CPU_BATCH, DTYPES, is_for_gpu
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import Pardon, conclude, say
from resnext_bench.config.models import foreign
from resnext_bench.convs.layouts.benches import OnCpu, OnGpu
from resnext_bench.convs.layouts.plan import FEWEST, QUAD
from resnext_bench.convs.layouts.record import Wanted, compared
from resnext_bench.convs.layouts.times import LAYOUTS
from resnext_bench.convs.times.record import TimeOrder
from resnext_bench.convs.times.sides import Setting
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import Machine, inspect
from resnext_bench.machine.lock import measuring, wait_until_free
from resnext_bench.machine.member import require_alone
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import temporary_folder
from resnext_bench.resnext.traffic import Dtype

GPU_DTYPES: Final[tuple[Dtype, ...]] = ("bf16", "tf32")
"""Types on a GPU where none is given: those that train fast; fp16 takes as long as bf16, and IEEE
fp32 has no tensor cores."""
BLOCK_S: Final = 0.03
GPU_BLOCK_S: Final = 0.01


def layouts_command(given: Mapping[str, Any]) -> int:
    """Time, choose, measure whole steps, store, show."""
    require_alone("convs layouts")
    form: Format = given["form"]
    machine = inspect(given["device"] or "")
    on_gpu = is_for_gpu(given["device"], machine)
    if on_gpu:
        _require_no_threads(given)
    else:
        _require_uncapped()
    wanted = _wanted(given)
    order = _order(given, wanted, machine, on_gpu=on_gpu)
    folder = runs.runs_folder(given["output"])
    runs.require_usable(folder)
    if given["wait"]:
        wait_until_free(given["wait"], say)
    with (
        measuring("convs layouts"),
        at_work_on(folder, form) as tell,
        temporary_folder() as root,
    ):
        bench = OnGpu() if on_gpu else OnCpu()
        record = compared(order, wanted, machine, root, tell, bench)
    return conclude(kept(record, folder), form, Pardon(invalid=given["allow_invalid"]))


def _require_uncapped() -> None:
    """Refuse a cap of the caller's: whole steps would have it, convolutions by themselves not."""
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        if value := os.environ.get(name):
            raise UsageError(
                f"{name}={value}: convs layouts compares without a cap on oneDNN; unset it, or "
                "use convs time --isa"
            )


def _require_no_threads(given: Mapping[str, Any]) -> None:
    if given["threads"]:
        raise UsageError("--threads is about a CPU; leave it out with --device cuda")


def _wanted(given: Mapping[str, Any]) -> Wanted:
    problems = given["problems"]
    model = problems["model"]
    whole = bool(model) and problems["layer"] is None and foreign(model) is None
    return Wanted(
        whole=whole,
        everything=problems["everything"] or problems["layer"] is not None,
        steps=whole and given["steps"],
    )


def _order(
    given: Mapping[str, Any], wanted: Wanted, machine: Machine, *, on_gpu: bool
) -> TimeOrder:
    problems = given["problems"]
    if wanted.whole:  # a choice is about all convolutions, whichever are shown
        problems = {**problems, "everything": True}
    usual, batch = (GPU_DTYPES, BATCH) if on_gpu else (DTYPES, CPU_BATCH)
    dtypes: Sequence[Dtype] = list(dict.fromkeys(given["dtype"] or usual))
    if "tf32" in dtypes and not on_gpu:
        raise UsageError("--dtype tf32: a CPU has no TF32; give fp32, bf16 or fp16")
    rounds = given["rounds"]
    if rounds % QUAD:
        more = rounds + QUAD - rounds % QUAD
        raise UsageError(f"--rounds {rounds}: give a multiple of {QUAD}, such as {more}")
    return TimeOrder(
        model=problems["model"] or "",
        asked=asked_of(problems, machine, batch=batch, dtype=dtypes[0], layout=LAYOUTS[0]),
        dtypes=dtypes,
        layouts=LAYOUTS,
        settings=[Setting()],
        rounds=max(rounds, FEWEST),
        block_s=GPU_BLOCK_S if on_gpu else BLOCK_S,
        threads=given["threads"],
        command=tuple(sys.argv[1:]),
    )
