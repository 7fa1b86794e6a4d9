"""Three real comparisons; the campaign (`nox -s campaign -- verdicts`) takes a hundred more."""

import msgspec
import pytest

from resnext_bench.lab.campaigns.verdicts import CASES, LIMITS, compared

pytestmark = [pytest.mark.system, pytest.mark.slow]

SHORT = msgspec.structs.replace(LIMITS, max_sessions=3, pairs=20, more_pairs=False)
WRONG = {"aa": {"faster", "slower"}, "slower-2": {"faster"}, "slower-5": {"faster"}}


@pytest.mark.parametrize("case", WRONG)
def test_no_verdict_is_wrong(case: str) -> None:
    """On a noisy machine "can't tell" is the honest one; a wrong sign never is."""
    record = compared(CASES[case], SHORT)
    assert record.status in ("ok", "invalid"), record.why
    assert record.verdict not in WRONG[case], (record.verdict, record.change)
    assert len(record.pairs) >= 2
    assert all(len(pair.blocks_ms) == SHORT.pairs for pair in record.pairs)
