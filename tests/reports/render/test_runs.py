"""Two runs side by side."""

import msgspec

from resnext_bench.reports.render.run import SIDE_BY_SIDE
from resnext_bench.reports.schema.sessions import Figures

ALONE = {
    *("images", "window_s", "steps"),
    *("images_per_s_per_device", "slow", "next_ms"),
    *("step_ms_p95", "step_ms_p99", "step_ms_max", "step_ms_jitter"),
    *("cores_lost_percent", "others_percent", "steal_percent"),
}
"""Figures without a row in `runs diff`: sizes of the window, tails, what disturbed it."""


def test_every_figure_stands_side_by_side_or_is_left_out_on_purpose() -> None:
    fields = {field.name for field in msgspec.structs.fields(Figures)}
    assert fields == {*SIDE_BY_SIDE.values()} ^ ALONE
