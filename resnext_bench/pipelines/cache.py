"""Where made data and proofs are kept between runs."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """The folder of the cache; it is not created, as reading alone must not write."""
    if own := os.environ.get("RESNEXT_BENCH_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "resnext-bench"
    return Path.home() / ".cache" / "resnext-bench"
