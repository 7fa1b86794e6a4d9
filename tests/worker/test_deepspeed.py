"""DeepSpeed is timed as it trains, without what nobody asked for, and trains as the others do."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import sharded_grad_scaler

from resnext_bench.config.resolve import resolve
from resnext_bench.errors import CannotHere
from resnext_bench.job import Job
from resnext_bench.launch.commands import member_command
from resnext_bench.launch.topology import place_member
from resnext_bench.machine.member import find_member
from resnext_bench.worker import session
from resnext_bench.worker.deepspeed_engine import whereabouts
from tests.machine.made_machines import made_machine
from tests.worker.made_deepspeed import answer_as_a_gpu, engine_of, group_of_one, noting, step

STAGES = (0, 1, 2)
MIB = 2**20


@pytest.fixture(scope="module", autouse=True)
def alone() -> Iterator[None]:
    """Lets all tests have a process group of one."""
    with group_of_one():
        yield


def network(width: int = 64, layers: int = 6) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(layers)))


class Seen:
    """Where a device is waited for, and where values are read from it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        from deepspeed.accelerator import get_accelerator

        self.waits: list[str] = []
        self.reads: list[str] = []
        patch.setattr(get_accelerator(), "synchronize", noting(self.waits))
        patch.setattr(torch.cuda, "synchronize", noting(self.waits))
        real = torch.Tensor.item

        def item(tensor: torch.Tensor) -> Any:
            note(tensor)
            return real(tensor)

        note = noting(self.reads)
        patch.setattr(torch.Tensor, "item", item)

    def in_last_of(self, engine: Any, steps: int = 5) -> "Seen":
        """Return what was seen in the last of these steps."""
        for _ in range(steps):
            self.waits.clear()
            self.reads.clear()
            step(engine, torch.ones(2, 64))
        return self


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("amp", ["none", "bf16"])
def test_no_step_waits_for_a_clock_or_reads_a_norm(stage: int, amp: str, seen: Seen) -> None:
    """Its throughput timer synchronised twice a step, and ZeRO read the norm of all gradients."""
    found = seen.in_last_of(engine_of(network(), zero_stage=stage, amp_dtype=amp))
    assert (found.waits, found.reads) == ([], [])


