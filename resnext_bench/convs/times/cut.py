"""Keeps what was measured of convolutions by the time at which Ctrl-C ended it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from resnext_bench.errors import Interrupted
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.wording import count_of


@contextmanager
def kept_when_cut(so_far: Callable[[], Convs | None]) -> Iterator[None]:
    """Raise Interrupted with the record of what there is so far if the body is interrupted.

    `so_far` returns None where nothing was measured by then.
    """
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        with undisturbed():
            record = so_far()
        raise Interrupted("interrupted", record) from None


def cut(record: Convs, why: str) -> Convs:
    """Return a record as that of an interrupted measurement; `why` says where it stood."""
    return msgspec.structs.replace(record, status="interrupted", why=f"interrupted {why}")


def after(done: int, asked: int) -> str:
    """Say after how many problems it was interrupted."""
    return f"after {done} of {count_of(asked, 'problem')}"
