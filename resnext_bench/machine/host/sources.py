"""Where answers about the machine come from: files of the kernel, which a test can make by hand."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The sources of answers about a machine, which tests can make up."""

    proc: Path
    sys: Path
    environ: Mapping[str, str]
    cores: tuple[int, ...]
    """Logical CPUs this process may run on."""
    pid: int
    """This process, whose own use of the cores does not count."""
    torch: Path | None
    """The folder of torch's modules; None where it is not installed."""
    dev: Path = Path("/dev")

    def cpu(self, core: int) -> Path:
        """Return the folder of one logical CPU."""
        return self.sys / f"devices/system/cpu/cpu{core}"


def here() -> Sources:
    """Return the machine as this process sees it."""
    return Sources(
        proc=Path("/proc"),
        sys=Path("/sys"),
        environ=os.environ,
        cores=tuple(sorted(os.sched_getaffinity(0))),
        pid=os.getpid(),
        torch=_torch(),
        dev=Path("/dev"),
    )


def _torch() -> Path | None:
    """Find torch without importing it."""
    spec = find_spec("torch")
    return Path(spec.origin).parent if spec and spec.origin else None


def read(path: Path) -> str | None:
    """Read a file of the kernel, stripped; None where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """Read a file that holds one whole number."""
    text = read(path)
    return int(text) if text and text.lstrip("-").isdigit() else None


def read_table(path: Path) -> dict[str, int]:
    """Read lines of a name and a number, as in /proc/meminfo; others are left out."""
    rows = (line.split() for line in (read(path) or "").splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def plain(text: str) -> str:
    """Make a name that others chose safe for a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def cpu_list(cpus: list[int]) -> str:
    """Return the kernel's list format: 0, 1, 2, 8 is "0-2,8"."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{part[0]}-{part[-1]}" if part[1:] else str(part[0]) for part in parts)
