"""An environment for each release of cuDNN, made by uv and kept for the next time.

Each holds one release and the frontend. cuDNN also loads cuBLAS, half a gigabyte that is the same
for all of them: it has a folder of its own beside them.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.convs.plans.planning import Place
from resnext_bench.convs.releases.index import LONGEST_S, require_done, run_uv
from resnext_bench.convs.releases.stub import SONAME, can_write, driver_stub
from resnext_bench.convs.releases.wheels import CUDA, WHEELS, Wheels
from resnext_bench.errors import CannotHere
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.reports.store.files import write_atomically, writing
from resnext_bench.wording import count_of

FRONTEND: Final = "1.28.0"
"""The frontend that every release gets: lists of two frontends are not the same question."""
RELEASE_BYTES: Final = 1_000_000_000
"""Room that a release takes: 0.5 to 0.9 GB, and some more."""
SHARED_BYTES: Final = 700_000_000
SPARE_BYTES: Final = 1_000_000_000
"""Room for what uv downloads and unpacks, one release at a time."""
_ABANDONED_S: Final = 3 * LONGEST_S
"""Age of a half-made environment, s, at which nobody makes it any more."""
_GB: Final = 1_000_000_000
_LIBRARIES: Final = "lib/python*/site-packages/nvidia"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environments:
    """The folder of these environments."""

    folder: Path
    wheels: Wheels = WHEELS[CUDA]

    def has(self, version: str) -> bool:
        """Return whether an environment is there, with a Python that still exists."""
        return (self.folder / version / "bin" / "python").exists()

    def require_room(self, versions: Sequence[str], *, removed: bool) -> None:
        """Raise CannotHere where the disk has no room for what is missing.

        `removed`: whether each is removed before the next is made.
        """
        missing = sum(not self.has(one) for one in versions)
        if not missing:
            return
        shared = 0 if self.has(self.wheels.cublas) else SHARED_BYTES
        needed = (1 if removed else missing) * RELEASE_BYTES + shared + SPARE_BYTES
        free = shutil.disk_usage(_existing(self.folder)).free
        if free < needed:
            advice = "" if removed else "add --remove, which removes each once it was asked, or "
            raise CannotHere(
                f"{self.folder}: {count_of(missing, 'release')} need {needed / _GB:.1f} GB, and "
                f"{free / _GB:.1f} GB are free; {advice}name another folder in RESNEXT_BENCH_CACHE"
            )

    def place(self, version: str) -> Place:
        """Return the environment of a release; what is missing is installed."""
        self._made(self.wheels.cublas, (self.wheels.cublas,))
        frontend = f"nvidia-cudnn-frontend=={FRONTEND}"
        own = self._made(version, (f"{self.wheels.cudnn}=={version}", frontend))
        return Place(
            python=(str(own / "bin" / "python"), "-I"),
            libraries=tuple(str(one) for one in own.glob(f"{_LIBRARIES}/cudnn/lib")),
            advice=f"remove {own}, which is then made anew",
        )

    def preloaded(self) -> list[str]:
        """Return the libraries that are loaded before cuDNN: cuBLAS, and a stand-in for the driver.

        The stand-in is loaded even where there is a driver, so that lists are the same everywhere.
        """
        shared = self.folder / self.wheels.cublas
        found = [str(one) for one in shared.glob(f"{_LIBRARIES}/{self.wheels.library}")]
        if can_write():
            path = self.folder / SONAME
            if not path.exists():
                write_atomically(path, driver_stub())
            found.append(str(path))
        return found

    def remove_shared(self) -> None:
        """Remove what all releases share."""
        self.remove(self.wheels.cublas)

    def remove(self, name: str) -> None:
        """Remove the environment of a release, or the shared one."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def _made(self, name: str, packages: Sequence[str]) -> Path:
        """Return an environment, which gets its name once it is complete."""
        found = self.folder / name
        if self.has(name):
            return found
        self.remove(name)
        with self._half_made(name) as made:
            _install(made, packages)
            with writing(found):
                try:
                    made.replace(found)
                except OSError:
                    if not self.has(name):  # another process was quicker
                        raise
        return found

    @contextmanager
    def _half_made(self, name: str) -> Iterator[Path]:
        """Yield a folder in which to make one; it never has the name of one that is complete."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.folder.glob(f".{name}.*"):
                if time.time() - left.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(left, ignore_errors=True)
            around = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=self.folder))
        try:
            yield around / name
        finally:
            shutil.rmtree(around, ignore_errors=True)


def environments(cuda: int = CUDA) -> Environments:
    """Return those in the cache of this program, for the Python that runs it."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    name = python if cuda == CUDA else f"{python}-cuda{cuda}"
    return Environments(folder=cache_dir() / "cudnn" / name, wheels=WHEELS[cuda])


def _install(made: Path, packages: Sequence[str]) -> None:
    """Make an environment with some packages, without what they ask for."""
    what = f"{packages[0]} cannot be installed"
    cache = ("--cache-dir", str(made.parent / "cache"))  # on the same disk: files are linked
    folder = made.parent
    done = run_uv("venv", "--quiet", "--python", sys.executable, *cache, str(made), folder=folder)
    require_done(done, what)
    python = str(made / "bin" / "python")
    words = ("--quiet", "--no-deps", "--only-binary", ":all:", "--python", python)
    require_done(run_uv("pip", "install", *words, *cache, *packages, folder=folder), what)


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that exists."""
    return next(one for one in (folder, *folder.parents) if os.path.lexists(one))
