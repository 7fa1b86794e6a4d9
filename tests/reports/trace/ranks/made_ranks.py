"""Traces of ranks that wait for one another in each step, one of which may be slow."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from resnext_bench.reports.schema.trace_ranks import RanksTimes
from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.ranks.rank import Rank, rank_of
from resnext_bench.reports.trace.ranks.times import times
from tests.reports.trace.made import Made

NCCL = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"
KERNELS = ("ampere_sgemm_128x64_nn", "cudnn_infer_kernel", "relu_kernel")
BASE = 1_764_000_000 * 10**9
LOADING, LATE, COMPUTE, TRANSFER = 300.0, 300.0, 2400.0, 50.0
OWN = LOADING + LATE + COMPUTE
"""us; what a rank needs by itself in a step."""
ELEMENTS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is planted."""

    ranks: int = 4
    steps: int = 10
    noise: float = 0.005
    """Standard deviation of the logarithm of each part."""
    slow: int | None = None
    factor: float = 1.0
    """By which the slow rank's own time is longer."""
    by: str = "compute"
    """compute (one kernel), clock (all alike), loading, launches."""
    ahead_ms: dict[int, float] = field(default_factory=dict)
    """Clocks that are ahead."""
    drift_ppm: dict[int, float] = field(default_factory=dict)
    seed: int = 0


def parts(plan: Plan) -> dict[str, np.ndarray]:
    """Times of each part [ranks, steps], us."""
    random = np.random.default_rng(plan.seed)
    shape = (plan.ranks, plan.steps)
    found = {
        name: mean * np.exp(random.normal(scale=plan.noise, size=shape))
        for name, mean in (("loading", LOADING), ("launches", LATE), ("compute", COMPUTE))
    }
    if plan.slow is not None:
        name = "compute" if plan.by == "clock" else plan.by
        found[name][plan.slow] += (plan.factor - 1) * OWN
    return found


def made_ranks(plan: Plan) -> list[Made]:
    """One trace a rank: each step loads, is late, computes, and waits for the slowest."""
    found = parts(plan)
    own = sum(found.values())
    length = own.max(axis=0) + TRANSFER
    begins = 1000 + np.append(0, np.cumsum(length)[:-1])
    return [_made(plan, rank, found, begins, length) for rank in range(plan.ranks)]


def _made(
    plan: Plan, rank: int, found: dict[str, np.ndarray], begins: np.ndarray, length: np.ndarray
) -> Made:
    info = {"backend": "nccl", "rank": rank, "world_size": plan.ranks}
    ahead = round(plan.ahead_ms.get(rank, 0.0) * 1e6)
    made = Made(header={"distributedInfo": info, "baseTimeNanoseconds": BASE + ahead})
    for step in range(plan.steps):
        loading, late, compute = (
            float(found[name][rank, step]) for name in ("loading", "launches", "compute")
        )
        begin, end = float(begins[step]), float(begins[step] + length[step])
        made.step(step, begin, end - begin)
        made.row("user_annotation", "enumerate(DataLoader)#_Iter.__next__", begin, loading)
        at = begin + loading + late
        for name, took in zip(KERNELS, _kernels(plan, rank, compute), strict=True):
            made.kernel(name, at, took, called=at - 1)
            at += took
        correlation = made.launch(at - 2)
        made.on_gpu("kernel", NCCL, at, end - at, correlation, stream=9)
        made.rows[-1]["args"] |= message("allreduce", ELEMENTS, range(plan.ranks))
    if drift := plan.drift_ppm.get(rank, 0.0):
        for row in made.rows:
            row["ts"] *= 1 + drift * 1e-6
    return made


def _kernels(plan: Plan, rank: int, compute: float) -> list[float]:
    """A slow kernel is the second one; of a slow clock all are."""
    shares = np.array([0.5, 0.3, 0.2])
    if rank == plan.slow and plan.by == "compute":
        extra = (plan.factor - 1) * OWN
        return list((compute - extra) * shares + np.array([0, extra, 0]))
    return list(compute * shares)


def message(name: str, elements: int, ranks: range, group: str = "0") -> dict[str, object]:
    """What PyTorch records of a collective."""
    return {
        "Collective name": name,
        "In msg nelems": elements,
        "Out msg nelems": elements,
        "dtype": "Float",
        "Process Group Name": group,
        "Process Group Description": "default_pg",
        "Process Group Ranks": str(list(ranks)),
        "Group size": len(ranks),
    }


def read_rank(folder: Path, made: Made, name: str, host: str = "") -> Rank:
    path = made.write(folder, name)
    analysis = analyse(path, details=True, layers=False)
    return rank_of(analysis, TraceFile(path=path, rank=None, host=host))


def compared(folder: Path, made: list[Made], hosts: tuple[str, ...] = ()) -> RanksTimes:
    names = hosts or ("",) * len(made)
    return times(
        [
            read_rank(folder, one, f"{at}.json", host)
            for at, (one, host) in enumerate(zip(made, names, strict=True))
        ]
    )
