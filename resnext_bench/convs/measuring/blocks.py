"""Times a block of calls: from a moment at which the device has nothing to do to the next such."""

import time
from collections.abc import Callable

Call = Callable[[], object]


def block_s(run: Call, before: Call, settle: Call) -> float:
    """Return the length of `run`, s; `before` comes first and is not counted.

    The device is waited for before and after, and nowhere in between.
    """
    before()
    settle()
    start = time.perf_counter()
    run()
    settle()
    return time.perf_counter() - start
