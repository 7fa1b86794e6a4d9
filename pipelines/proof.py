"""Proof that every file decodes completely: DALI stops for good at the first that does not."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from pipelines.errors import DataError
from pipelines.folder import ImageFolder
from pipelines.verdicts import Stamp, Verdicts, Why, load, save
from pipelines.workers import chunks, over

Progress = Callable[[int, int], None]

# By content, as a GIF that is named .jpg opens in PIL but not in DALI.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
# What PIL says of a cut file; the second is for WebP, whose decoder wants the whole at once.
CUT_SIGNS = ("truncated", "could not create decoder object")
CHUNK_FILES = 16
NAMED_FILES = 3
# What depends on the file's bytes alone; permissions and memory change without a trace in them.
LASTING = frozenset({None, "truncated", "not an image", "empty"})


@dataclass(frozen=True, kw_only=True, slots=True)
class BadFile:
    """A file, relative to its root, that does not decode."""

    path: str
    why: Why


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Which files of a folder decode; `decoded` of them were tried now, the others known."""

    good: ImageFolder
    bad: tuple[BadFile, ...]
    decoded: int


def prove(
    folder: ImageFolder, *, cache: Path, workers: int, progress: Progress | None = None
) -> Proof:
    """Decode each file that is new or changed since its last proof; the verdicts are kept."""
    known = load(cache, folder.root)
    stamps = {path: _stamp(folder.root / path) for path in folder.files}
    verdicts = {
        path: known[path][1]
        for path, stamp in stamps.items()
        if path in known and known[path][0] == stamp
    }
    todo = [path for path in folder.files if path not in verdicts]
    try:
        _decode(folder.root, todo, verdicts, workers, progress)
    finally:  # an interrupted proof of a large set goes on where it was
        if todo or len(known) != len(verdicts):
            save(cache, folder.root, _lasting(stamps, verdicts))
    return _proof(folder, verdicts, decoded=len(todo))


def require_good(proof: Proof, *, skip: bool) -> ImageFolder:
    """The folder to train on; bad files are an error unless they are to be skipped."""
    good, bad = proof.good, proof.bad
    if not good.files:
        raise DataError(f"none of the {len(bad)} files under {good.root} decode: {_named(bad)}")
    if bad and not skip:
        total = len(good.files) + len(bad)
        raise DataError(
            f"{len(bad)} of {total} files under {good.root} do not decode: {_named(bad)};"
            " remove them or pass --bad-files skip"
        )
    return good


def _named(bad: Sequence[BadFile]) -> str:
    """The first bad files in words."""
    names = [f"{file.path} ({file.why})" for file in bad[:NAMED_FILES]]
    return ", ".join(names + ["…"] * (len(bad) > NAMED_FILES))


def _proof(folder: ImageFolder, verdicts: Mapping[str, Why | None], *, decoded: int) -> Proof:
    """Part the folder by its verdicts; classes stay as they are, so that labels keep theirs."""
    pairs = zip(folder.files, folder.labels, strict=True)
    kept = [(path, label) for path, label in pairs if verdicts[path] is None]
    good = ImageFolder(
        root=folder.root,
        classes=folder.classes,
        files=tuple(path for path, _ in kept),
        labels=tuple(label for _, label in kept),
    )
    found = ((path, verdicts[path]) for path in folder.files)
    bad = tuple(BadFile(path=path, why=why) for path, why in found if why is not None)
    return Proof(good=good, bad=bad, decoded=decoded)


def _decode(
    root: Path,
    todo: Sequence[str],
    verdicts: dict[str, Why | None],
    workers: int,
    progress: Progress | None,
) -> None:
    """Try the files in several processes and write each verdict down."""
    done = 0
    try:
        for tried in over(partial(_try_all, root), chunks(todo, CHUNK_FILES), workers=workers):
            verdicts.update(tried)
            done += len(tried)
            if progress:
                progress(done, len(todo))
    except BrokenProcessPool as error:
        raise DataError(
            f"a process that decoded files under {root} was killed after {done} of {len(todo)};"
            " it may have run out of memory: try again with fewer workers"
        ) from error


def _try_all(root: Path, paths: Sequence[str]) -> list[tuple[str, Why | None]]:
    """The verdicts on one chunk of files."""
    # A setting of the process, which a proof inside the user's must leave as it was.
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [(path, fault(root / path)) for path in paths]
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def fault(path: Path) -> Why | None:
    """Why a file does not decode to its last pixel, or None."""
    try:
        with path.open("rb") as file:
            if not file.read(1):
                return "empty"
            file.seek(0)
            Image.open(file, formats=FORMATS).load()
    except UnidentifiedImageError:
        return "not an image"
    except Exception as error:  # decoders raise nearly anything on damaged input
        return _kind(error)
    return None


def _kind(error: Exception) -> Why:
    """What an exception of the decoder says about its file."""
    if isinstance(error, OSError) and error.errno is not None:
        return "unreadable"
    text = str(error).lower()
    return "truncated" if any(sign in text for sign in CUT_SIGNS) else "error"


def _stamp(path: Path) -> Stamp:
    """Size and time of change, or a stamp that no file has."""
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return status.st_size, status.st_mtime_ns


def _lasting(stamps: Mapping[str, Stamp], verdicts: Mapping[str, Why | None]) -> Verdicts:
    """What holds for as long as a file keeps its stamp."""
    return {path: (stamps[path], why) for path, why in verdicts.items() if why in LASTING}
