"""A rank that trains twice, in turn: the shipped worker's loop, and the bare one."""

import json
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from resnext_bench.lab.bench import bare
from resnext_bench.lab.bench.plan import OPTIONS_FILE, Plan
from resnext_bench.lab.campaigns.slowed_worker import SlowClock
from resnext_bench.lab.networks import residual
from resnext_bench.pipelines.batches import Batch
from resnext_bench.rankfile import Phase
from resnext_bench.session.turns.blocks import Block, in_turn
from resnext_bench.worker import group, precision
from resnext_bench.worker.clock import HostClock, clock_for
from resnext_bench.worker.entry import Rank, enter
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.session import Progress, set_up
from resnext_bench.worker.training import assemble
from resnext_bench.worker.witness import Witness


def measure(rank: Rank) -> None:
    """Build both sides, let them take turns, and hand over the pairs."""
    plan = Plan(**json.loads((rank.folder.path / OPTIONS_FILE).read_text()))
    if rank.job.config.device == "cpu":  # on a GPU there is one rank
        group.join(rank.job.topology.backend, torch.device("cpu"), rank.job.timeout_s)
    precision.apply(rank.job.config)
    if plan.bare_first:
        theirs = bare_side(rank, plan)
        ours = our_side(rank, plan)
    else:
        ours = our_side(rank, plan)
        theirs = bare_side(rank, plan)
    pairs = in_turn([ours, theirs], 1 + plan.pairs)[1:]
    if rank.rank == 0:
        rank.folder.result.write_text(json.dumps(pairs))
    group.leave()
    rank.file.phase = Phase.DONE


def timed_block(train: Callable[[int], None], steps: int) -> float:
    """Return the time of a block without its first step, which meets cold caches."""
    train(1)
    settle()
    start = time.perf_counter()
    train(steps)
    settle()
    return time.perf_counter() - start


def settle() -> None:
    """Wait for the other ranks, and for the GPU where this process has used one."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    group.barrier()


def our_side(rank: Rank, plan: Plan) -> Block:
    """Return the shipped worker's set-up and loop, with its marks and proofs."""
    training = set_up(rank, Progress(rank.file))
    if plan.tiny:
        network = tiny(rank, plan)
        training = assemble(rank.job.config, network, training.batches, training.device)
    clock = clock_of(rank, plan, training.device)
    witness = Witness(len(rank.file.marks), training.device)
    done = 0

    def train(steps: int) -> None:
        nonlocal done
        run_steps(training, clock, witness, done, steps)
        done += steps

    def block() -> float:
        rank.file.phase = Phase.TIMED  # the parent draws progress while it reads this
        length = timed_block(train, plan.steps)
        rank.file.phase = Phase.GATHERING
        return length

    return block


def clock_of(rank: Rank, plan: Plan, device: torch.device) -> HostClock:
    """Return the shipped clock; on a CPU it can be made to lose a share of each step."""
    if device.type == "cuda":
        return clock_for(device, rank.file, window=1 + plan.steps)
    clock = SlowClock(rank.file)
    clock.share = plan.inject
    return clock


class Pace(nn.Module):
    """Sleeps in each forward pass: the length of a step then hardly depends on other load."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the same images after the sleep."""
        time.sleep(self.seconds)
        return images


def tiny(rank: Rank, plan: Plan) -> nn.Module:
    """Return one linear layer over mean colours, after a sleep where the plan has one."""
    classes = rank.job.config.classes
    paced = [Pace(plan.pace_s)] if plan.pace_s else []
    return nn.Sequential(*paced, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, classes))


def bare_side(rank: Rank, plan: Plan) -> Block:
    """Return the same network and batches with a loop written by hand."""
    config = rank.job.config
    size, batch, world = config.image_size, config.batch_size, config.world_size
    torch.manual_seed(config.seed)
    loader: Iterator[Batch]
    if config.pipeline == "dali":
        # Only here: a side without pictures loads no DALI.
        from resnext_bench.lab.bench.jpegs_by_hand import decoded_batches  # noqa: PLC0415

        assert rank.job.images is not None, "a job of DALI's without the root of its images"
        images = rank.folder.read_images()
        loader = decoded_batches(
            *(rank.job.images, images.files, images.labels),
            size=size,
            batch=batch,
            rank=rank.rank,
            world=world,
            threads=config.loader_threads,
        )
    else:
        loader = bare.noise(size, batch, config.classes, config.device)
    spec = residual(config.model)
    network = bare.network(list(spec.blocks), spec.cardinality, config.classes, spec.width)
    model = tiny(rank, plan) if plan.tiny else network
    train = bare.training(model, loader, world, config.device)
    return lambda: timed_block(train, plan.steps)


if __name__ == "__main__":
    enter("resnext_bench.lab.bench.fidelity_worker:measure")
