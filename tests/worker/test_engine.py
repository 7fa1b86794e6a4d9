"""What each engine is made of; that they train alike is shown by tests/system/test_engines.py."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from resnext_bench.pipelines.batches import Batches
from resnext_bench.worker import engine
from resnext_bench.worker.deepspeed_engine import settings
from resnext_bench.worker.training import assemble
from tests.reports.made_results import made_config

CPU = torch.device("cpu")


def noise() -> Batches:
    """Batches that nobody asks for."""
    return iter(())  # type: ignore[return-value]


class Wrapped(nn.Module):
    """Stands for DDP, which needs a process group, and keeps what it was made with."""

    def __init__(self, module: nn.Module, **options: object) -> None:
        super().__init__()
        self.module, self.options = module, options


def test_ddp_gets_its_options(monkeypatch) -> None:
    monkeypatch.setattr(engine, "DistributedDataParallel", Wrapped)
    config = made_config(engine="ddp", bucket_mib=4.0, static_graph=True)
    wrapped = engine.wrap(config, nn.Linear(1, 1), CPU)
    assert isinstance(wrapped, Wrapped)
    assert wrapped.options == {
        "device_ids": None,
        "bucket_cap_mb": 4.0,
        "static_graph": True,
        "gradient_as_bucket_view": False,
    }


def test_the_usual_bucket_is_left_to_ddp(monkeypatch) -> None:
    """Named, it would lose its small first bucket."""
    monkeypatch.setattr(engine, "DistributedDataParallel", Wrapped)
    for bucket in (None, 25.0):
        wrapped = engine.wrap(made_config(bucket_mib=bucket), nn.Linear(1, 1), CPU)
        assert isinstance(wrapped, Wrapped)
        assert wrapped.options["bucket_cap_mb"] is None


def test_alone_the_model_is_itself() -> None:
    module = nn.Linear(1, 1)
    assert engine.wrap(made_config(engine="none"), module, CPU) is module


def test_the_mode_reaches_the_compiler(monkeypatch) -> None:
    modes: list[object] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, mode: modes.append(mode))
    for mode in ("none", "default", "max-autotune"):
        config = made_config(engine="none", compile_mode=mode)
        module = nn.Linear(1, 1)
        engine.build_engine(config, module, torch.optim.SGD(module.parameters(), 0.1), CPU)
    assert modes == [None, "max-autotune"]


def test_deepspeed_trains_as_configured() -> None:
    config = made_config(
        engine="deepspeed", zero_stage=2, bucket_mib=1.0, batch_size=16, amp_dtype="fp16"
    )
    found = settings(config)
    assert found["train_micro_batch_size_per_gpu"] == 16
    assert found["zero_optimization"]["stage"] == 2
    assert found["zero_optimization"]["reduce_bucket_size"] == 2**20 // 4
    assert found["torch_autocast"] == {"enabled": True, "dtype": "float16"}
    assert found["gradient_clipping"] == 0, "its default clips, and trains differently"
    assert found["zero_optimization"]["compute_grad_norm"] is False
    assert found["timers"]["throughput"]["enabled"] is False, "it synchronises twice a step"
    assert settings(made_config(zero_stage=0))["zero_optimization"] == {"stage": 0}
    assert settings(made_config(amp_dtype="none"))["torch_autocast"]["enabled"] is False


@pytest.fixture
def alone() -> Iterator[None]:
    """A process group of one rank."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def trained(hook: str) -> torch.Tensor:
    """The weights after six steps by DDP."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 64), nn.Linear(64, 4))
    config = made_config(engine="ddp", ddp_comm_hook=hook)
    optimizer = torch.optim.SGD(module.parameters(), 0.001)
    made = engine.build_engine(config, module, optimizer, CPU)
    for _ in range(6):
        made.backward(made.model(torch.ones(2, 8)).square().sum())
        made.update()
    return module[0].weight.detach().clone()


@pytest.mark.usefixtures("alone")
def test_gradients_are_compressed_on_the_way() -> None:
    """Even alone a rank rounds what it would send: a little less is left of each gradient."""
    plain, half = trained("none"), trained("bf16")
    assert not torch.equal(plain, half)
    assert torch.allclose(plain, half, rtol=0.02, atol=0.002)
    assert torch.isfinite(trained("powersgd")).all()
    assert torch.allclose(plain, trained("fp16"), rtol=0.002, atol=0.0005)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_one_kernel_updates_as_many_do(optimizer: str) -> None:
    found = []
    for fused in (True, False):
        torch.manual_seed(0)
        config = made_config(engine="none", optimizer=optimizer, fused_optimizer=fused)
        training = assemble(config, nn.Linear(8, 8), noise(), CPU)
        assert isinstance(training.engine, engine.Plain)
        assert bool(training.engine.optimizer.defaults["fused"]) is fused
        for _ in range(3):
            training.engine.backward(training.engine.model(torch.ones(2, 8)).sum())
            training.engine.update()
        found.append(training.module.weight.detach().clone())
    assert torch.allclose(*found)
