"""A comparison of scripts as asked for, and a display that shows nothing."""

from pathlib import Path
from typing import Any

from resnext_bench.reports.schema.comparison import Limits
from resnext_bench.session.compare.opening_script import AskedScript


class Silent:
    """A display that shows nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def made_asked(folder: Path, **changes: Any) -> AskedScript:
    """Arguments 5 and 6, four sessions at most."""
    limits = Limits(margin_percent=2.0, max_sessions=4, max_minutes=5.0, pairs=0, block_steps=0)
    fields: dict[str, Any] = {
        "script": ("python", "train.py"),
        "arguments": (("5",), ("6",)),
        "revisions": (None, None),
        "folder": folder,
        "limits": limits,
        "root": folder / "runs",
        "command": ("compare",),
    }
    return AskedScript(**(fields | changes))
