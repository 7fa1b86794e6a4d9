"""Tables of the words of verdicts: when each is given, and to which exit code it comes."""

from typing import Final

from resnext_bench.reports.schema.verdicts import VERDICTS, words_of

CODES: Final = {
    None: "0",
    "slower": "1",
    "unsure": "3, or 0 with `--allow-unsure`",
    "invalid": "3, or 0 with `--allow-invalid`",
}
"""Exit codes of a comparison, by what its verdict comes to."""


def words() -> str:
    """Return a row for each word."""
    rows = (f"| **{word}** | {one.when} |" for word, one in VERDICTS.items())
    return "\n".join(("| word | when |", "|---|---|", *rows))


def codes() -> str:
    """Return a row for each exit code."""
    rows = (f"| {words_of(outcome)} | {code} |" for outcome, code in CODES.items())
    return "\n".join(("| words | exit code |", "|---|---|", *rows))
