"""How records of `convs` are kept: stored, or shown where they cannot be, or cut by Ctrl-C."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from resnext_bench.cli.data.shared import Tell, at_work
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.show import show_stored
from resnext_bench.errors import Interrupted, NotKept, is_of_the_environment
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.schema.kinds import Stored
from resnext_bench.reports.schema.releases import Releases
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import describe, write_atomically

Done = Literal["measured", "listed"]


Beside = Callable[[], Mapping[str, bytes]]
"""Returns the files that stand beside a record, by their names."""


def kept(record: Convs | Releases, folder: Path, beside: Beside = dict) -> Stored:
    """Store a record in a folder of its own among the runs; raise NotKept where that fails."""
    try:
        own = runs.create(folder, f"{record.kind}_{record.model or 'given'}")
        for name, data in beside().items():
            write_atomically(own / name, data)
        files = tuple(describe(own / name, own) for name in beside())
        record = msgspec.structs.replace(record, id=own.name, files=files)
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
    with kept_and_shown(folder, form, "measured"), at_work("nothing was measured yet") as tell:
        yield tell


@contextmanager
def kept_and_shown(folder: Path, form: Format, done: Done, beside: Beside = dict) -> Iterator[None]:
    """Store and show what was `done` until Ctrl-C before the program ends."""
    try:
        yield
    except Interrupted as end:
        if not isinstance(end.record, Convs | Releases):
            raise Interrupted(f"interrupted; nothing was {done} yet") from None
        with undisturbed():
            record = kept(end.record, folder, beside)
        show_stored(record, form)
        where = folder / record.id
        raise Interrupted(f"interrupted; what was {done} is in {where}", record) from None
