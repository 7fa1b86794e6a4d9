"""What loader processes say on their standard error, which nobody else passes on.

A loader whose batch finds no room in shared memory loses it and lives on: its rank would wait for
that batch for ever.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.job import SessionFolder
from bench.machine.shared_memory import ADVICE, shared_memory_words
from reports.schema.record import Failure

_LOST: Final = re.compile(
    rb"(unable to (allocate shared memory|write to file|resize|open|mmap)[^\n]*"
    rb"(No space left on device|Read-only file system|Cannot allocate memory|Permission denied"
    rb"|No such file or directory|Too many open files))"
)
"""What torch says where a batch cannot be put into shared memory."""
_MOST_BYTES: Final = 65_536
"""Read of each log at one look."""


@dataclass(kw_only=True, slots=True)
class LoaderWatch:
    """Reads what was added to the ranks' logs since the last look."""

    folder: SessionFolder
    _read: dict[Path, int] = field(default_factory=dict)

    def look(self) -> Failure | None:
        """Return the failure that a loader's words tell of, as soon as they are there."""
        for log in sorted(self.folder.logs.glob("rank-*.log")):
            if found := _LOST.search(self._added(log)):
                rank = int(log.stem.partition("-")[2])
                what = found[1].decode(errors="replace")
                told = f"rank {rank}: a loader process lost a batch: {what}"
                return Failure(
                    rank=rank,
                    what=f"{told} ({shared_memory_words()}; {ADVICE})",
                    log=str(log),
                    log_tail=(),
                )
        return None

    def _added(self, log: Path) -> bytes:
        try:
            with log.open("rb") as stream:
                at = self._read.get(log, 0)
                stream.seek(max(0, at - 512))  # a line may have been cut
                data = stream.read(_MOST_BYTES)
                self._read[log] = stream.tell()
                return data
        except OSError:
            return b""
