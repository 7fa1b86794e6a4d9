"""Ranks that could not write: the disk's error is raised again where the run is recorded."""

import msgspec

from resnext_bench.job import RankError, SessionFolder
from resnext_bench.reports.errors import Unwritten


def raise_unwritten(folder: SessionFolder) -> None:
    """Raise the error that a rank met in writing, if that is why it ended."""
    for path in sorted(folder.ranks.glob("rank-*.error.json")):
        found = msgspec.json.decode(path.read_bytes(), type=RankError).unwritten
        if found:
            raise Unwritten(found.number, found.why, found.path)
