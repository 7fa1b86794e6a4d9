"""What is wrong with a session, or should be known of it, as facts: a kind, and values.

Code depends only on these facts. The sentences that records hold next to them are for readers; they
are made in `reports/render/notes.py`, and no code reads them back.
"""

from typing import Final, Literal

import msgspec

NoteKind = Literal[
    # of what was trained
    "loss_not_finite",
    "nothing_trained",
    "parameters_stuck",
    "batches_repeat",
    "ranks_differ",
    "parameters_unused",
    "parameters_idle",
    "parameters_decayed",
    "parameters_frozen",
    "gradient_format",
    "files_left_out",
    "allocator_retried",
    # of the machine under it
    "cores_lost",
    "lost_gpu",
    "far_cores",
    "rank_slow",
    "gpu_errors",
    "gpu_xid",
    "throttled",
    "foreign_process",
    "power_capped",
    "reasons_untold",
    "gpus_unwatched",
    "gpus_partly_watched",
    # of a session that was cut
    "unchecked",
    "host_clock",
    # of two sides
    "unsteady",
    "waiting_side_busy",
    "hurried",
    "relaunched",
    "launched_in_turn",
    "blocks_fitted",
    "blocks_unfit",
    # of a user's script
    "steps_too_short",
    "steps_too_long",
    "steps_exceed_launch",
    "clock_too_coarse",
    "sides_in_other_units",
    "unlike_earlier",
    "others_busy",
    # of the profiles that follow a verdict
    "profile_failed",
    "profile_interrupted",
    "profile_unwritten",
    "profile_unread",
    "profile_unsaved",
    "profile_skipped",
    "profile_disagrees",
    # what no kind stands for
    "told",
]
Value = bool | int | float | str | None | tuple[int | str, ...]
Which = Literal["", "a", "b", "ab"]
SIDES: Final[tuple[Which, Which]] = ("a", "b")

SHARES: Final = frozenset({"percent", "others", "steal"})
"""Names of values that say how much of something there was; `percent` decides what is worst."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact about a session."""

    kind: str
    """Kind of the note: a `NoteKind`, or a word that only later versions know."""
    side: Which = ""
    """Side of a comparison that the note is about; empty for both together, and for runs."""
    values: dict[str, Value] = {}
    """Values by name: those that the sentence needs, and those that code asks for."""

    @property
    def group(self) -> tuple[object, ...]:
        """What notes of many sessions must share to be shown once, in the words of the first.

        Everything but numbers counts: a power brake is not a thermal slowdown. For shares, it
        counts whose they are, not how large they are. `why` is a sentence with numbers in it, and
        is left out where `of` names its cause.
        """
        alike = {
            name: value
            for name, value in self.values.items()
            if not isinstance(value, int | float) or isinstance(value, bool)
        }
        if "of" in alike:
            alike.pop("why", None)
        shares = (name for name in sorted(SHARES) if name in self.values)
        takers = tuple(name for name in shares if round(self._number(name)))
        return self.kind, self.side, takers, tuple(sorted(alike.items(), key=lambda one: one[0]))

    @property
    def but_for_shares(self) -> tuple[object, ...]:
        """What two notes have in common if they differ only in how much there was."""
        kept = {name: value for name, value in self.values.items() if name not in SHARES}
        return self.kind, frozenset(kept.items())

    @property
    def percent(self) -> float:
        """How much of it there was, per cent; 0 for kinds without a measure."""
        return self._number("percent")

    def _number(self, name: str) -> float:
        found = self.values.get(name)
        return float(found) if isinstance(found, int | float) else 0.0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found about a session."""

    invalid: tuple[Note, ...] = ()
    """Reasons why the session does not count."""
    unsteady: tuple[Note, ...] = ()
    """What did not settle; only for sessions of comparisons."""
    notes: tuple[Note, ...] = ()
    """What a reader should know, although the session counts."""


def note(kind: NoteKind, side: Which = "", /, **values: Value) -> Note:
    """Return a note of a kind that this version knows."""
    return Note(kind=kind, side=side, values=values)
