"""Keeps what was measured of convolutions by the time at which Ctrl-C ended it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from resnext_bench.errors import Interrupted
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.schema.kinds import Stored
from resnext_bench.reports.schema.releases import Releases
from resnext_bench.wording import count_of

T = TypeVar("T", Convs, Releases)


@contextmanager
def kept_when_cut(so_far: Callable[[], Stored | None]) -> Iterator[None]:
    """Raise Interrupted with the record of what there is so far if the body is interrupted.

    `so_far` returns None where nothing was measured by then.
    """
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        with undisturbed():
            record = so_far()
        raise Interrupted("interrupted", record) from None


def cut(record: T, where: str) -> T:
    """Return a record as that of an interrupted measurement, with where it stood."""
    return msgspec.structs.replace(record, status="interrupted", why=where)


def after(done: int, asked: int, what: str = "problem") -> str:
    """Say after how many problems, or what else was asked for, it was interrupted."""
    return f"after {done} of {count_of(asked, what)}"
