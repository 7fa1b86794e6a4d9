"""Proves that every file decodes completely, as DALI stops for good at the first that does not."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.file_verdicts import (
    Stamp,
    Verdict,
    Verdicts,
    Why,
    load,
    save,
    stamp,
)
from resnext_bench.pipelines.images.folder import ImageFolder
from resnext_bench.pipelines.images.pictures import examine, strict_decoding
from resnext_bench.pipelines.names import printable
from resnext_bench.pipelines.shards.ranges import Part
from resnext_bench.pipelines.workers import chunks, over

Progress = Callable[[int, int], None]

CHUNK_FILES = 16
NAMED_FILES = 3
# What depends on the file's bytes alone; permissions and memory change without a trace in them.
LASTING = frozenset({None, "truncated", "not an image", "empty", "too large"})


@dataclass(frozen=True, kw_only=True, slots=True)
class BadFile:
    """A file, relative to its root, that does not decode."""

    path: str
    why: Why
    seems: str = ""
    """What a file that is not an image seems to be."""

    @property
    def reason(self) -> str:
        """The reason in words: "not an image: HTML"."""
        return f"{self.why}: {self.seems}" if self.seems else self.why


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Which files of a folder decode; `decoded` of them were tried now, the others were known."""

    good: ImageFolder
    bad: tuple[BadFile, ...]
    decoded: int
    verdicts: Mapping[str, Verdict]
    """Verdicts on every file."""


def prove(
    folder: ImageFolder, *, cache: Path, workers: int, progress: Progress | None = None
) -> Proof:
    """Decode each file that is new or has changed since its last proof; verdicts are kept."""
    known = load(cache, folder.root)
    stamps = _stamps(folder)
    verdicts = {
        path: known[path][1]
        for path, now in stamps.items()
        if path in known and known[path][0] == now
    }
    todo = [index for index, path in enumerate(folder.files) if path not in verdicts]
    try:
        _decode(folder, todo, verdicts, workers, progress)
    finally:  # an interrupted proof of a large set goes on where it was
        if todo or len(known) != len(verdicts):
            save(cache, folder.root, _lasting(stamps, verdicts))
    return _proof(folder, verdicts, decoded=len(todo))


def _stamps(folder: ImageFolder) -> dict[str, Stamp]:
    """Return the stamp of each file; for a sample in a shard, the shard's when it was indexed."""
    if folder.ranges is None:
        return {path: stamp(folder.root / path) for path in folder.files}
    shards = folder.ranges.stamps
    return {
        path: shards[number] for path, number in zip(folder.files, folder.ranges.shard, strict=True)
    }


def require_good(proof: Proof, *, skip: bool) -> ImageFolder:
    """Return the folder to train on; bad files are an error unless they are to be skipped."""
    good, bad = proof.good, proof.bad
    if not good.files:
        raise DataError(
            f"none of the {len(bad)} files under {good.root} can be decoded: {_named(bad)}"
        )
    if bad and not skip:
        total = len(good.files) + len(bad)
        raise DataError(
            f"{len(bad)} of {total} files under {good.root} cannot be decoded: {_named(bad)}; "
            "remove them or pass --bad-files skip"
        )
    return good


def _named(bad: Sequence[BadFile]) -> str:
    """Name the first bad files."""
    names = [f"{printable(file.path)} ({file.reason})" for file in bad[:NAMED_FILES]]
    return ", ".join(names + ["…"] * (len(bad) > NAMED_FILES))


def _proof(folder: ImageFolder, verdicts: Mapping[str, Verdict], *, decoded: int) -> Proof:
    """Split the folder by its verdicts; classes stay as they are, so that labels do not change."""
    kept = [index for index, path in enumerate(folder.files) if verdicts[path].why is None]
    good = folder.only(kept)
    found = (_bad(path, verdicts[path]) for path in folder.files)
    bad = tuple(file for file in found if file is not None)
    return Proof(good=good, bad=bad, decoded=decoded, verdicts=verdicts)


def _bad(path: str, verdict: Verdict) -> BadFile | None:
    """Return a file as a bad one, if it is."""
    if verdict.why is None:
        return None
    seems = verdict.kind if verdict.why == "not an image" else ""
    if verdict.why == "too large":
        seems = f"{verdict.width} x {verdict.height}"
    return BadFile(path=path, why=verdict.why, seems=seems)


def _decode(
    folder: ImageFolder,
    todo: Sequence[int],
    verdicts: dict[str, Verdict],
    workers: int,
    progress: Progress | None,
) -> None:
    """Try the files in several processes and write each verdict down."""
    done = 0
    tasks = [
        [(folder.files[index], *folder.place(index)) for index in part]
        for part in chunks(todo, CHUNK_FILES)
    ]
    try:
        for tried in over(_try_all, tasks, workers=workers):
            verdicts.update(tried)
            done += len(tried)
            if progress:
                progress(done, len(todo))
    except BrokenProcessPool as error:
        raise DataError(
            f"a process that decoded files under {folder.root} was killed after {done} of "
            f"{len(todo)} files, perhaps because memory ran out: try again with fewer workers"
        ) from error


def _try_all(places: Sequence[tuple[str, Path, Part | None]]) -> list[tuple[str, Verdict]]:
    """Return the verdicts on one chunk of files."""
    with strict_decoding():
        return [(name, _tried(path, part)) for name, path, part in places]


def _tried(path: Path, part: Part | None) -> Verdict:
    return examine(path, part) if part else examine(path)


def _lasting(stamps: Mapping[str, Stamp], verdicts: Mapping[str, Verdict]) -> Verdicts:
    """Return the verdicts that hold for as long as a file keeps its stamp."""
    return {
        path: (stamps[path], verdict)
        for path, verdict in verdicts.items()
        if verdict.why in LASTING
    }
