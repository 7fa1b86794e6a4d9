"""Comparisons made by hand: pairs of known effects, and what the shipped functions say of them."""

from collections.abc import Sequence
from math import exp, log
from statistics import median
from typing import Any

import msgspec

from resnext_bench.reports.schema.comparison import (
    Comparison,
    Design,
    Difference,
    End,
    Limits,
    Pair,
    Side,
)
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.reports.stats.looks import Looks, one_look
from resnext_bench.reports.verdicts.judge import Judged, judge_pairs, told_figures
from tests.reports.made_results import made_config, made_record

COMPARISON_ID = "20260301-120000-compare-c0de"
MARGIN = 0.02
SPREAD = (-1.0, 0.8, -0.6, 0.2, 0.6, -0.2, 1.0, -0.8)
"""Sums to 0; the sessions of either order are not alike, but no order is favoured by much."""


def made_pair(number: int = 1, log_ratio: float = 0.0, **changes: Any) -> Pair:
    """A session of both sides in which a step of a takes 10 ms."""
    step_ms = (10.0, 10.0 * exp(log_ratio))
    pair = Pair(
        number=number,
        order="ab" if number % 2 else "ba",
        started="2026-03-01T12:00:05+00:00",
        log_ratio=log_ratio,
        middle_log_ratio=log_ratio,
        step_ms=step_ms,
        middle_ms=step_ms,
        phases_ms={
            "data_wait": (0.5, 0.5),
            "forward": (3.0, 3.0),
            "backward": (6.0, 6.0 + step_ms[1] - step_ms[0]),
            "optimizer": (0.5, 0.5),
        },
    )
    told: dict[str, Any] = {}
    if "log_ratio" in changes:
        told["middle_log_ratio"] = changes["log_ratio"]
    if "step_ms" in changes:
        told["middle_ms"] = changes["step_ms"]
    return msgspec.structs.replace(pair, **told | changes)


def block_pair(number: int, ratios: Sequence[float], **changes: Any) -> Pair:
    """A duet session of blocks with these log ratios."""
    return made_pair(
        number,
        median(ratios),
        blocks_ms=tuple((10.0, 10.0 * exp(ratio)) for ratio in ratios),
        quiet_percent=0.25,
        **changes,
    )


def pairs_of(effects: Sequence[float]) -> list[Pair]:
    """One session for each effect, a log ratio."""
    return [made_pair(number, effect) for number, effect in enumerate(effects, 1)]


def spread_around(center: float, spread: float) -> list[Pair]:
    """Eight sessions around an effect."""
    return pairs_of([center + spread * one for one in SPREAD])


def judged(
    pairs: Sequence[Pair], design: Design = "duet", looks: Looks | None = None, look: int = 0
) -> Judged:
    """What they say at a margin of 2 %: in one look, unless looks are given."""
    return judge_pairs(pairs, design, looks or one_look(max(len(pairs), 2)), look, MARGIN)


def made_comparison(
    pairs: Sequence[Pair] = (), design: Design = "duet", **changes: Any
) -> Comparison:
    """An ended comparison of bf16 with and without channels-last; nine per cent, unless given."""
    pairs = tuple(pairs or spread_around(log(1.09), 0.01))
    found = judged(pairs, design)
    config = made_config(nodes=1, engine="none", launcher="direct")
    other = msgspec.structs.replace(config, channels_last=False)
    record = Comparison(
        id=COMPARISON_ID,
        status="invalid" if found.word == "invalid" else "ok",
        why=found.why,
        verdict=found.word,
        tool_version="0.1.0",
        created="2026-03-01T12:00:00+00:00",
        duration_s=301.5,
        command=("compare", "--a", "--amp", "--b", "--amp --no-channels-last"),
        design=design,
        limits=Limits(
            margin_percent=100 * MARGIN,
            max_sessions=len(pairs),
            max_minutes=20.0,
            pairs=10 if design == "duet" else 0,
            block_steps=4 if design == "duet" else 0,
            looks=(len(pairs),),
        ),
        a=Side(
            given="--amp",
            run="20260301-120001-resnext50_32x4d_1n-aaaa",
            requested={"amp": True},
            resolved=config,
        ),
        b=Side(
            given="--amp --no-channels-last",
            run="20260301-120001-resnext50_32x4d_1n-bbbb",
            requested={"amp": True, "channels_last": False},
            resolved=other,
        ),
        differences=(Difference(what="channels-last", a="on", b="off"),),
        environment=made_record().environment,
        looks_taken=1,
        ended_by=_ended_by(found),
        **told_figures(found),
        thresholds=Thresholds(),
        pairs=pairs,
        notes=(),
        children=(
            "20260301-120001-resnext50_32x4d_1n-aaaa",
            "20260301-120001-resnext50_32x4d_1n-bbbb",
        ),
    )
    return msgspec.structs.replace(record, **changes)


def _ended_by(found: Judged) -> End:
    if found.word == "invalid":
        return "invalid"
    return "sessions" if found.word == "can't tell" else "told"
