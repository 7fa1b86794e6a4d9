"""`nox -s bench`: what the harness itself costs, as ratios within one run.

    python -m resnext_bench.lab.bench [startup | loop | monitor | CASE ...] [--sessions K]
                          [--pairs N] [--steps N] [--inject SHARE] [--json FILE]

Exit code 0 when every 99 % interval lies within 0.99 to 1.01 (start-up: at most 1.2), 1 when one
lies outside, 3 when the machine is too noisy to tell; `monitor` has a limit of its own. With
--json, finished sessions are kept in FILE as they come, and a run that was cut goes on from there.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from statistics import median

from resnext_bench.lab.bench.fidelity import CASES, session_pairs
from resnext_bench.lab.bench.intervals import Pairs, cost_of, ratio_of
from resnext_bench.lab.bench.monitor import check
from resnext_bench.lab.bench.plan import Plan
from resnext_bench.lab.bench.startup import startup_pairs
from resnext_bench.lab.kept import Kept, hardware, parser_for, read_same, store, today, versions

ALL = ("startup", "loop", "monitor", *CASES)
STARTUP_LIMIT = 1.2
LOOP = Plan(pairs=100, steps=200, tiny=True)


def main() -> int:
    """Run the cases one after another; a cost above its limit outweighs a case that can't tell."""
    options = options_of()
    checks = {"startup": _startup, "loop": _loop, "monitor": _monitor} | dict.fromkeys(
        CASES, _fidelity
    )
    codes = [checks[case](case, options) for case in options.cases]
    return 1 if 1 in codes else max(codes)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options; all cases where none is named."""
    parser = parser_for("bench", __doc__)
    parser.add_argument("cases", nargs="*", type=_case, metavar="CASE", help=", ".join(ALL))
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--inject", type=float, default=0.0)
    options = parser.parse_args(arguments)
    options.cases = options.cases or ALL
    return options


def _case(name: str) -> str:
    """Return the name of a known case; `choices` would refuse an empty list in Python 3.11."""
    if name not in ALL:
        raise argparse.ArgumentTypeError(f"{name}: no such case; choose from {', '.join(ALL)}")
    return name


def _startup(case: str, options: argparse.Namespace) -> int:
    """Measure start-up, with more pairs if twenty miss the limit: a neighbour may slow one side."""
    pairs: Pairs = []
    for more in (20, 80):
        pairs += startup_pairs(more)
        ratio = median(ours / empty for ours, empty in pairs)
        told = f"(limit {STARTUP_LIMIT}, n = {len(pairs)})"
        print(f"start-up    --help / empty Typer app  {ratio:.3f}  {told}", flush=True)
        if ratio <= STARTUP_LIMIT:
            return 0
    return 1


def _loop(case: str, options: argparse.Namespace) -> int:
    """Measure the loop alone, with one linear layer, so that its cost is not lost in the noise."""
    found = cost_of(_sessions(case, LOOP, options), LOOP.steps)
    print(
        f"{case:<12}our loop adds {found.estimate_us:.1f} us to a step, 99 % {found.low_us:.1f} to "
        f"{found.high_us:.1f}: under 1 % of every step above {found.high_us / 10:.1f} ms",
        flush=True,
    )
    return 0


def _monitor(case: str, options: argparse.Namespace) -> int:
    return check()


def _fidelity(case: str, options: argparse.Namespace) -> int:
    plan = Plan(pairs=options.pairs, steps=options.steps, inject=options.inject)
    found = ratio_of(_sessions(case, plan, options))
    print(
        f"{case:<12}ours / bare  {found.estimate:.4f}  99 % {found.low:.4f} to {found.high:.4f}"
        f"  {found.verdict}  (n = {found.sessions} sessions of {plan.pairs} pairs of "
        f"{plan.steps} steps; smallest detectable effect {found.detectable_percent:.2f} %)",
        flush=True,
    )
    return {"within": 0, "outside": 1, "can't tell": 3}[found.verdict]


def _sessions(case: str, plan: Plan, options: argparse.Namespace) -> list[Pairs]:
    """Return as many sessions as requested, those of an earlier run that was cut first."""
    facts = _facts(options)
    kept = read_same(options.json, facts) or {}
    sessions: list[Pairs] = kept.setdefault("sessions", {}).setdefault(case, [])
    while len(sessions) < options.sessions:
        turned = replace(plan, bare_first=len(sessions) % 2 == 1)
        sessions.append(session_pairs(CASES[0] if plan.tiny else case, turned))
        store(options.json, facts | _so_far(kept["sessions"]), indent=None)
    return sessions


def _so_far(sessions: dict[str, list[Pairs]]) -> Kept:
    """Return the sessions of all cases, and what follows where there are enough of them."""
    enough = {case: found for case, found in sessions.items() if len(found) > 1}
    said = {
        case: asdict(cost_of(found, LOOP.steps) if case == "loop" else ratio_of(found))
        for case, found in enough.items()
    }
    rounded = {
        case: [[[round(s, 6) for s in pair] for pair in pairs] for pairs in found]
        for case, found in sessions.items()
    }
    return {"found": said, "sessions": rounded}


def _facts(options: argparse.Namespace) -> Kept:
    return {
        "what": "seconds per block, [ours, bare], by case and session",
        "date": today(),
        "hardware": hardware(),
        "versions": versions("resnext-bench", "torch", "torchvision", "nvidia-dali-cuda130"),
        "seed": 0,
        "pairs": options.pairs,
        "steps": options.steps,
        "inject": options.inject,
    }


if __name__ == "__main__":
    raise SystemExit(main())
