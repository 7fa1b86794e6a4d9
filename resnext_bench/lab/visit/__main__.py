"""Measures every GPU fact in one short visit: `command.py` says what it does, and its options.

`nox -s gpu` starts it, or `python -m resnext_bench.lab.visit` where nox is missing.
"""

import sys
from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("torch", "msgspec", "numpy", "scipy", "rich", "typer", "isal", "duckdb")
"""Packages without which nothing can be measured; their modules have the same names."""


def main() -> int:
    """Start the visit, or say which packages are missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"error: not installed: {', '.join(missing)}\n"
            "Install resnext-bench with its extra `train`, or bring the wheels of these.",
            file=sys.stderr,
        )
        return 5
    from resnext_bench.lab.visit.command import main as visit  # noqa: PLC0415  (needs them all)

    return visit()


if __name__ == "__main__":
    raise SystemExit(main())
