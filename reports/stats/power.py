"""What so many sessions can show, and how many would show more."""

import math

from scipy import stats

POWER = 0.95


def smallest_detectable(error: float, alpha: float, df: float, power: float = POWER) -> float:
    """Return the change, as a log ratio, told from none with `power` at two-sided `alpha`."""
    return float((stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df)) * error)


def sessions_needed(
    sd: float, done: int, margin_log: float, alpha: float = 0.01, power: float = POWER
) -> int:
    """Return about how many more sessions tell a change of ±margin: ((t + t)·sd/δ)² less `done`.

    The t quantiles are those of the sessions it comes to, so it is solved step by step.
    """
    needed = max(done, 3)
    for _ in range(100):
        df = needed - 1
        quantiles = stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df)
        wanted = max(math.ceil((quantiles * sd / margin_log) ** 2), 2)
        if wanted <= needed:
            break
        needed = min(2 * needed, wanted)
    return max(needed - done, 1)
