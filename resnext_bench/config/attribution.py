"""Options of an attribution: whether a run measures what loading costs."""

from typing import Any, Final

from resnext_bench.config.answers import Answers
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import RunConfig

ROUNDS: Final = 10
"""Number of rounds with which the interval is some per cent of the cost; they take a minute if
steps are short."""


def choose_attribution(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Choose for how many rounds real steps, synthetic steps and the loader alone take turns."""
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
            f"--attribution-rounds {rounds}: give an even number, such as {rounds + 1}, so that "
            "each side comes early as often as late"
        )
    if values["decode"] == "none":
        raise UsageError(
            f"--attribute: --pipeline {values['pipeline']} loads no images; give dali or "
            "torchvision"
        )
    if values["profile_steps"]:
        raise UsageError("--attribute and --profile cannot be combined; leave one of them out")
    if pick.member:
        raise CannotHere(
            f"--attribute: {pick.member.launcher} has started the ranks, but each side needs ranks "
            "of its own; start the command without it, on one node"
        )


def other_threads(config: RunConfig, cores: int) -> int:
    """Return the threads of a second loader to try: twice as many, or half if `cores` are taken.

    0 where a run does not measure what loading costs.
    """
    if not config.attribution_rounds:
        return 0
    more = min(2 * config.loader_threads, cores)
    return more if more > config.loader_threads else config.loader_threads // 2
