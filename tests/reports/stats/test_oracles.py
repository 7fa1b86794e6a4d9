"""The same numbers from other people's libraries: statsmodels, scipy.stats, ruptures."""

import warnings
from math import sqrt

import numpy as np
import pytest
import ruptures
from numpy.typing import NDArray
from scipy import stats

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from statsmodels.regression.linear_model import OLS
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.power import TTestPower
    from statsmodels.stats.weightstats import DescrStatsW

from resnext_bench.lab.calibration.profiles import HOSTILE, QUIET, SHARED, log_noise
from resnext_bench.reports.stats.effects import ordered_interval, t_interval, welch_interval
from resnext_bench.reports.stats.multiple import benjamini_hochberg, holm
from resnext_bench.reports.stats.power import sessions_in_all, smallest_detectable
from resnext_bench.reports.stats.series import segment_starts
from resnext_bench.reports.stats.verdict import tost

Floats = NDArray[np.float64]


@pytest.fixture(params=range(20))
def sample(request: pytest.FixtureRequest) -> Floats:
    rng = np.random.default_rng(request.param)
    return rng.normal(rng.normal(0, 0.02), 0.01, int(rng.integers(3, 30)))


@pytest.mark.parametrize("confidence", [0.9, 0.99, 0.9995])
def test_t_interval_is_scipys(sample: Floats, confidence: float) -> None:
    found, oracle = t_interval(sample, confidence), stats.ttest_1samp(sample, 0)
    bound = oracle.confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((bound.low, bound.high))
    assert found.p == pytest.approx(oracle.pvalue)


def test_welch_interval_is_scipys(sample: Floats) -> None:
    other = np.random.default_rng(99).normal(0.01, 0.03, 7)
    found = welch_interval(sample, other, 0.99)
    oracle = stats.ttest_ind(other, sample, equal_var=False)
    bound = oracle.confidence_interval(0.99)
    assert (found.low, found.high) == pytest.approx((bound.low, bound.high))
    assert (found.df, found.p) == pytest.approx((oracle.df, oracle.pvalue))


def test_ordered_interval_is_least_squares(sample: Floats) -> None:
    orders = np.where(np.arange(len(sample)) % 3 == 0, 1.0, -1.0)
    effect, order = ordered_interval(sample, orders, 0.99)
    oracle = OLS(sample, np.column_stack((np.ones(len(sample)), orders))).fit()
    assert [effect.estimate, order.estimate] == pytest.approx(oracle.params.tolist())
    assert [effect.error, order.error] == pytest.approx(oracle.bse.tolist())
    assert [effect.low, effect.high] == pytest.approx(oracle.conf_int(0.01)[0].tolist())


@pytest.mark.parametrize("margin", [0.005, 0.02, 0.05])
def test_tost_is_statsmodels(sample: Floats, margin: float) -> None:
    oracle = DescrStatsW(sample).ttost_mean(-margin, margin)[0]
    assert tost(t_interval(sample, 0.99), margin) == pytest.approx(oracle, abs=1e-12)


@pytest.mark.parametrize("count", [3, 4, 6, 10, 26])
@pytest.mark.parametrize("alpha", [0.01, 0.000645])
def test_smallest_detectable_effect_has_its_power(count: int, alpha: float) -> None:
    detectable = smallest_detectable(1 / sqrt(count), alpha, count - 1)
    # The other tail holds less than 1e-6, and statsmodels has no number for it.
    power = TTestPower().power(detectable, count, alpha / 2, alternative="larger")
    assert power == pytest.approx(0.95, abs=1e-4)


@pytest.mark.parametrize(("margin_sds", "fewer"), [(0.2, 0), (0.5, 0), (1.0, 1)])
def test_sessions_in_all_are_those_of_exact_power(margin_sds: float, fewer: int) -> None:
    """But for few sessions: the sum of two quantiles, in common use, is one too few there."""
    exact = TTestPower().solve_power(margin_sds, None, 0.01, 0.95)
    assert sessions_in_all(1.0, margin_sds) == np.ceil(exact) - fewer


@pytest.mark.parametrize(("name", "ours"), [("fdr_bh", benjamini_hochberg), ("holm", holm)])
def test_adjusted_p_values_are_statsmodels(name: str, ours: object) -> None:
    assert callable(ours)
    p = np.random.default_rng(0).random(24) ** 3
    assert ours(p).tolist() == pytest.approx(multipletests(p, method=name)[1].tolist())


@pytest.mark.parametrize("profile", [QUIET, SHARED, HOSTILE], ids=["quiet", "shared", "hostile"])
@pytest.mark.parametrize("shortest", [3, 5])
def test_levels_are_cut_where_ruptures_cuts(profile: object, shortest: int) -> None:
    rng = np.random.default_rng(7)
    for _ in range(5):
        noise = log_noise(profile, 80, rng)  # type: ignore[arg-type]
        values = noise + np.repeat([0.3, 0.0, 0.1], [15, 40, 25])
        penalty = 4 * float(np.var(noise))
        ours = segment_starts(values, penalty, shortest)
        assert len(ours) > 1
        # Exact like ours, and given the number of levels that the penalty led ours to.
        program = ruptures.Dynp(model="l2", min_size=shortest, jump=1).fit(values)
        assert [0, *program.predict(n_bkps=len(ours) - 1)[:-1]] == ours
