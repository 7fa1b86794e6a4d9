"""The cost of a run's network, and the peak rate by which its training is measured."""

import msgspec


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of a network: calculated exactly for the program's own, counted for others."""

    parameters: int
    training_gflop: float
    """GFLOP of training on one image: forward, input and weight gradients, each group for
    itself."""
    predicted_gib: float | None
    """Peak size of a rank's tensors, GiB; None under DeepSpeed and torch.compile, where it is not
    known."""
    peak_tflops: float | None = None
    """Most TFLOP/s that all devices of the run can do together; None where no window was
    completed."""
    peak_source: str = ""
    """Source of `peak_tflops`: a data sheet, or a matrix product measured right after the
    window."""
    peak_spread_percent: float | None = None
    """Half the range of the measured peak rate, per cent of the best: over parts of one measurement
    or over sessions, whichever is larger. None for a data sheet's rate."""
    mfu_percent: float | None = None
    """Model FLOPs utilisation: images/s times the FLOP of an image, in per cent of
    `peak_tflops`."""
