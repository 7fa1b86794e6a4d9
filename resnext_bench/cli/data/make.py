"""`data make`: makes a set of JPEGs, painted or cut from photographs."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resnext_bench.cli.data.shared import as_json, at_work, bad_rows, proved, workers_of
from resnext_bench.errors import UsageError
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.leftovers import leftovers
from resnext_bench.pipelines.images.proof import BadFile
from resnext_bench.pipelines.making import made_images, manifest, photos
from resnext_bench.pipelines.making.made_spec import LONG_PX, MadeSpec
from resnext_bench.pipelines.making.staging import aside, lies_in, taken
from resnext_bench.pipelines.names import printable
from resnext_bench.reports.schema.datasets import Made


def make_command(given: Mapping[str, Any]) -> int:
    """Make a set, and report what was made."""
    folder = Path(given["folder"]).expanduser()
    with at_work(f"nothing was left at {folder}") as tell:
        if given.get("split") and not given["source"]:
            raise UsageError(f"--split {given['split']}: it chooses a part of --from PHOTOS")
        found = _cut(given, folder, tell) if given["source"] else _painted(given, folder, tell)
    if given["json"]:
        as_json(found)
        return 0
    from resnext_bench.cli.terminal.screen import screen
    from resnext_bench.reports.render.data import print_made

    print_made(screen(), found)
    return 0


def _painted(given: Mapping[str, Any], folder: Path, tell: Any) -> Made:
    """Paint the images, as `run` does."""
    images, classes = _counts(given)
    spec = MadeSpec(
        images=images,
        classes=classes or min(8, images),
        seed=given["seed"],
        quality_low=given["quality"],
        quality_high=given["quality"],
        long_px=_painted_px(given["size"]),
    )
    workers, start = workers_of(given["workers"]), time.monotonic()
    there = _there(folder, spec, images)
    if not there:
        with aside(folder) as fresh:
            made_images.make(fresh, spec, workers=workers, progress=_watch(tell, "painting JPEGs"))
    return _report(folder, spec.classes, spec.seed, start, there=there)


def _painted_px(size: int) -> int:
    low, high = LONG_PX
    if size > high:
        raise UsageError(
            f"--size {size}: without --from a whole number from {low} to {high} is needed"
        )
    return size


def _cut(given: Mapping[str, Any], folder: Path, tell: Any) -> Made:
    """Cut the images from photographs that decode."""
    images, classes = _counts(given)
    source = Path(given["source"]).expanduser()
    workers, start = workers_of(given["workers"]), time.monotonic()
    if lies_in(folder, source):
        raise UsageError(f"{folder} lies in --from {source}; name a folder outside it")
    photographs = photos.find(source, classes, given.get("split"))
    if images < len(photographs.classes):
        raise UsageError(
            f"--images {images}: {source} has {len(photographs.classes)} classes, and each "
            "needs at least one image"
        )
    proof = proved(photographs, workers, tell)
    _require_photos(proof.good.labels, photographs.classes, proof.bad)
    spec = photos.spec_of(
        proof.good,
        images=images,
        seed=given["seed"],
        quality=given["quality"],
        long_px=given["size"],
    )
    there = _there(folder, spec, images)
    if not there:
        with aside(folder) as fresh:
            progress = _watch(tell, "cutting JPEGs")
            photos.make(fresh, proof.good, spec, workers=workers, progress=progress)
    classified = "/" in photographs.files[0]
    return _report(
        *(folder, len(photographs.classes), given["seed"], start),
        there=there,
        photographs=len(proof.good.files),
        bad=proof.bad,
        loose=leftovers(photographs.root).loose if classified else 0,
        notes=photographs.notes,
    )


def _require_photos(
    labels: tuple[int, ...], classes: tuple[str, ...], bad: tuple[BadFile, ...]
) -> None:
    missing = sorted(set(range(len(classes))) - set(labels))
    if missing:
        first = bad[0]
        raise DataError(
            f"no photograph of class {classes[missing[0]]} can be decoded: {first.path} "
            f"({first.reason}); run data check on the folder"
        )


def _counts(given: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return the numbers of images and, where given, of classes."""
    images, classes = given["images"], given["classes"]
    if classes is not None and images < classes:
        raise UsageError(
            f"--images {images} --classes {classes}: each class needs at least one image"
        )
    return images, classes


def _there(folder: Path, spec: object, images: int) -> bool:
    """Return whether the set exists already; anything else that is there is not touched."""
    if not taken(folder):
        return False
    if manifest.holds(folder, spec, images):
        return True
    raise UsageError(
        f"{folder} exists and holds something else; name a folder that does not exist yet"
    )


def _watch(tell: Any, what: str) -> made_images.Progress:
    return lambda done, total: tell(what, done, total)


def _report(
    folder: Path,
    classes: int,
    seed: int,
    start: float,
    *,
    there: bool,
    photographs: int | None = None,
    bad: tuple[BadFile, ...] = (),
    loose: int = 0,
    notes: tuple[str, ...] = (),
) -> Made:
    files = manifest.read(folder).files
    return Made(
        folder=printable(folder),
        images=len(files),
        classes=classes,
        bytes=sum(file.size_bytes for file in files),
        seed=seed,
        photos=photographs,
        left_out=bad_rows(bad),
        loose=loose,
        already_there=there,
        seconds=time.monotonic() - start,
        notes=list(notes),
    )
