"""Where made data and proofs are kept between runs."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the folder of the cache; it is not created, as reading must not write."""
    if own := os.environ.get("RESNEXT_BENCH_CACHE"):
        return Path(own).expanduser()
    import platformdirs  # noqa: PLC0415  (10 ms that most commands do without)

    return platformdirs.user_cache_path("resnext-bench")
