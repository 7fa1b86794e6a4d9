"""The profiled pass: a few more steps of the same loop, after the timed ones and never among them.

Each rank writes one trace. Its steps are the profiler's own (`ProfilerStep#N`); inside them are the
parts that the table shows (`## forward ##`, ...) and each module with its name in the model, so
that a reader of the trace can see where an operation belongs. Beside its events the trace says what
was trained, so that its reader knows the arithmetic of networks that are ours.
"""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from torch import nn
from torch.profiler import ProfilerActivity, record_function, schedule, tensorboard_trace_handler

from resnext_bench.machine.host.memory import free_memory_gib
from resnext_bench.pipelines.batches import Batch
from resnext_bench.rankfile import Mark
from resnext_bench.reports.errors import Unwritten
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import Profiled, RankFacts
from resnext_bench.reports.store.files import writing
from resnext_bench.reports.trace.layers.known import TRAINED, Trained
from resnext_bench.reports.trace.memory.noted import NOTED
from resnext_bench.worker import group
from resnext_bench.worker.entry import Rank
from resnext_bench.worker.held import Held
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.memory_notes import MemoryNotes
from resnext_bench.worker.training import Training
from resnext_bench.worker.witness import Sees, Witness

WAIT, WARM_UP = 1, 2
"""Steps before the profiler is on, and those with it on that are dropped, as they are slowest."""
_NEXT: Final = {
    Mark.BATCH: "copy",
    Mark.READY: "forward",
    Mark.FORWARD: "backward",
    Mark.BACKWARD: "optimizer",
    Mark.OPTIMIZER: "next batch",
}
"""The part that begins at each mark."""
_MOST_ROOM: Final = 1 / 8
"""Most of the free memory to use, for all ranks of a node."""
_ROOM_PER_STEP: Final = 2
"""Memory that a profiled step scatters at most, in parameter sizes; 1.6 was seen in bf16."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """What a profiled pass of a rank has left; nothing where there was none."""

    profiled: Profiled | None = None
    unwritten: tuple[int, str, str] | None = None

    def among(self, facts: RankFacts) -> RankFacts:
        """Return the rank's facts with it."""
        return msgspec.structs.replace(facts, profiled=self.profiled, unwritten=self.unwritten)


def profiled_pass(rank: Rank, training: Training, steps: int) -> Pass:
    """Profile so many steps; if the trace cannot be written, only the trace is lost.

    It is written after the last step, so that no other rank waits for this one.
    """
    try:
        return Pass(profiled=profile(rank, training, steps))
    except Unwritten as error:
        return Pass(unwritten=(error.errno or 0, error.strerror or "", str(error.filename)))


def profile(rank: Rank, training: Training, steps: int) -> Profiled:
    """Train for some more steps under the profiler, and keep this rank's trace."""
    config = rank.job.config
    recorded = record(
        training,
        folder=_folder(rank),
        name=f"{platform.node()}-rank{rank.rank}",
        active=steps,
        compiled=config.compile_mode != "none",
        trained=trained(config),
        memory_of=config if config.profile_memory else None,
    )
    return Profiled(
        rank=rank.rank,
        host=platform.node(),
        trace=str(recorded.trace),
        size=recorded.trace.stat().st_size,
        steps=steps,
        step_ms=recorded.step_ms,
    )


