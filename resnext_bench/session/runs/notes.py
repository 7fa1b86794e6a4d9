"""Notes of many sessions, each kind said once."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

MOST_LISTED: Final = 8
"""Sessions named with a note."""


def notes_of_sessions(notes: Iterable[tuple[int, str]], what: str = "") -> list[str]:
    """Say each kind of note once, with its sessions; those of a kind differ in their numbers."""
    kinds: dict[str, list[tuple[int, str]]] = {}
    for number, note in notes:
        kinds.setdefault(re.sub(r"\d[\d.,]*", "#", note), []).append((number, note))
    found = []
    for told in kinds.values():
        numbers = list(dict.fromkeys(number for number, _ in told))
        one = re.sub(r"^session \d+[:,] ", "", told[0][1])
        if what and len(numbers) == 1:
            found.append(f"session {numbers[0]} {what.replace('do', 'does')}{one}")
        elif what:
            found.append(f"sessions {_listed(numbers)} {what}{one}")
        else:
            found.append(f"session{'s' * (len(numbers) > 1)} {_listed(numbers)}: {one}")
    return found


def _listed(numbers: Sequence[int]) -> str:
    """1, 2, 3 and 7; of many the first few."""
    if len(numbers) > MOST_LISTED:
        return f"{', '.join(map(str, numbers[:MOST_LISTED]))} and {len(numbers) - MOST_LISTED} more"
    return " and ".join(filter(None, (", ".join(map(str, numbers[:-1])), str(numbers[-1]))))
