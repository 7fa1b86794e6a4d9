"""Which releases of cuDNN the package index has: uv is asked, with all that users have set for it.

uv has no command that lists versions, but it finds the newest one that a requirement allows: the
newest, then the newest below that, and so on.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.convs.releases.shipped import shipped
from resnext_bench.convs.releases.wheels import CUDA, WHEELS
from resnext_bench.errors import CannotHere, UsageError

OLDEST: Final = "9.17"
LONGEST_S: Final = 900
"""Seconds after which uv is given up."""
_VERSION: Final = re.compile(r"\d{1,5}(\.\d{1,5}){1,3}")
_WHOLE: Final = 4
"""Number of parts of a version that names one release."""
_PINNED: Final = re.compile(r"^([a-z0-9-]+)==([\d.]+)$", re.MULTILINE)
_NONE: Final = "No solution found"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The releases that are asked for."""

    named: tuple[str, ...] = ()
    """Versions one by one; where a version is not whole, its newest release."""
    oldest: str = OLDEST
    newest: str = ""
    """The last that is wanted, with all its patches; empty: the newest there is."""
    every: bool = False
    """Whether all patches are wanted, and not only the newest of each minor version and those that
    some torch installs."""
    cuda: int = CUDA
    """The version of CUDA for which they are built."""

    @property
    def package(self) -> str:
        """The package of cuDNN for this version of CUDA."""
        return WHEELS[self.cuda].cudnn


class UvFailed(CannotHere):
    """uv could not do what it was asked."""


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, by which versions are ordered."""
    return tuple(map(int, version.split(".")))


def require_version(option: str, text: str) -> str:
    """Return a version of cuDNN as it was given, or raise UsageError."""
    if not _VERSION.fullmatch(text):
        raise UsageError(f"{option} {text}: give a version of cuDNN, such as 9.17 or 9.17.1.4")
    return text


def releases(wanted: Wanted) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the releases that there are, oldest first, and of those that were named the missing.

    Each missing one comes with the reason. Raises UvFailed where the index does not answer.
    """
    if not wanted.named:
        found = sorted({*_descending(wanted), *_of_torch(wanted)}, key=numbers)
        if not found:
            raise CannotHere(
                f"the package index has no {wanted.package} {_span(wanted)} for this machine; give "
                "other versions by --cudnn, --from and --to"
            )
        return found, []
    there, missing = set(), []
    for one in wanted.named:
        newest = _newest(wanted.package, _exactly(one))
        if newest is None:
            missing.append((one, "the package index has none for this machine"))
        else:
            there.add(newest)
    return sorted(there, key=numbers), missing


def _of_torch(wanted: Wanted) -> Iterator[str]:
    """Yield the releases that some torch on PyPI installs: they are what most users have."""
    if wanted.cuda != CUDA:
        return
    for one in set(shipped()["cudnn"].values()):
        is_later = bool(wanted.newest) and numbers(one) >= numbers(_after(wanted.newest))
        if numbers(one) >= numbers(wanted.oldest) and not is_later:
            yield one


def _span(wanted: Wanted) -> str:
    return f"from {wanted.oldest}" + (f" to {wanted.newest}" if wanted.newest else "")


def _exactly(version: str) -> str:
    return f"=={version}" if len(numbers(version)) == _WHOLE else f"=={version}.*"


def _descending(wanted: Wanted) -> Iterator[str]:
    """Yield the releases that are wanted, newest first."""
    lowest = f">={wanted.oldest}"
    bound = f",<{_after(wanted.newest)}" if wanted.newest else ""
    while (found := _newest(wanted.package, lowest + bound)) is not None:
        yield found
        bound = f",<{found if wanted.every else '.'.join(found.split('.')[:2])}"


def _after(version: str) -> str:
    """Return the first version that does not begin with this one."""
    *first, last = numbers(version)
    return ".".join(map(str, (*first, last + 1)))


def _newest(package: str, allowed: str) -> str | None:
    """Return the newest release of a package that is allowed; None where there is none."""
    done = run_uv(
        *("pip", "compile", "-", "--python", sys.executable, "--no-deps", "--no-header"),
        *("--no-annotate", "--quiet"),
        text=f"{package}{allowed}\n",
    )
    if done.returncode and _NONE in done.stderr and "network was disabled" not in done.stderr:
        return None
    require_done(done, "the package index does not tell which releases there are")
    found = dict(_PINNED.findall(done.stdout))
    if package not in found:
        raise UvFailed(f"uv pip compile names no version of {package}; update uv")
    return str(found[package])


def run_uv(
    *words: str, text: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run uv in a folder, or the root folder: projects of the user and their pins are not meant."""
    uv = shutil.which("uv")
    if uv is None:
        raise CannotHere(
            "uv is not installed, which makes an environment for each release; install it: "
            "pip install uv"
        )
    try:
        return subprocess.run(
            (uv, *words),
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_S,
            cwd=folder or "/",
            env=os.environ | {"COLUMNS": "1000"},  # it breaks its lines even in a pipe
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UvFailed(f"uv {' '.join(words[:2])} did not end within {LONGEST_S} s") from error


def require_done(done: subprocess.CompletedProcess[str], what: str) -> None:
    """Raise UvFailed with uv's words where it failed."""
    if done.returncode:
        raise UvFailed(f"{what}: {_said(done.stderr.splitlines()) or 'uv gives no reason'}")


def _said(lines: Sequence[str]) -> str:
    """Return the first and the last cause of a failure, which uv tells in a line each."""
    causes = [
        words
        for line in lines
        if (words := re.sub(r"^\W*(error|cause|Caused by):\s*|^\W+", "", line.strip()).strip())
        and not line.startswith("hint")
    ]
    shown = causes if len(causes) <= 1 else [causes[1], causes[-1]]
    return ": ".join(dict.fromkeys(shown))
