"""Results and records made by hand, small enough to work out what must come of them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from resnext_bench.reports.schema.config import Choice, RunConfig
from resnext_bench.reports.schema.machine import Board, GpusSeen
from resnext_bench.reports.schema.record import (
    DataSet,
    Environment,
    Failure,
    File,
    Record,
    Thresholds,
)
from resnext_bench.reports.schema.samples import RankFacts, Samples, SessionResult
from resnext_bench.reports.schema.sessions import Figures, Session, Steadiness
from resnext_bench.reports.schema.topology import Place, Topology

MS = 1_000_000
RUN_ID = "20260301-101500-resnext50_32x4d_2n-a1b2"


def made_samples(
    *,
    rank: int = 0,
    data_wait_ms: Sequence[int],
    forward_ms: Sequence[int],
    backward_ms: Sequence[int],
    optimizer_ms: Sequence[int],
    tail_ms: int = 0,
    **changes: Any,
) -> Samples:
    """One rank whose steps are the sums of their parts; the window ends `tail_ms` after them."""
    parts = (data_wait_ms, forward_ms, backward_ms, optimizer_ms)
    columns = [[value * MS for value in part] for part in parts]
    steps = [sum(step) for step in zip(*columns, strict=True)]
    samples = Samples(
        rank=rank,
        node=rank,
        local_rank=0,
        host="host-a",
        pid=1000 + rank,
        device="cpu",
        window_ns=sum(steps) + tail_ms * MS,
        step_ns=steps,
        data_wait_ns=columns[0],
        forward_ns=columns[1],
        backward_ns=columns[2],
        optimizer_ns=columns[3],
        next_ns=[value // 2 for value in columns[0]],
        loss=[2.0 - 0.125 * index for index in range(len(steps))],
        warm_up_ns=[40 * MS, 20 * MS],
    )
    return msgspec.structs.replace(samples, **changes)


def even_samples(rank: int, step_ms: Sequence[int], **changes: Any) -> Samples:
    """One rank with these steps: 1 ms of data wait, 2 of forward, 1 of optimizer, else backward."""
    count = len(step_ms)
    return made_samples(
        rank=rank,
        data_wait_ms=[1] * count,
        forward_ms=[2] * count,
        backward_ms=[step - 4 for step in step_ms],
        optimizer_ms=[1] * count,
        **changes,
    )


def made_facts(rank: int = 0, **changes: Any) -> RankFacts:
    """A rank of which nothing bad can be said."""
    facts = RankFacts(
        rank=rank,
        peak_gib=1.5 + rank,
        reserved_gib=0.0,
        affinity=(rank,),
        torch_threads=1,
        counted_s=10.0,
        cpu_busy_s=1.0,
        core_busy_s=1.0,
        core_steal_s=0.0,
        parameters=25_028_904,
        parameters_unchanged=(),
        parameter_digest="5eed",
        losses_finite=True,
        batches_distinct=8,
        batches_expected=8,
        weight_format="NHWC",
        gradient_format="NHWC",
        first_loss=2.0,
        last_loss=1.5,
        start_up_s={"imports": 5.0, "model": 1.0},
    )
    return msgspec.structs.replace(facts, **changes)


def made_result(*samples: Samples, facts: Sequence[RankFacts] = ()) -> SessionResult:
    """One session of these ranks."""
    return SessionResult(
        samples=samples,
        facts=tuple(facts) or tuple(made_facts(one.rank) for one in samples),
        versions={"torch": "2.15.0"},
        device_name="",
    )


def made_config(**changes: Any) -> RunConfig:
    """Two emulated nodes of one rank on CPU."""
    config = RunConfig(
        model="resnext50_32x4d",
        image_size=128,
        classes=8,
        batch_size=8,
        nodes=2,
        nproc_per_node=1,
        device="cpu",
        launcher="torchrun",
        engine="ddp",
        amp_dtype="bf16",
        tf32=False,
        channels_last=True,
        cudnn_benchmark=True,
        cudnn_benchmark_limit=10,
        cudnn_deterministic=False,
        pipeline="dali",
        decode="cpu",
        data="/data/made",
        bad_files="stop",
        threads=1,
        loader_threads=1,
        optimizer="sgd",
        learning_rate=0.00625,
        momentum=0.9,
        weight_decay=0.0001,
        seed=0,
        warm_up=10,
        steps=40,
        sessions=1,
    )
    return msgspec.structs.replace(config, **changes)


def made_topology(config: RunConfig, cores_a_rank: int = 1) -> Topology:
    """Ranks with cores side by side, and a GPU each on a GPU machine."""
    places = tuple(
        Place(
            node=rank // config.nproc_per_node,
            local_rank=rank % config.nproc_per_node,
            cores=tuple(range(rank * cores_a_rank, (rank + 1) * cores_a_rank)),
            threads=config.threads,
            loader_threads=config.loader_threads,
            device=f"cuda:{rank}" if config.device == "cuda" else "cpu",
        )
        for rank in range(config.world_size)
    )
    backend = "none" if len(places) == 1 else "nccl" if config.device == "cuda" else "gloo"
    return Topology(
        nodes=config.nodes,
        nproc_per_node=config.nproc_per_node,
        emulated=config.nodes > 1,
        backend=backend,
        places=places,
    )


def made_figures(**changes: Any) -> Figures:
    """40 steps of 2 x 8 images in 20 s, in round numbers."""
    figures = Figures(
        images=640,
        window_s=20.0,
        images_per_s=32.0,
        images_per_s_per_device=16.0,
        steps=40,
        step_ms_mean=500.0,
        step_ms_p50=498.0,
        step_ms_p95=530.0,
        step_ms_p99=560.0,
        step_ms_jitter=12.5,
        data_wait_ms=25.0,
        forward_ms=150.0,
        backward_ms=300.0,
        optimizer_ms=25.0,
        next_ms=24.0,
        peak_gib=1.75,
        cores_lost_percent=2.5,
    )
    return msgspec.structs.replace(figures, **changes)


def figures_of_step(step_ms: float, **changes: Any) -> Figures:
    """40 steps of one length."""
    window_s = 40 * step_ms / 1e3
    rate = 640 / window_s
    even = {"step_ms_mean": step_ms, "step_ms_p50": step_ms, "images_per_s": rate}
    return made_figures(**{"window_s": window_s, **even, **changes})


def made_seen(gpus: int = 1, **changes: Any) -> GpusSeen:
    """GPUs under load, each with as much to tell as there is."""
    seen = GpusSeen(
        index=tuple(range(gpus)),
        samples=(40,) * gpus,
        watched_s=(19.5,) * gpus,
        sm_mhz=(1755.0,) * gpus,
        sm_least_mhz=(1710.0,) * gpus,
        sm_most_mhz=(1980.0,) * gpus,
        memory_mhz=(3201.0,) * gpus,
        power_w=(650.1,) * gpus,
        power_peak_w=(699.9,) * gpus,
        temperature_c=(54.0,) * gpus,
        use_percent=(99.5,) * gpus,
        energy_j=(12675.5,) * gpus,
        energy_by="counter",
    )
    return msgspec.structs.replace(seen, **changes)


def made_board(count: int = 1, **changes: Any) -> Board:
    """H200s, set alike."""
    board = Board(
        gpus=tuple(range(count)),
        uuids=tuple(f"GPU-{index:08x}-0000-0000-0000-000000000000" for index in range(count)),
        name="NVIDIA H200",
        sm_max_mhz=1980,
        memory_max_mhz=3201,
        power_limit_w=700.0,
        default_limit_w=700.0,
        ecc=True,
        persistence=True,
        mig=False,
        compute_mode="default",
    )
    return msgspec.structs.replace(board, **changes)


def made_session(number: int = 1, **changes: Any) -> Session:
    """A sound session."""
    session = Session(
        number=number,
        started="2026-03-01T10:15:05+00:00",
        launch_s=14.5,
        figures=made_figures(),
        steadiness=Steadiness(
            cut=0, judged=True, steady=True, why="steady from the start (40 steps)"
        ),
        invalid=(),
        notes=(),
        first_loss=2.125,
        last_loss=1.5,
    )
    return msgspec.structs.replace(session, **changes)


def made_record(**changes: Any) -> Record:
    """A run that went well; `changes` are fields of Record."""
    config = made_config()
    record = Record(
        id=RUN_ID,
        kind="run",
        status="ok",
        why="",
        tool_version="0.1.0",
        created="2026-03-01T10:15:00+00:00",
        duration_s=41.5,
        command=("run", "--nodes", "2", "--amp"),
        requested={"nodes": 2, "amp": True},
        resolved=config,
        choices=(
            Choice(option="model", value="resnext50_32x4d", why="the paper's reference network"),
            Choice(option="learning_rate", value=0.00625, why="0.1 x 16 / 256 images a step"),
        ),
        topology=made_topology(config),
        environment=Environment(
            host="host-a",
            cpu="Example CPU @ 2.50GHz",
            cores=2,
            memory_gib=15.5,
            gpus=(),
            kernel="6.1.0",
            python="3.11.7",
            versions={"torch": "2.15.0", "dali": "2.4.0"},
            variables={"OMP_NUM_THREADS": "1"},
            git=None,
        ),
        data=DataSet(
            root="/data/made",
            images=512,
            classes=8,
            digest="0123456789abcdef",
            left_out=0,
            made=True,
        ),
        thresholds=Thresholds(),
        weight_format="NHWC",
        figures=made_figures(),
        sessions=(made_session(),),
        notes=("2 nodes emulated on one host: no network between them",),
        files=(File(name="samples.parquet", size=4096, sha256="0" * 64),),
    )
    return msgspec.structs.replace(record, **changes)


def failed_record() -> Record:
    """A run whose second rank was killed before any window was complete."""
    failure = Failure(
        rank=1,
        what="rank 1: killed by SIGKILL (the kernel does so when memory runs out) in step 7 of 50",
        log="session-1/logs/rank-1.log",
        log_tail=("loading the model", "step [6] of 50 done", "a long line of a log " * 12),
    )
    return made_record(
        status="failed", why=failure.what, figures=None, sessions=(), failure=failure
    )
