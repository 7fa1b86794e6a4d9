"""`convs releases`: the plans of each convolution over releases of cuDNN, and what changes."""

import sys
from collections.abc import Mapping
from typing import Any

from resnext_bench.cli.convs.asking import asked_of, device_of
from resnext_bench.cli.convs.keeping import kept, kept_and_shown
from resnext_bench.cli.convs.plan import BATCH
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import Pardon, conclude, say
from resnext_bench.convs.releases.environments import environments
from resnext_bench.convs.releases.index import OLDEST, Wanted, numbers, require_version
from resnext_bench.convs.releases.record import LISTS, Order, compressed, over_releases
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.releases import Listed
from resnext_bench.reports.store import runs


def releases_command(given: Mapping[str, Any]) -> int:
    """Ask all releases, store, show."""
    form: Format = given["form"]
    folder = runs.runs_folder(given["output"])
    runs.require_usable(folder)
    machine, problems = inspect("cpu"), given["problems"]
    order = Order(
        model=problems["model"] or "",
        asked=asked_of(
            problems, machine, batch=BATCH, dtype=given["dtype"], layout=given["layout"]
        ),
        device=device_of(given),
        wanted=_wanted(given),
        removes=given["remove"],
        benchmark_limit=given["cudnn_benchmark_limit"],
        deterministic=given["cudnn_deterministic"],
        command=tuple(sys.argv[1:]),
    )
    found: Listed = {}

    def beside() -> Mapping[str, bytes]:
        return {LISTS: compressed(found)}

    with kept_and_shown(folder, form, "listed", beside):
        record = over_releases(order, machine, environments(order.wanted.cuda), say, found)
    return conclude(kept(record, folder, beside), form, Pardon())


def _wanted(given: Mapping[str, Any]) -> Wanted:
    cuda = int(given["cuda"])
    named = tuple(require_version("--cudnn", one) for one in given["cudnn"] or ())
    oldest, newest = given["oldest"], given["newest"]
    for option, value in (("--from", oldest), ("--to", newest)):
        if value is not None:
            require_version(option, value)
            if named:
                raise UsageError(f"{option} and --cudnn exclude each other; give one of them")
    if named and given["every"]:
        raise UsageError("--all-releases and --cudnn exclude each other; give one of them")
    oldest = oldest or OLDEST
    if newest and numbers(newest) < numbers(oldest)[: len(numbers(newest))]:
        raise UsageError(f"--to {newest}: it is older than --from {oldest}; give a later one")
    return Wanted(named=named, oldest=oldest, newest=newest or "", every=given["every"], cuda=cuda)
