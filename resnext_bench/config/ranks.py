"""Options of the ranks: nodes, launcher and engine."""

import os
from collections.abc import Callable
from typing import Any, Final

from resnext_bench.config.answers import Answers, is_installed
from resnext_bench.config.options import OPTIONS, flag
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.member import Member
from resnext_bench.reports.schema.config import USUAL_BUCKET_MIB, RunConfig
from resnext_bench.wording import count_of


def choose_ranks(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Choose how many ranks there are, what starts them, and which engine joins them."""
    if pick.member:
        return _joined(pick, pick.member)
    nodes = pick.usual("nodes")
    gpus = len(machine.gpus) if values["device"] == "cuda" else 0
    each = max(1, min(gpus, machine.usable_cores) // nodes)
    nproc = pick("nproc_per_node", each, _ranks_reason(gpus, nodes, machine))
    world = nodes * nproc
    if world > machine.usable_cores:
        pick.lack(
            f"{count_of(nodes, 'node')} x {count_of(nproc, 'rank')} = {world} ranks, but each "
            f"needs a CPU core of its own and only {machine.usable_cores} may be used here",
            "lower --nodes or --nproc-per-node",
        )
    if gpus and nproc > gpus:
        pick.lack(
            f"--nproc-per-node {nproc}: only {count_of(gpus, 'GPU')} here",
            f"give at most {gpus} (emulated nodes, --nodes, may share a GPU)",
        )
    if require := _NEEDS.get(pick.request.get("launcher", "")):
        require(nodes, gpus, machine)
    return {
        "nodes": nodes,
        "nproc_per_node": nproc,
        **_engine(pick, world),
    }


def _require_deepspeed_launcher(nodes: int, gpus: int, machine: Machine) -> None:
    """Refuse what DeepSpeed's launcher cannot do: it starts one node and takes GPUs by number."""
    if not is_installed("deepspeed"):
        raise CannotHere(
            "--launcher deepspeed: DeepSpeed is not installed; install the extra train"
        )
    if nodes > 1:
        raise UsageError(
            f"--launcher deepspeed with --nodes {nodes}: this launcher starts only one node here; "
            "give --nodes 1, or --launcher torchrun"
        )
    if gpus and (machine.stock.is_cut or any(gpu.board for gpu in machine.gpus)):
        raise CannotHere(
            "--launcher deepspeed: this launcher needs GPU numbers, and MIG slices have none; use "
            "--launcher torchrun"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if gpus and any(not name.strip().isdigit() for name in visible.split(",") if visible):
        raise CannotHere(
            "--launcher deepspeed: this launcher needs GPU numbers, but "
            f"CUDA_VISIBLE_DEVICES={visible} names GPUs in another way; give numbers, or "
            "--launcher torchrun"
        )


_NEEDS: Final[dict[Any, Callable[[int, int, Machine], None]]] = {
    "deepspeed": _require_deepspeed_launcher
}
"""What is refused of launchers that cannot do everything, by nodes, GPUs and machine."""


def _joined(pick: Answers, member: Member) -> dict[str, Any]:
    """Choose as many ranks as another launcher has started."""
    for option in ("launcher", "port"):
        if option in pick.request:
            raise UsageError(
                f"{flag(option)} {pick.request[option]}: {member.launcher} has already started "
                "this rank; leave the option out (MASTER_ADDR and MASTER_PORT say where ranks "
                "meet)"
            )
    started = {"nodes": member.nodes, "nproc_per_node": member.nproc_per_node}
    for option, count in started.items():
        if pick(option, count, f"as {member.launcher} started them") != count:
            raise UsageError(
                f"{flag(option)} {pick.request[option]}: {member.launcher} has started "
                f"{member.nodes} nodes x {member.nproc_per_node} ranks; leave the option out"
            )
    return {**started, **_engine(pick, member.world), "launcher": "joined"}


def ranks_here(pick: Answers, values: dict[str, Any]) -> int:
    """Return how many ranks share the cores of `machine`; a joined rank has its own already."""
    return 1 if pick.member else int(values["nodes"] * values["nproc_per_node"])


def _engine(pick: Answers, world: int) -> dict[str, Any]:
    engine = pick("engine", *(("ddp", f"{world} ranks") if world > 1 else ("none", "one rank")))
    if engine == "none" and world > 1:
        raise UsageError(
            f"--engine none: {world} ranks would train independently; give ddp or deepspeed, or "
            "use one rank (--nodes 1 --nproc-per-node 1)"
        )
    if engine == "deepspeed" and not is_installed("deepspeed"):
        raise CannotHere("--engine deepspeed: DeepSpeed is not installed; install the extra train")
    _require_engine(pick, engine)
    ddp, grouped = engine == "ddp", engine != "none"
    stage = pick.usual("zero_stage") if engine == "deepspeed" else None
    return {
        "engine": engine,
        "launcher": _launcher(pick, grouped=grouped),
        "zero_stage": stage,
        "bucket_mib": _bucket(pick, engine, stage) if grouped else None,
        "static_graph": pick.usual("static_graph", tell=ddp),
        "gradient_as_bucket_view": pick.usual("gradient_as_bucket_view", tell=ddp),
    }


def _launcher(pick: Answers, *, grouped: bool) -> str:
    # An engine of its own needs a process group, be it of one.
    default = ("torchrun", "an agent on each node") if grouped else ("direct", "a single rank")
    return str(pick("launcher", *default, tell=False))


def _bucket(pick: Answers, engine: str, stage: int | None) -> float | None:
    if stage == 0:
        if "bucket_mib" in pick.request:
            raise UsageError(
                f"--bucket-mib {pick.request['bucket_mib']}: with --zero-stage 0 DeepSpeed has no "
                "buckets, as it reduces all gradients at once after backward; leave it out or give "
                "--zero-stage 1 or 2"
            )
        return None
    why = (
        "PyTorch's own"
        if engine == "ddp"
        else ("the same as DDP's (DeepSpeed's own default is 5e8 elements)")
    )
    return float(pick("bucket_mib", USUAL_BUCKET_MIB, why))


def _require_engine(pick: Answers, engine: str) -> None:
    """Refuse options of another engine, which would be ignored silently."""
    for name, option in OPTIONS.items():
        value = pick.request.get(name, False)
        if (
            option.engines
            and engine not in option.engines
            and value is not False
            and value != "none"
        ):
            raise UsageError(
                f"{flag(name)} is an option of --engine {' and '.join(option.engines)}; "
                f"the engine here is {engine}"
            )


def _ranks_reason(gpus: int, nodes: int, machine: Machine) -> str:
    if not gpus:
        return "CPU"
    if machine.usable_cores < gpus:
        return f"{machine.usable_cores} cores for {gpus} GPUs"
    return f"{count_of(gpus, 'GPU')} over {count_of(nodes, 'node')}"


def usual_launcher(config: RunConfig) -> str:
    """Return the launcher where none is named."""
    return "direct" if config.engine == "none" else "torchrun"