def trained(config: RunConfig) -> Trained:
    """Return what a trace says about its training."""
    return Trained(
        model=config.model,
        form=config.form,
        classes=config.classes,
        image_size=config.image_size,
        batch_size=config.batch_size,
        amp_dtype=config.amp_dtype,
        tf32=config.tf32,
        channels_last=config.channels_last,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A trace, and how long its steps took."""

    trace: Path
    step_ms: float
    """Mean of the steps in it."""


def make_room(parameters: int, steps: int) -> int:
    """Allocate room for the profiled steps of a model with `parameters` bytes; return its size.

    The profiler keeps a little for each operator, somewhere in the room that a freed gradient has
    left behind; the next gradient no longer fits there, and the heap has to grow. Resnext50 grew by
    160 MB in each profiled step, and the page faults of that (40,000, half a second) fell into the
    operators that happened to ask for memory: the optimizer seemed to take a quarter of the step,
    where it takes 8 %. With room that is there already the profiled step is as long as a timed one.

    0 where the heap keeps nothing that is freed: the launcher has not set it so (a GPU's rank), or
    the user has chosen an allocator.
    """
    if os.environ.get("MALLOC_MMAP_MAX_") != "0" or "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return 0
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    most = int(_MOST_ROOM * free_memory_gib() * 2**30 / ranks)
    size = min(_ROOM_PER_STEP * parameters * steps, most)
    torch.empty(size, dtype=torch.uint8).fill_(0)  # touched, and freed at once
    return size


def record(
    training: Training,
    *,
    folder: Path,
    name: str,
    active: int,
    compiled: bool,
    trained: Trained | None = None,
    memory_of: RunConfig | None = None,
) -> Recorded:
    """Keep `active` steps of this rank as a gzipped trace in `folder`, named after `name`.

    With `memory_of` every allocation is recorded, and what the rank knows of its memory.
    """
    profiler = torch.profiler.profile(
        activities=_activities(training.device),
        schedule=schedule(wait=WAIT, warmup=WARM_UP, active=active, repeat=1),
        record_shapes=True,
        profile_memory=memory_of is not None,
        on_trace_ready=tensorboard_trace_handler(str(folder), worker_name=name, use_gzip=True),
    )
    if trained is not None:
        profiler.preset_metadata_json(TRAINED, msgspec.json.encode(trained).decode())
    steps = WAIT + WARM_UP + active
    witness: Sees = Witness(steps, training.device)
    notes = None
    if memory_of is not None:
        witness = notes = MemoryNotes(training, memory_of, witness, WAIT + WARM_UP)
    clock = Parts(profiler, training.device, steps, notes)
    before = set(folder.glob("*"))
    make_room(sum(one.nbytes for one in training.module.parameters()), WARM_UP + active)
    with _named(training.module, compiled=compiled):
        group.barrier()
        with _cleared(folder, name, before), profiler, clock:
            run_steps(training, clock, witness, 0, steps)
    (trace,) = set(folder.glob(f"{name}.*")) - before
    return Recorded(trace=trace, step_ms=clock.kept_ms / active)


@contextmanager
def _cleared(folder: Path, name: str, before: set[Path]) -> Iterator[None]:
    """Remove a part of a trace that cannot be written."""
    try:
        with writing(folder):
            yield
    except Unwritten:
        for part in set(folder.glob(f"{name}.*")) - before:
            part.unlink()
        raise


def _activities(device: torch.device) -> list[ProfilerActivity]:
    cuda = [ProfilerActivity.CUDA] if device.type == "cuda" else []
    return [ProfilerActivity.CPU, *cuda]


def _folder(rank: Rank) -> Path:
    """Return the first rank's run folder in the runs folder of this rank's own node."""
    lead = group.from_lead(rank.job.run_id)
    folder = Path(rank.job.root) / lead / "profile"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


class Parts:
    """Marks that begin and end named parts of a step in the trace; it replaces a clock.

    The device is drained twice: before the first step that is kept, and after the last one. Between
    them steps follow one another as timed ones do, with the host ahead of the device.
    """

    def __init__(
        self,
        profiler: torch.profiler.profile,
        device: torch.device,
        steps: int,
        notes: MemoryNotes | None = None,
    ) -> None:
        """Make marks for `steps` steps, counted from 0, of which the last ones are kept."""
        self._profiler, self._device, self._steps = profiler, device, steps
        self._notes = notes
        self._part = ExitStack()
        self._held = Held()
        self._start_s = 0.0
        self.kept_ms = 0.0
        """How long the steps in the trace took together."""

    def __enter__(self) -> "Parts":
        self._begin("next batch")
        return self

    def __exit__(self, *error: object) -> None:
        self._part.close()

    def _begin(self, part: str) -> None:
        self._part.enter_context(record_function(f"## {part} ##"))

    def mark(self, step: int, mark: Mark) -> None:
        """End one part and begin the next; a step of the profiler is a step of training."""
        self._part.close()
        if mark is Mark.BACKWARD and self._notes:
            self._notes.note(step)
        if mark is Mark.OPTIMIZER:
            self._end(step)
            self._profiler.step()
        self._begin(_NEXT[mark])

    def _end(self, step: int) -> None:
        """Read the time where the steps that are kept begin and end, also on the device."""
        if step + 1 == WAIT + WARM_UP:
            self._start_s = self._drained_s()
        elif step + 1 == self._steps:
            self.kept_ms = 1e3 * (self._drained_s() - self._start_s)
            if self._notes:
                self._profiler.add_metadata_json(NOTED, self._notes.told())

    def _drained_s(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            self._held.drop()
        return time.perf_counter()

    def hold(self, step: int, batch: Batch) -> None:
        """Keep the batch of `step` until the device has read it, as a clock does."""
        if self._notes:
            self._notes.hold(step, batch)
        if self._device.type == "cuda":
            used = torch.cuda.Event()
            used.record()
            self._held.keep(batch, used)


@contextmanager
def _named(module: nn.Module, *, compiled: bool) -> Iterator[None]:
    """Name the forward of every module in the trace; compiled layers are fused."""
    handles = []
    modules = () if compiled else _modules(module, "", set())
    for name, one in modules:
        open_: list[record_function] = []
        label = f"## {name}: {type(one).__name__} ##"
        handles.append(one.register_forward_pre_hook(_opening(open_, label)))
        handles.append(one.register_forward_hook(_closing(open_), always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _modules(module: nn.Module, name: str, seen: set[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    """List modules below this one, each once, except those that hooks would break or slow down.

    TorchScript's modules refuse hooks; a hook in a compiled module is compiled as well. The model
    itself has no name: the part `forward` is all of it.
    """
    if module in seen or _is_closed(module):
        return
    seen.add(module)
    if name:
        yield name, module
    for child, below in module.named_children():
        yield from _modules(below, f"{name}.{child}" if name else child, seen)


def _is_closed(module: nn.Module) -> bool:
    if isinstance(module, torch.jit.ScriptModule):
        return True
    in_place = getattr(module, "_compiled_call_impl", None) is not None
    # By its name, as importing what defines it takes a second.
    return in_place or type(module).__name__ == "OptimizedModule"


def _opening(open_: list[record_function], label: str) -> Any:
    def before(module: nn.Module, arguments: object) -> None:
        range_ = record_function(label)
        range_.__enter__()
        open_.append(range_)

    return before


def _closing(open_: list[record_function]) -> Any:
    """Return a hook that ends the range begun last: a module may call itself."""

    def after(module: nn.Module, arguments: object, output: object) -> None:
        if open_:  # else a hook before ours has failed
            open_.pop().__exit__(None, None, None)

    return after
