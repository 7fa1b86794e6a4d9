"""`nox -s bench`: what the harness itself costs, as ratios within one run.

    python -m resnext_bench.lab.bench [startup | loop | monitor | CASE ...] [--sessions K]
                          [--pairs N] [--steps N] [--inject SHARE] [--json FILE]

Exit code 0 when every 99 % interval lies within 0.99 to 1.01 (start-up: at most 1.2), 1 when one
lies outside, 3 when the machine is too noisy to tell; `monitor` has a limit of its own. With
--json, finished sessions are kept in FILE as they come, and a run that was cut goes on from there.
"""

import argparse
import json
import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from resnext_bench.lab.bench.fidelity import CASES, session_pairs
from resnext_bench.lab.bench.intervals import cost_of, ratio_of
from resnext_bench.lab.bench.monitor import check
from resnext_bench.lab.bench.plan import Plan
from resnext_bench.lab.bench.startup import startup_pairs
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.store.files import write_atomically

STARTUP_LIMIT = 1.2
PACKAGES = ("resnext-bench", "torch", "torchvision", "nvidia-dali-cuda130")
LOOP = Plan(pairs=100, steps=200, tiny=True)


def main() -> int:
    options = _options()
    checks = {"startup": _startup, "loop": _loop, "monitor": _monitor} | dict.fromkeys(
        CASES, _fidelity
    )
    codes = [checks[case](case, options) for case in options.cases]
    return 1 if 1 in codes else max(codes, default=0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument(
        "cases",
        nargs="*",
        default=["startup", "loop", "monitor", *CASES],
        choices=["startup", "loop", "monitor", *CASES],
        metavar="CASE",
    )
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--inject", type=float, default=0.0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _startup(case: str, options: argparse.Namespace) -> int:
    """More pairs where twenty do not show it: for some seconds a neighbour may slow one side."""
    pairs: list[tuple[float, float]] = []
    for more in (20, 80):
        pairs += startup_pairs(more)
        ratio = median(ours / empty for ours, empty in pairs)
        told = f"(limit {STARTUP_LIMIT}, n = {len(pairs)})"
        print(f"start-up    --help / empty Typer app  {ratio:.3f}  {told}", flush=True)
        if ratio <= STARTUP_LIMIT:
            return 0
    return 1


def _loop(case: str, options: argparse.Namespace) -> int:
    """The loop alone: one linear layer, so that what we add is not lost in the noise."""
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


def _sessions(
    case: str, plan: Plan, options: argparse.Namespace
) -> list[list[tuple[float, float]]]:
    """As many sessions as asked for; those of an earlier run that was cut come first."""
    kept = _load(options)
    sessions = kept.setdefault("sessions", {}).setdefault(case, [])
    while len(sessions) < options.sessions:
        turned = replace(plan, bare_first=len(sessions) % 2 == 1)
        sessions.append(session_pairs(CASES[0] if plan.tiny else case, turned))
        _store(options, kept)
    return sessions


def _store(options: argparse.Namespace, kept: dict[str, Any]) -> None:
    """The sessions so far, and what they say where there are enough of them."""
    if options.json is None:
        return
    enough = {case: found for case, found in kept["sessions"].items() if len(found) > 1}
    said = {
        case: asdict(cost_of(found, LOOP.steps) if case == "loop" else ratio_of(found))
        for case, found in enough.items()
    }
    rounded = {
        case: [[[round(s, 6) for s in pair] for pair in pairs] for pairs in found]
        for case, found in kept["sessions"].items()
    }
    text = json.dumps(_facts(options) | {"found": said, "sessions": rounded})
    write_atomically(options.json, text.encode() + b"\n")


def _load(options: argparse.Namespace) -> dict[str, Any]:
    """Sessions measured before under the same conditions; others are not to be mixed in."""
    if not (options.json and options.json.exists()):
        return {}
    kept: dict[str, Any] = json.loads(options.json.read_text())
    facts = {name: value for name, value in _facts(options).items() if name != "date"}
    if any(kept.get(name) != value for name, value in facts.items()):
        raise SystemExit(f"{options.json} holds other conditions; name another file, or remove it")
    return kept


def _facts(options: argparse.Namespace) -> dict[str, object]:
    machine = inspect()
    return {
        "what": "seconds per block, [ours, bare], by case and session",
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": f"{machine.cpu_name}, {machine.usable_cores} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "seed": 0,
        "pairs": options.pairs,
        "steps": options.steps,
        "inject": options.inject,
    }


if __name__ == "__main__":
    raise SystemExit(main())
