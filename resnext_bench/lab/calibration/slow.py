"""The effect of slow steps on a verdict: those of one side, of both, and of the machine.

The median step does not see them, but users pay for them. So a changed total must never be called
the same, and slow steps on both sides must not cost the verdict its power.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.lab.calibration.duets import (
    BUDGETS,
    MARGIN,
    PROFILES,
    Change,
    Compared,
    as_long_as_needed,
    changes,
    duets,
    effects_of,
    unchanged,
    words,
)
from resnext_bench.lab.calibration.figures import Figure, rate
from resnext_bench.lab.calibration.profiles import Slow, with_slow
from resnext_bench.reports.stats.effects import t_interval

Floats = NDArray[np.float64]

OWN: Final = {
    "every 4th x 6": Slow(ratio=6, every=4),
    "every 10th x 3": Slow(ratio=3, every=10),
    "every 50th x 10": Slow(ratio=10, every=50),
    "every 50th x 2.5": Slow(ratio=2.5, every=50),
    "30 % at random x 1.5": Slow(ratio=1.5, share=0.3),
    "2 % at random x 10": Slow(ratio=10, share=0.02),
    "every 200th x 20": Slow(ratio=20, every=200),
}
"""Slow steps of one side alone; they make all steps together 3 to 125 % longer."""
SHARED_BY_BOTH: Final = {
    "every 4th x 6": Slow(ratio=6, every=4, both=True),
    "every 10th x 3": Slow(ratio=3, every=10, both=True),
    "every 50th x 10": Slow(ratio=10, every=50, both=True),
    "30 % at random x 1.5": Slow(ratio=1.5, share=0.3, both=True),
}
OUTLIER: Final = 100.0
"""Length of a single step of one session, in usual steps."""
WINSORISED: Final = 0.01
"""Share of the longest steps that the winsorised estimator, which was not adopted, replaces by the
next longest."""


def slow_steps_of_one(n: int, rng: np.random.Generator) -> list[Figure]:
    """Give b slow steps and a's usual step: never "same", and slower where it can be told."""
    found = []
    for name, profile in PROFILES.items():
        budget = BUDGETS[name][-1]
        for label, slow in OWN.items():
            said = words(duets(profile, n, budget, rng, change=_slow(slow, rng)), budget)
            what = f"b {label} (+{100 * slow.adds:.3g} %), {name}, up to {budget}"
            found.append(rate(f"{what}: same", said == "same", most=5.0))
            found.append(rate(f"{what}: faster", said == "faster", most=1.0))
            found.append(rate(f"{what}: slower", said == "slower"))
    return found


def slow_steps_of_both(n: int, rng: np.random.Generator) -> list[Figure]:
    """Give both sides the same slow steps: no change may be found then, but 2 % must be."""
    found = []
    for name, profile in PROFILES.items():
        budget = BUDGETS[name][0]
        for label, slow in SHARED_BY_BOTH.items():
            compared = duets(profile, n, budget, rng, change=_slow(slow, rng))
            what = f"both {label}, {name}, up to {budget}"
            said = words(compared, budget)
            found.append(rate(f"{what}: false verdicts", changes(said), most=1.0))
            said = words(compared.slower_by(MARGIN), budget)
            goal = None if slow.share else 95.0
            found.append(rate(f"{what}, b +2 %: slower", said == "slower", least=goal))
            found.append(rate(f"{what}, b +2 %: same", said == "same", most=5.0))
    return found


def one_outlier(n: int, rng: np.random.Generator) -> list[Figure]:
    """Make one step of one session of one side 100 times as long, as a machine may."""
    found = []
    for name, profile in PROFILES.items():
        budget = BUDGETS[name][0]
        compared = _with_outlier(duets(profile, n, budget, rng), rng)
        what = f"one step x 100, {name}, up to {budget}"
        said = words(compared, budget)
        found.append(rate(f"{what}: false verdicts", changes(said), most=1.0))
        said = words(compared.slower_by(MARGIN), budget)
        found.append(rate(f"{what}, b +2 %: slower", said == "slower", least=95.0))
    return found


