"""How records of `convs` are kept: stored, or shown where they cannot be, or cut by Ctrl-C."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from resnext_bench.cli.data.shared import Tell, at_work
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.show import show_stored
from resnext_bench.errors import Interrupted, NotKept, is_of_the_environment
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.schema.kinds import Stored
from resnext_bench.reports.store import runs


def kept(record: Convs, folder: Path) -> Stored:
    """Store a record in a folder of its own among the runs; raise NotKept where that fails."""
    try:
        own = runs.create(folder, f"convs_{record.model or 'given'}")
        record = msgspec.structs.replace(record, id=own.name)
        return runs.save(own, record)
    except OSError as error:
        if not is_of_the_environment(error):
            raise
        raise NotKept(record, error) from error
    except StoreError as error:  # the folder became something else meanwhile
        if not isinstance(error.__cause__, OSError):
            raise
        raise NotKept(record, error.__cause__) from error


@contextmanager
def at_work_on(folder: Path, form: Format) -> Iterator[Tell]:
    """Show progress; what was measured until Ctrl-C is stored and shown before the program ends."""
    try:
        with at_work("nothing was measured yet") as tell:
            yield tell
    except Interrupted as end:
        if not isinstance(end.record, Convs):
            raise Interrupted("interrupted; nothing was measured yet") from None
        with undisturbed():
            record = kept(end.record, folder)
        show_stored(record, form)
        where = folder / record.id
        raise Interrupted(f"interrupted; what was measured is in {where}", record) from None
