"""Whether a run tells what loading costs."""

from typing import Any, Final

from resnext_bench.config.answers import Answers
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import RunConfig

ROUNDS: Final = 10
"""Enough for an interval of some per cent of the cost; a minute where steps are short."""


def choose_attribution(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """How many rounds real steps, synthetic ones and the loader alone take turns."""
    switch, rounds = pick.request.get("attribute"), pick.request.get("attribution_rounds")
    if (switch is False and rounds) or (switch and rounds == 0):
        raise UsageError(
            f"--{'' if switch else 'no-'}attribute and --attribution-rounds {rounds} exclude each "
            "other"
        )
    if switch:
        chosen = int(pick("attribution_rounds", ROUNDS, "--attribute"))
    else:
        default = pick("attribution_rounds", 0, "no --attribute", tell=False)
        chosen = int(default) if switch is None else 0
    if chosen:
        _require(pick, values, chosen)
    return {"attribution_rounds": chosen}


def _require(pick: Answers, values: dict[str, Any], rounds: int) -> None:
    if rounds % 2:
        raise UsageError(
            f"--attribution-rounds {rounds}: give an even number, so that each side is as often "
            f"early as late; {rounds + 1} is one"
        )
    if values["decode"] == "none":
        raise UsageError(
            f"--attribute: --pipeline {values['pipeline']} loads nothing; give dali or torchvision"
        )
    if values["profile_steps"]:
        raise UsageError("--attribute and --profile: one at a time; leave one of them out")
    if pick.member:
        raise CannotHere(
            f"--attribute: {pick.member.launcher} has started the ranks, and each side needs its "
            "own; start it without, on one node"
        )


def other_threads(config: RunConfig, cores: int) -> int:
    """Threads of a second loader to try: twice as many, or half where all `cores` are taken.

    None where a run does not tell what loading costs.
    """
    if not config.attribution_rounds:
        return 0
    more = min(2 * config.loader_threads, cores)
    return more if more > config.loader_threads else config.loader_threads // 2
