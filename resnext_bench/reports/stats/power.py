"""What so many sessions can show, and how many would show more."""

from math import ceil, isinf

from scipy import special

from resnext_bench.reports.stats.looks import ALPHA

POWER = 0.95

PROMISED_FROM = 10
"""Sessions whose scatter says within a factor of two how many are needed, in 84 of 100 cases.

From five it is 65: the variance of so few is off by more than that too often.
"""


def smallest_detectable(error: float, alpha: float, df: float, power: float = POWER) -> float:
    """Return the change, as a log ratio, told from none with `power` at two-sided `alpha`.

    By the noncentral t, as exact as the error is; infinite where nothing is known of it.
    """
    if df <= 0 or isinf(error):
        return float("inf")
    critical = special.stdtrit(df, 1 - alpha / 2)
    return float(special.nctdtrinc(df, 1 - power, critical)) * error


def sessions_in_all(
    sd: float, margin_log: float, alpha: float = ALPHA, power: float = POWER
) -> int:
    """Return the sessions that tell a change of ±margin: ((t + t)·sd/margin)², two at least.

    The quantiles are of the t that so many sessions have, so it is solved from below.
    """
    if not (sd >= 0 and margin_log > 0):
        raise ValueError(f"sd {sd}, margin {margin_log}: both must be numbers, the margin above 0")
    normal = float(special.ndtri(1 - alpha / 2) + special.ndtri(power))
    count = max(2, ceil((normal * sd / margin_log) ** 2))
    while ((_quantiles(count - 1, alpha, power) * sd) / margin_log) ** 2 > count:
        count += 1
    return count


def sessions_needed(
    sd: float, done: int, margin_log: float, alpha: float = ALPHA, power: float = POWER
) -> int:
    """Return about how many sessions more than `done` tell a change of ±margin, one at least.

    To be relied on from `PROMISED_FROM` sessions on; a rough guess before.
    """
    return max(sessions_in_all(sd, margin_log, alpha, power) - done, 1)


def _quantiles(df: int, alpha: float, power: float) -> float:
    return float(special.stdtrit(df, 1 - alpha / 2) + special.stdtrit(df, power))
