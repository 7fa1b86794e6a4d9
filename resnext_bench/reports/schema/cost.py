"""What a run's network costs, and the rate that its training is measured by."""

import msgspec


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Exact where it is arithmetic: by calculation for networks of ours, counted for others."""

    parameters: int
    training_gflop: float
    """To train on one image: forward, input and weight gradients, each group for itself."""
    predicted_gib: float | None
    """Peak of a rank's tensors; None under DeepSpeed and torch.compile, whose are not known."""
    peak_tflops: float | None = None
    """What all devices of the run can do together; None where no window was completed."""
    peak_source: str = ""
    """Where that is from: a data sheet, or a matrix product measured right after the window."""
    peak_spread_percent: float | None = None
    """By how much the measured rate and its repetition differ, half of it, in per cent; None for a
    data sheet's."""
    mfu_percent: float | None = None
    """Model FLOPs utilisation: images/s x FLOP of an image, in per cent of that."""
