"""The plan of a fidelity session, which the benchmark passes to its workers."""

from dataclasses import dataclass

OPTIONS_FILE = "fidelity.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The length of a session, and its sides."""

    pairs: int
    """Number of pairs of blocks in a session, after one pair of warm-up."""
    steps: int
    """Number of timed steps in a block; one more precedes them."""
    inject: float = 0.0
    """Share of each step that our side is made to lose."""
    bare_first: bool = False
    """Whether the bare side is built first, in case the layout of memory matters."""
    tiny: bool = False
    """Whether the network is a single linear layer, which shows the cost of the loop itself."""
    pace_s: float = 0.0
    """Sleep in each forward pass of the tiny network, s, which makes steps of a known length on any
    machine."""
