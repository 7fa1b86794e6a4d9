"""What a fidelity session does; handed from the benchmark to its workers."""

from dataclasses import dataclass

OPTIONS_FILE = "fidelity.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long a session is, and which sides it has."""

    pairs: int
    """Pairs of blocks in a session, after one pair of warm-up."""
    steps: int
    """Timed steps of a block; one more goes before them."""
    inject: float = 0.0
    """Share of a step that our side is made to lose."""
    bare_first: bool = False
    """Build the bare side first, in case it matters what lies where in memory."""
    tiny: bool = False
    """One linear layer instead of the network: shows what the loop itself costs."""
    pace_s: float = 0.0
    """Sleep of the tiny network's forward: steps of a known length on any machine, however slow."""