@pytest.mark.parametrize("stage", [1, 2])
@pytest.mark.parametrize("amp", ["none", "bf16"])
@pytest.mark.parametrize("layers_each", [2, 0.5], ids=["two a bucket", "larger than a bucket"])
def test_where_zero_waits_for_a_gpu_is_known(
    stage: int, amp: str, layers_each: float, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it overlaps is its own, and stands in docs/engines.md: it waits once after backward."""
    answer_as_a_gpu(monkeypatch)
    bucket_mib = layers_each * 64**2 * 4 / MIB
    engine = engine_of(network(), zero_stage=stage, amp_dtype=amp, bucket_mib=bucket_mib)
    found = seen.in_last_of(engine)
    assert found.waits == ["stage_1_and_2.py: independent_gradient_partition_epilogue"]
    assert found.reads == []


def reductions(engine: Any, first: nn.Parameter, patch: pytest.MonkeyPatch) -> list[str]:
    """What a step sends, and when the gradient that comes last is there."""
    import deepspeed.comm

    log: list[str] = []
    for name in ("all_reduce", "reduce", "all_reduce_coalesced"):
        real = getattr(deepspeed.comm, name)

        def spy(tensor: torch.Tensor, *given: Any, _real: Any = real, **named: Any) -> Any:
            log.append(f"{tensor.numel() * tensor.element_size() / MIB:g} MiB")
            return _real(tensor, *given, **named)

        patch.setattr(deepspeed.comm, name, spy)
    first.register_post_accumulate_grad_hook(lambda _: log.append("last gradient"))
    engine.backward(engine.model(torch.ones(2, 256)).square().mean())
    engine.update()
    return log


def test_stage_0_has_no_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends all gradients at once after backward, whatever the size of buckets: so is it told,
    and no size is taken (tests/config/test_engines.py)."""
    module = network(width=256, layers=8)
    engine = engine_of(module, zero_stage=0, bucket_mib=0.25)
    assert reductions(engine, module[0].weight, monkeypatch) == ["last gradient", "2 MiB"]


@pytest.mark.parametrize("stage", [1, 2])
def test_stages_1_and_2_send_buckets_while_backward_runs(
    stage: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = network(width=256, layers=8)
    engine = engine_of(module, zero_stage=stage, bucket_mib=0.5)
    log = reductions(engine, module[0].weight, monkeypatch)
    sent = [one for one in log if one != "last gradient"]
    assert set(sent) == {"0.5 MiB"}
    assert len(sent) == 4
    assert log.index("last gradient") == 3, "only the last bucket is left then"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_fp16_recovers_from_gradients_that_overflow(stage: int, optimizer: str) -> None:
    """The first scale, 65536, is too large: it is lowered until steps are taken."""
    module = network(width=8, layers=2)
    before = module[0].weight.detach().clone()
    engine = engine_of(module, zero_stage=stage, amp_dtype="fp16", optimizer=optimizer)
    assert engine.scaler.get_scale() == 2**16
    torch.manual_seed(0)
    scales = []
    for _ in range(20):
        step(engine, torch.randn(2, 8) * 3, times=30)
        scales.append(engine.scaler.get_scale())
    assert scales[0] == 2**15, "the first step overflows"
    assert scales[-1] == scales[-5] < 2**15, "and from some step on none does"
    assert not torch.equal(before, module[0].weight.detach())
    assert torch.isfinite(module[0].weight).all()


@pytest.mark.parametrize("stage", [1, 2])
def test_an_overflow_in_another_ranks_share_is_this_ranks_too(
    stage: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rank sees its own share of the gradients; on scales that differ they could not be added.

    Here the other rank is played: what ranks tell each other of infinities is theirs together.
    """
    module = network()
    engine = engine_of(module, zero_stage=stage, amp_dtype="fp16")
    before = module[0].weight.detach().clone()

    def with_another(found: torch.Tensor, **_: Any) -> Any:
        found += 1
        return SimpleNamespace(wait=lambda: None)

    with monkeypatch.context() as patch:
        patch.setattr(sharded_grad_scaler, "dist", SimpleNamespace(all_reduce=with_another))
        step(engine, torch.ones(2, 64))
    assert engine.scaler.get_scale() == 2**15
    assert torch.equal(before, module[0].weight.detach())
    step(engine, torch.ones(2, 64))
    assert engine.scaler.get_scale() == 2**15
    assert not torch.equal(before, module[0].weight.detach())


@pytest.mark.parametrize("stage", STAGES)
def test_other_types_have_no_scaler(stage: int) -> None:
    assert not engine_of(network(), zero_stage=stage, amp_dtype="bf16").scaler.is_enabled()


@pytest.mark.parametrize(
    ("local_rank", "index"), [(3, 0), (0, 1), (5, 5)], ids=["srun", "a mask", "torchrun"]
)
def test_a_rank_gets_the_device_that_it_was_given(
    local_rank: int, index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rank that sees its GPU alone finds it as number 0, whatever its local rank is."""
    from deepspeed.accelerator import get_accelerator

    set_to: list[int] = []
    monkeypatch.setattr(get_accelerator(), "set_device", set_to.append)
    monkeypatch.setenv("LOCAL_RANK", str(local_rank))
    engine_of(network(), device=torch.device("cpu", index))
    assert set(set_to) == {index}


@pytest.mark.parametrize("launcher", ["torchrun", "mpirun", "srun"])
def test_a_joined_rank_finds_its_own_gpu(launcher: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees one GPU of eight, so that any number but 0 is an invalid ordinal."""
    member = find_member(STARTED[launcher])
    assert member
    machine = made_machine(cores=64, gpus=8)
    request = {"engine": "deepspeed", "pipeline": "synthetic", "device": "cuda"}
    config = resolve(request, machine, None, member).config
    topology = place_member(config, machine, member)
    command = member_command(config, topology, member, folder=Path("x"))
    assert command.environment["CUDA_VISIBLE_DEVICES"] == "3"
    assert command.environment["LOCAL_RANK"] == "3"

    def set_device(found: torch.device) -> None:
        assert found.index == 0

    monkeypatch.setattr(torch.cuda, "set_device", set_device)
    job = Job(run_id="x", session=1, config=config, topology=topology, images=None, timeout_s=1)
    device = session._device(job, topology.place(member.node, member.local_rank))
    assert device == torch.device("cuda", 0)
    assert whereabouts(device) == SimpleNamespace(device_rank=0)
    assert whereabouts(torch.device("cpu")) is None


WORLD = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29740"}
STARTED = {
    "torchrun": {
        "RANK": "3",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "3",
        "LOCAL_WORLD_SIZE": "8",
        **WORLD,
    },
    "mpirun": {
        "OMPI_COMM_WORLD_RANK": "3",
        "OMPI_COMM_WORLD_SIZE": "8",
        "OMPI_COMM_WORLD_LOCAL_RANK": "3",
        "OMPI_COMM_WORLD_LOCAL_SIZE": "8",
        **WORLD,
    },
    "srun": {
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": "3",
        "SLURM_LOCALID": "3",
        "SLURM_NODEID": "0",
        "SLURM_STEP_NUM_TASKS": "8",
        "SLURM_STEP_TASKS_PER_NODE": "8",
        "SLURM_STEP_NUM_NODES": "1",
        **WORLD,
    },
}


def test_a_deepspeed_that_insists_on_its_norm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With it no fp16 step after an overflow would be taken, and each step would read it."""
    from resnext_bench.worker.deepspeed_engine import DeepSpeedZeroConfig

    fields = DeepSpeedZeroConfig.model_fields
    older = {name: field for name, field in fields.items() if name != "compute_grad_norm"}
    monkeypatch.setattr(DeepSpeedZeroConfig, "model_fields", older)
    with pytest.raises(CannotHere, match="computes a norm of all gradients in each step"):
        engine_of(network(), zero_stage=1)
    engine_of(network(), zero_stage=0)