def _with_outlier(compared: Compared, rng: np.random.Generator) -> Compared:
    """Return sessions with an outlier: of 100 steps, one side's sum grows by that of 99 more."""
    n, sessions = compared.total.shape
    total = compared.total.copy()
    sign = rng.choice((-1.0, 1.0), n)
    total[np.arange(n), rng.integers(0, sessions, n)] += sign * np.log1p((OUTLIER - 1) / 100)
    return Compared(total=total, middle=compared.middle)


def slow_steps_as_long_as_needed(n: int, rng: np.random.Generator) -> list[Figure]:
    """Do the same with sessions as long as their scatter asks for, as in the program."""
    found = []
    for name, profile in PROFILES.items():
        budget = BUDGETS[name][0]
        for label in ("every 50th x 2.5", "every 200th x 20"):
            slow = OWN[label]
            compared, pairs = as_long_as_needed(profile, n, budget, rng, change=_slow(slow, rng))
            said = words(compared, budget)
            what = f"b {label} (+{100 * slow.adds:.3g} %), {pairs:.0f} pairs on average, {name}"
            found.append(rate(f"{what}: same", said == "same", most=5.0))
            found.append(rate(f"{what}: slower", said == "slower"))
    return found


def coverage_of_totals(n: int, rng: np.random.Generator) -> list[Figure]:
    """Check that 99 % intervals of all steps together hold the change by slow steps."""
    found = []
    cases: dict[str, Slow] = {
        "b every 4th x 6": OWN["every 4th x 6"],
        "b every 50th x 10": OWN["every 50th x 10"],
        "b 2 % at random x 10": OWN["2 % at random x 10"],
        "both every 10th x 3": SHARED_BY_BOTH["every 10th x 3"],
    }
    for name, profile in PROFILES.items():
        for label, slow in cases.items():
            compared = duets(profile, n, 20, rng, change=_slow(slow, rng))
            truth = 0.0 if slow.both else float(np.log1p(slow.adds))
            goal = {} if slow.share else {"least": 98.5, "most": 99.7}
            for count in (5, 10, 20):
                inside = [_holds(row[:count], truth) for row in compared.total]
                what = f"99 % interval of {count} duets, {label}, {name}: covers"
                found.append(rate(what, inside, **goal))
    return found


def _holds(effects: Floats, truth: float) -> bool:
    found = t_interval(effects, 0.99)
    return found.low <= truth <= found.high


def estimators(n: int, rng: np.random.Generator) -> list[Figure]:
    """Try other estimators of a session: the median alone, the total alone, winsorised."""
    found = []
    for name, budget in (("quiet", 10), ("shared", 10), ("hostile", 26)):
        profile = PROFILES[name]
        for label, change in (
            ("no change", None),
            ("+2 %", None),
            ("b every 4th x 6", OWN["every 4th x 6"]),
            ("b every 50th x 2.5", OWN["every 50th x 2.5"]),
        ):
            done = unchanged if change is None else _slow(change, rng)
            compared = duets(profile, n, budget, rng, change=done, effects=_three)
            added = MARGIN if label == "+2 %" else 0.0
            for kind, one in _kinds(compared).items():
                said = words(one.slower_by(added), budget)
                what = f"estimator {kind}, {label}, {name}"
                found.append(rate(f"{what}: slower", said == "slower"))
                found.append(rate(f"{what}: same", said == "same"))
    return found


def _kinds(compared: Compared) -> dict[str, Compared]:
    """Return the estimators by name; `total` holds the winsorised totals as imaginary parts."""
    plain, winsorised = compared.total.real, compared.total.imag
    return {
        "middle": Compared(total=compared.middle, middle=compared.middle),
        "total": Compared(total=plain, middle=plain),
        "winsorised total": Compared(total=winsorised, middle=winsorised),
        "total, middle": Compared(total=plain, middle=compared.middle),
    }


def _three(times: Floats) -> tuple[Floats, Floats]:
    total, middle = effects_of(times)
    return total + 1j * _winsorised(times), middle


def _winsorised(times: Floats) -> Floats:
    steps = np.sort(np.exp(times).reshape(len(times), 2, -1), axis=2)
    cut = max(1, round(WINSORISED * steps.shape[2]))
    sums = steps[:, :, :-cut].sum(axis=2) + cut * steps[:, :, -cut - 1]
    found: Floats = np.log(sums[:, 1] / sums[:, 0])
    return found


def _slow(slow: Slow, rng: np.random.Generator) -> Change:
    return lambda times: with_slow(times, slow, rng)
