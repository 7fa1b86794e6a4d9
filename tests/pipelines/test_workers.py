"""Functions over many items: in several processes, or in this one where there can be no other."""

import errno
import os

import pytest

from resnext_bench.pipelines import workers
from resnext_bench.pipelines.workers import over


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EROFS, errno.ENOSPC])
def test_where_processes_cannot_have_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Theirs lie in /dev/shm, which may be missing, read-only or full."""

    def refused(*given: object, **how: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(workers, "ProcessPoolExecutor", refused)
    assert list(over(abs, [-1, 2, -3], workers=2)) == [1, 2, 3]
