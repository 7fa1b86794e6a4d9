"""Measures how fast ResNeXt trains on a machine or a cluster, and says where the time goes.

Everything of ours lives in this one package: a project may have folders called bench, reports or
pipelines, and installing us must change nothing for it. A script of a user's needs no more than
`resnext_bench.step()`, which `compare` gives it as one file, `steps.py`, under the package's name.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnext_bench.steps import step

__all__ = ["step"]


def __getattr__(name: str) -> Any:
    """Load what users' scripts call when they call it: not at each start of the program."""
    if name == "step":
        from resnext_bench.steps import step  # noqa: PLC0415

        return step
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
