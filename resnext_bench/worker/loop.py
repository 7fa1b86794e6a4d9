"""The timed loop. What is measured is what stands here.

There is no synchronise, no `.item()` and no print: a mark is a store into a mapped file and, on a
GPU, also an event on the stream. The loss and one image's sum stay on the device until the window
is over. The one exception is fp16, whose gradient scaler reads a value in each step, as all fp16
training does. A batch is kept until the device has read it, however far the host is ahead
(`resnext_bench/worker/held.py`).
"""

from resnext_bench.rankfile import Mark
from resnext_bench.worker.clock import Marker
from resnext_bench.worker.training import Training
from resnext_bench.worker.witness import Sees


def run_steps(training: Training, clock: Marker, witness: Sees, first: int, count: int) -> None:
    """Train for `count` steps, the first of them numbered `first`."""
    engine, batches = training.engine, training.batches
    model = engine.model
    for step in range(first, first + count):
        batch = next(batches)
        clock.mark(step, Mark.BATCH)
        images = batch[0].to(training.device, non_blocking=True)
        labels = batch[1].to(training.device, non_blocking=True)
        clock.mark(step, Mark.READY)
        with training.autocast():
            loss = training.criterion(model(images), labels)
        witness.see(step, images, loss)
        clock.mark(step, Mark.FORWARD)
        engine.backward(loss)
        clock.mark(step, Mark.BACKWARD)
        clock.hold(step, batch)
        engine.update()
        clock.mark(step, Mark.OPTIMIZER)
