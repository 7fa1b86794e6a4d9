"""Checks what makes each process of a measurement start slowly."""

from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

from resnext_bench.machine.doctor.findings import Activity, Check, Finding, Severity, fine, hidden
from resnext_bench.machine.host.sources import Sources, plain

_MOST_UNCOMPILED: Final = 0.5


def bytecode(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check whether torch's modules are compiled, or each process compiles them again.

    Containers often set PYTHONDONTWRITEBYTECODE, and uv installs without compiling. Measured on two
    cores: torch with torch._dynamo, which the optimizer imports, starts in 4 s if compiled and in
    10 s if not, in each process of each session.
    """
    if sources.torch is None:
        yield hidden("bytecode", "torch is not installed")
        return
    modules = [str(path) for path in sources.torch.glob("*.py")]
    compiled = [name for name in modules if Path(cache_from_source(name)).exists()]
    share = len(compiled) / max(1, len(modules))
    text = f"{len(compiled)} of {len(modules)} of torch's first modules are compiled"
    if share >= _MOST_UNCOMPILED or not sources.environ.get("PYTHONDONTWRITEBYTECODE"):
        yield fine("bytecode", text, number=100 * share, unit="%")
        return
    yield Finding(
        check="bytecode",
        severity=Severity.NOTE,
        value=f"{text}, and PYTHONDONTWRITEBYTECODE keeps the others from being compiled",
        number=100 * share,
        unit="%",
        why=(
            "each process compiles torch again, which takes seconds per session, so fewer fit "
            "into a budget"
        ),
        advice="compile the installed packages once",
        command=f"python -m compileall -q -j 0 {plain(str(sources.torch.parent))}",
    )


CHECKS: Final[tuple[Check, ...]] = (bytecode,)
