"""`nox -s gpu`, or `python -m tests.gpu` where nox is missing: every GPU fact in one short visit.

What it does, and its options: `tests.gpu.kit.command`.
"""

import sys
from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("torch", "msgspec", "numpy", "scipy", "rich", "typer", "isal", "duckdb")
"""Packages without which nothing can be measured; their modules have the same names."""


def main() -> int:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"error: not installed: {', '.join(missing)}\n"
            "Install resnext-bench with its extra `train`, or bring the wheels of these.",
            file=sys.stderr,
        )
        return 5
    from tests.gpu.kit.command import main as visit

    return visit()


if __name__ == "__main__":
    raise SystemExit(main())
