"""The table of docs/verdicts.md, from the stored JSON.

    python -m resnext_bench.lab.calibration.table

Each row shows the worst of all figures that its pattern finds, with its 95 % bound.
"""

import re
from typing import Any

from resnext_bench.lab.kept import read_result

ROWS = (
    ("Mann-Whitney of record reproduced: false alarms, quiet", r"Whitney, quiet: false"),
    ("the same, shared", r"Whitney, shared: false"),
    ("the same, hostile", r"Whitney, hostile: false"),
    ("no change, duet, all looks: faster, slower or negligible", r"A/A duet, \w+, up to \d+: fal"),
    ("the same, cut by time", r"A/A duet, .* cut by time: false"),
    ("the same, relaunch", r"A/A relaunch, .*: false"),
    ("the same, duets of as many pairs as scatter asks for", r"A/A, .* pairs on average.*: false"),
    ("no change, quiet, at most 10 sessions: same", r"A/A duet, quiet, up to 10: same"),
    ("no change, shared, at most 10 sessions: same", r"A/A duet, shared, up to 10: same"),
    ("the same, hostile, at most 26", r"A/A duet, hostile, up to 26: same"),
    ("the same, as many pairs as scatter asks for", r"A/A, .* pairs on average.*: same"),
    ("2 % slower, quiet, at most 10 sessions: slower", r"\+2 % duet, quiet, up to 10: slower"),
    ("2 % slower, shared, at most 10 sessions: slower", r"\+2 % duet, shared, up to 10: slower"),
    ("2 % slower, hostile, at most 26 sessions: slower", r"\+2 % duet, hostile, up to 26: slower"),
    ("the same, were the looks of equal shares", r"looks of equal shares"),
    ("2 % slower, duets of as many pairs as scatter asks for", r"\+2 %, .* on average.*: slower"),
    ("2 % slower, at the margin: same", r"\+2 % duet, .*: same"),
    ("25 % slower, at most 26 sessions: told after 4", r"\+25 %"),
    ("99 % interval of the median step, 5, 10 or 20 duets, covers", r"99 % .* duets, middle"),
    ("the same, 10 relaunches", r"99 % .* relaunches, middle"),
    ("99 % interval of all steps, 5, 10 or 20 duets, covers", r"99 % .* duets, total"),
    ("the same, 10 relaunches", r"99 % .* relaunches, total"),
    ("the same, slow steps of b, or of both, at equal distances", r"99 % .* (b|both) every"),
    ("the same, 2 % of b's steps x 10, at random", r"99 % .* b 2 % at random"),
    ("N more, after 10 or 20 sessions: within 2x", r"N more after [12]0"),
    ("N more, after 5 sessions (not promised)", r"N more after 5"),
    ("24 cells without a change, p < .05: reports with an alarm", r"24 cells, raw"),
    ("the same, Benjamini-Hochberg q = .05", r"24 cells, Benj"),
    ("the same, Holm .05", r"24 cells, Holm"),
    ("4 % boost-then-throttle, one launch, shared: bias", r"boost .*, shared, launch of \d+: bias"),
    ("the same, hostile", r"boost .*, hostile, launch of \d+: bias"),
    ("the same, shared by both sides of a duet", r"boost .*, shared, duet: bias"),
    ("0.01 % a step: never steady", r"never steady, trending"),
    ("no trend: never steady", r"never steady, (?!trending)"),
    ("b alone moves by 0.01 % a step: never steady", r"b moves against a, .*, b moves"),
    ("neither moves against the other: never steady", r"b moves against a, .*, neither moves$"),
    ("the same, duets of as many pairs as scatter asks for", r"neither moves, 10 to 100 pairs"),
    ("b's every 4th step x 6 (+125 %): same", r"^b every 4th .*: same"),
    ("b's every 10th step x 3 (+20 %): same", r"^b every 10th .*: same"),
    ("b's every 50th step x 10 (+18 %), or x 2.5 (+3 %): same", r"^b every 50th .*: same"),
    (
        "b's every 200th step x 20 (+9.5 %), sessions of 100 steps: same",
        r"^b every 200th.* up .*same",
    ),
    ("the same, as many pairs as scatter asks for", r"^b every 200th.*average.*: same"),
    ("30 % of b's steps x 1.5, or 2 % x 10, at random: same", r"^b \d+ % at random.*: same"),
    ("any of these: faster", r"^b .*: faster"),
    ("b's every 4th, 10th or 50th x 10: slower", r"^b every (4th|10th|50th x 10).*: slower"),
    ("b's every 50th step x 2.5 (+3 %): slower", r"^b every 50th x 2.5.* up to.*: slower"),
    ("the same slow steps on both sides: faster, slower or negligible", r"^both .*: false"),
    ("the same, b 2 % slower: slower", r"^both every.*, b \+2 %: slower"),
    ("30 % of both sides' steps x 1.5 at random, b 2 % slower: slower", r"^both 30.*: slower"),
    ("one step of one session x 100: faster, slower or negligible", r"^one step x 100.*: false"),
    ("the same, b 2 % slower: slower", r"^one step x 100.*, b \+2 %: slower"),
)


def table(kept: dict[str, Any]) -> str:
    """Return the stored figures as Markdown."""
    figures = [row for case in kept["cases"].values() for row in case["figures"]]
    lines = [_line(promise, pattern, figures) for promise, pattern in ROWS]
    head = "| simulated | goal, % | worst, % | 95 % bound | n | |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(lines) + "\n"


def _line(promise: str, pattern: str, figures: list[dict[str, Any]]) -> str:
    found = max((row for row in figures if re.search(pattern, row["what"])), key=_badness)
    bound = f"{found['low']:z.2f} to {found['high']:z.2f}"
    goal, outcome = _goal(found), found["outcome"].replace("no goal", "")
    return f"| {promise} | {goal} | {found['value']:z.2f} | {bound} | {found['n']} | {outcome} |"


def _badness(row: dict[str, Any]) -> float:
    """Return how bad a figure is: by its goal; without a goal, high is good except for bias."""
    least, most, value = row["least"], row["most"], row["value"]
    if least is not None and most is not None:
        return float(abs(value - (least + most) / 2))
    if "bias" in row["what"]:
        return float(abs(value))
    return float(value if most is not None else -value)


def _goal(row: dict[str, Any]) -> str:
    least, most = row["least"], row["most"]
    if least is None and most is None:
        return ""
    if least is None:
        return f"≤ {most:g}"
    return f"≥ {least:g}" if most is None else f"{least:g} to {most:g}"


if __name__ == "__main__":
    print(table(read_result("calibration")), end="")
