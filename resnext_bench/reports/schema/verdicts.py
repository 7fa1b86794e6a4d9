"""The words of a verdict on b against a: each is one entry, with what follows from it.

Nothing is imported here but typing, so that `--help` stays fast.
"""

from typing import Final, Literal, NamedTuple

Word = Literal["faster", "slower", "negligible", "same", "can't tell", "never steady", "invalid"]


class Verdict(NamedTuple):
    """One word. It is not a dataclass, which would slow every `--help`."""

    when: str
    """When it is given, for the page on verdicts; δ is the margin."""
    outcome: Literal["slower", "unsure", "invalid"] | None = None
    """What it comes to for the exit code; None where all is fine."""
    is_change: bool = False
    """Whether b differs from a, be it by less than the margin."""


VERDICTS: Final[dict[Word, Verdict]] = {
    "faster": Verdict(
        when="the interval lies below 0, and changes of δ or more are not excluded", is_change=True
    ),
    "slower": Verdict(
        when="the interval lies above 0, and changes of δ or more are not excluded",
        outcome="slower",
        is_change=True,
    ),
    "negligible": Verdict(
        when=(
            "the interval excludes 0 and lies inside ±δ: a change for certain, and too small to "
            "matter"
        ),
        is_change=True,
    ),
    "same": Verdict(
        when=(
            "the interval holds 0, and two one-sided t tests (TOST, Schuirmann 1987) exclude ±δ; "
            "their error of 5 % is shared out over the looks like the other one"
        )
    ),
    "can't tell": Verdict(when="none of these; about N more sessions would", outcome="unsure"),
    "never steady": Verdict(
        when="step times moved while sessions lasted: a ratio of them would mean nothing",
        outcome="unsure",
    ),
    "invalid": Verdict(when="the machine or the training failed its guards", outcome="invalid"),
}
"""Verdicts by their word."""
CHANGES: Final = frozenset(word for word, one in VERDICTS.items() if one.is_change)
"""Verdicts that b differs from a."""


def words_of(outcome: str | None) -> str:
    """Return the words that come to an outcome, as a list in a sentence."""
    return ", ".join(word for word, one in VERDICTS.items() if one.outcome == outcome)
