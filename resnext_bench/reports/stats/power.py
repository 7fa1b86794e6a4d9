"""What a number of sessions can show, and how many sessions would show more."""

from math import ceil, isinf

from scipy import special

from resnext_bench.reports.stats.looks import ALPHA

POWER = 0.95

PROMISED_FROM = 10
"""Number of sessions from which the sessions needed are known within a factor of two.

Their scatter says so in 84 of 100 cases; with five sessions, only in 65.
"""


def smallest_detectable(error: float, alpha: float, df: float, power: float = POWER) -> float:
    """Return the smallest change, as a log ratio, found with `power` at two-sided `alpha`.

    It is by the noncentral t, and as exact as the error; infinite where the error is not known.
    """
    if df <= 0 or isinf(error):
        return float("inf")
    critical = special.stdtrit(df, 1 - alpha / 2)
    return float(special.nctdtrinc(df, 1 - power, critical)) * error


def sessions_in_all(
    sd: float, margin_log: float, alpha: float = ALPHA, power: float = POWER
) -> int:
    """Return how many sessions show a change of ±margin: ((t + t)·sd/margin)², at least two.

    The quantiles are of the t with so many sessions, so the number is increased until it is enough.
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
    """Return about how many sessions more than `done` show a change of ±margin, at least one.

    It is reliable from `PROMISED_FROM` sessions on, and a rough guess before.
    """
    return max(sessions_in_all(sd, margin_log, alpha, power) - done, 1)


def _quantiles(df: int, alpha: float, power: float) -> float:
    return float(special.stdtrit(df, 1 - alpha / 2) + special.stdtrit(df, power))
