"""The default data set: made from a seed, cached, and checked at each use."""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from resnext_bench.pipelines.errors import DataError, Unwritable
from resnext_bench.pipelines.making import manifest
from resnext_bench.pipelines.making.made_spec import DEFAULT_SPEC, MadeSpec, class_names
from resnext_bench.pipelines.making.manifest import MadeFile
from resnext_bench.pipelines.making.paint import picture
from resnext_bench.pipelines.making.staging import sweep
from resnext_bench.pipelines.workers import chunks, over

Progress = Callable[[int, int], None]

CHUNK_PICTURES = 128
_MAKING: Final = ".making-"


def ensure_made(
    cache: Path,
    spec: MadeSpec = DEFAULT_SPEC,
    *,
    workers: int,
    progress: Progress | None = None,
) -> Path:
    """Return the root of the set under `cache`; make it first unless it is complete."""
    root = cache / spec.folder_name
    if manifest.holds(root, spec, spec.images):
        return root
    try:
        _make_aside(cache, root, spec, workers, progress)
    except OSError as error:
        if manifest.holds(root, spec, spec.images):  # another process put it there first
            return root
        raise Unwritable(
            f"cannot make the data set in {root}: {error.strerror or error}; set "
            "RESNEXT_BENCH_CACHE to a writable folder, or pass --data PATH",
            error,
            is_advice=True,
        ) from error
    except BrokenProcessPool as error:
        raise DataError(
            f"a process that made the data set in {root} was killed, perhaps because memory ran "
            "out: try again with fewer workers"
        ) from error
    return root


def make(root: Path, spec: MadeSpec, *, workers: int, progress: Progress | None = None) -> None:
    """Draw the set into `root`; the manifest is written last, so that it vouches for all."""
    for name in class_names(spec.classes):
        (root / name).mkdir(parents=True)
    files: list[MadeFile] = []
    for written in over(partial(_write_chunk, root, spec), _shares(spec), workers=workers):
        files += written
        if progress:
            progress(len(files), spec.images)
    manifest.write(root, spec, sorted(files, key=lambda file: file.path))


def _shares(spec: MadeSpec) -> list[Sequence[int]]:
    """Group images by class, as what they are cut from takes longest to draw."""
    return [
        share
        for label in range(spec.classes)
        for share in chunks(range(label, spec.images, spec.classes), CHUNK_PICTURES)
    ]


def _write_chunk(root: Path, spec: MadeSpec, indices: Sequence[int]) -> list[MadeFile]:
    """Draw and save some images."""
    return [_write(root, spec, index) for index in indices]


def _write(root: Path, spec: MadeSpec, index: int) -> MadeFile:
    """Draw and save one image; it depends on the spec and its index alone."""
    path = f"{class_names(spec.classes)[index % spec.classes]}/{index:06d}.jpg"
    rng = np.random.default_rng([spec.seed, 3, index])
    quality = int(rng.integers(spec.quality_low, spec.quality_high + 1))
    drawn = picture(spec.seed, index, spec.classes, spec.long_px)
    drawn.save(root / path, "JPEG", quality=quality)
    return manifest.describe(root, path)


def _make_aside(
    cache: Path, root: Path, spec: MadeSpec, workers: int, progress: Progress | None
) -> None:
    """Make the set in a folder of its own, so that no crash or race leaves a set half made."""
    cache.mkdir(parents=True, exist_ok=True)
    sweep(cache, _MAKING)
    with tempfile.TemporaryDirectory(dir=cache, prefix=_MAKING) as aside:
        fresh = Path(aside) / "fresh"
        make(fresh, spec, workers=workers, progress=progress)
        if not manifest.holds(root, spec, spec.images):  # else another process was faster
            _install(fresh, root, Path(aside) / "old")


def _install(fresh: Path, root: Path, old: Path) -> None:
    """Replace what is there, if anything, with a new set."""
    if root.exists() or root.is_symlink():
        root.rename(old)
    fresh.rename(root)
