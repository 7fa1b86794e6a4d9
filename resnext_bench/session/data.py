"""Prepares the data set of a run before any process starts."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from resnext_bench.config.pipeline import pipeline_of
from resnext_bench.config.resolve import FEWEST_CLASSES, DataFacts
from resnext_bench.data_formats import DataFormat
from resnext_bench.errors import (
    BenchError,
    CannotHere,
    UsageError,
    is_of_the_environment,
    what_helps,
)
from resnext_bench.job import ImageList
from resnext_bench.machine.inventory import Machine
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.errors import DataError, Unwritable
from resnext_bench.pipelines.images.folder import ImageFolder
from resnext_bench.pipelines.names import printable
from resnext_bench.reports.schema.choices import SYNTHETIC
from resnext_bench.reports.schema.config import Request, RunConfig
from resnext_bench.reports.schema.record import DataSet

Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """A data set as the configuration sees it, and as the workers read it."""

    facts: DataFacts
    images: ImageList
    left_out: int = 0
    format: DataFormat = "folder"
    notes: tuple[str, ...] = ()
    """How an ambiguous folder was interpreted."""


def describe_data(request: Request) -> DataFacts | None:
    """Describe the data of a request without making or decoding any, for a dry run."""
    if pipeline_of(request)[0] in SYNTHETIC:
        return None
    # A run needs numpy here, a dry run does not.
    from resnext_bench.pipelines.making.made_spec import DEFAULT_SPEC  # noqa: PLC0415
    from resnext_bench.pipelines.shards.sharded import scan_any  # noqa: PLC0415

    if "data" not in request:
        root = cache_dir() / DEFAULT_SPEC.folder_name
        return DataFacts(
            root=str(root), classes=DEFAULT_SPEC.classes, images=DEFAULT_SPEC.images, made=True
        )
    try:
        root, split = _given_root(request), _given_split(request)
        folder = scan_any(root, split=split, cache=cache_dir(), keep=False)
    except DataError as error:
        raise UsageError(f"--data: {error}") from error
    return _facts(folder, made=False)


def _facts(folder: ImageFolder, *, made: bool) -> DataFacts:
    return DataFacts(
        root=str(folder.root.resolve()),
        classes=len(folder.classes),
        images=len(folder.files),
        made=made,
        split=folder.split,
        notes=folder.notes,
    )


def _given_split(request: Request) -> str | None:
    return str(request["split"]) if "split" in request else None


def _given_root(request: Request) -> Path:
    """Return the user's folder; records hold its path, and JSON holds only UTF-8."""
    root = Path(str(request["data"])).expanduser()
    for path in (str(root), os.path.realpath(root)):
        if printable(path) != path:
            raise DataError(
                f"{printable(path)}: the path is not valid UTF-8, and records can hold no other; "
                "rename the folder (names inside it do not matter)"
            )
    return root


def unread_data(request: Request) -> DataFacts | None:
    """Return a placeholder for data that was not read yet, enough to check other options."""
    if pipeline_of(request)[0] in SYNTHETIC:
        return None
    return DataFacts(root=str(request.get("data", "")), classes=FEWEST_CLASSES, made=False)


def prepare_data(request: Request, machine: Machine, tell: Tell) -> Data | None:
    """Make or check the data set: each file is decoded once before a loader may read it."""
    if pipeline_of(request)[0] in SYNTHETIC:
        return None
    try:
        return _prepared(request, machine, tell)
    except DataError as error:
        raise told(error) from error


def told(error: DataError) -> BenchError:
    """Report bad data as the user's error, and a full disk as the machine's."""
    if not isinstance(error, Unwritable) or not is_of_the_environment(error.cause):
        return UsageError(str(error))
    helps = "" if error.is_advice else what_helps(error.cause)
    return CannotHere(f"{error} {helps}".rstrip())


def _prepared(request: Request, machine: Machine, tell: Tell) -> Data:
    from resnext_bench.pipelines.images.proof import prove, require_good  # noqa: PLC0415
    from resnext_bench.pipelines.making.made_images import ensure_made  # noqa: PLC0415
    from resnext_bench.pipelines.shards.sharded import scan_any  # noqa: PLC0415

    made = "data" not in request
    root = (
        ensure_made(
            cache_dir(),
            workers=machine.usable_cores,
            progress=lambda done, total: tell("making JPEGs", done, total),
        )
        if made
        else _given_root(request)
    )
    folder = scan_any(
        root,
        split=_given_split(request),
        cache=cache_dir(),
        workers=machine.usable_cores,
        progress=lambda done, total: tell("indexing shards", done, total),
    )
    bad = 0
    if not made:  # the made set is verified by its own manifest
        proof = prove(
            folder,
            cache=cache_dir(),
            workers=machine.usable_cores,
            progress=lambda done, total: tell("checking images", done, total),
        )
        bad = len(proof.bad)
        folder = require_good(proof, skip=request.get("bad_files") == "skip")
    return Data(
        facts=_facts(folder, made=made),
        images=ImageList(
            files=list(folder.files), labels=list(folder.labels), ranges=folder.ranges
        ),
        left_out=bad,
        format=folder.format,
        notes=(*folder.notes, *_head_note(len(folder.classes))),
    )


def _head_note(classes: int) -> tuple[str, ...]:
    if classes >= FEWEST_CLASSES:
        return ()
    return (
        (
            "all images are of one class: the model has two, as a loss over a single class trains "
            "nothing"
        ),
    )


def require_batch(facts: DataFacts, config: RunConfig) -> None:
    """Refuse a batch that would drop whole epochs."""
    images, batch = facts.images, config.global_batch_size
    if config.last_batch == "drop" and images < batch:
        raise UsageError(
            f"--last-batch drop: {images} images do not fill one batch of {batch} over all ranks; "
            "lower --batch-size, or give wrap or pad"
        )


def epoch_note(data: Data, config: RunConfig) -> str:
    """Return a note where not every image is read exactly once in an epoch."""
    images, batch = len(data.images.files), config.global_batch_size
    rest = images % batch
    if config.last_batch == "drop" and rest:
        return f"each epoch leaves out {rest} of its {images} images, which do not fill a batch"
    if config.last_batch == "pad" and rest:
        return f"each epoch of {images} images is padded with {batch - rest} of its own images"
    return ""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let processes of this user that share a cache run the body one after another."""
    cache = cache_dir()
    with ExitStack() as stack:
        # Where nothing can be kept there is nothing to wait for either.
        with suppress(OSError):
            cache.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((cache / ".checking").open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def record_of(data: Data) -> DataSet:
    """Return what the record keeps of a data set."""
    pairs = zip(data.images.files, data.images.labels, strict=True)
    lines = [f"{file}\t{label}" for file, label in pairs]
    if ranges := data.images.ranges:
        parts = map(ranges.part, range(len(lines)))
        lines = [f"{line}\t{part}" for line, part in zip(lines, parts, strict=True)]
    listing = "\n".join(lines)
    return DataSet(
        root=data.facts.root,
        images=len(data.images.files),
        classes=data.facts.classes,
        digest=hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest()[:16],
        left_out=data.left_out,
        made=data.facts.made,
        format=data.format,
    )
