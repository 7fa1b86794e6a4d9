"""`data check`: decodes every file, and reports on the set and its storage."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from resnext_bench.cli.data.shared import as_json, at_work, bad_rows, proved, workers_of
from resnext_bench.data_formats import SHARDS
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import inspect
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.images import storage
from resnext_bench.pipelines.images.folder import ImageFolder
from resnext_bench.pipelines.images.leftovers import Leftovers, beside_shards, leftovers
from resnext_bench.pipelines.images.proof import Proof
from resnext_bench.pipelines.images.storage import places_to_read
from resnext_bench.pipelines.names import printable
from resnext_bench.pipelines.shards.found import own_name
from resnext_bench.pipelines.shards.sharded import scan_any
from resnext_bench.reports.schema.datasets import (
    Balance,
    Checked,
    ClassCount,
    Pass,
    Spread,
    Storage,
)

_NAMES: Final = {
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
}


def check_command(given: Mapping[str, Any]) -> int:
    """Check a set and print what was found; the exit code says whether all is good."""
    root, workers = Path(given["folder"]).expanduser(), workers_of(given["workers"])
    with at_work("the results so far are kept: the next check continues from there") as tell:
        folder = scan_any(
            root,
            split=given.get("split"),
            cache=cache_dir(),
            workers=workers,
            progress=lambda done, total: tell("indexing shards", done, total),
        )
        proof = proved(folder, workers, tell)
        rest = leftovers(folder.root) if folder.ranges is None else beside_shards(folder)
        sizes, measured = _sizes(proof.good), None
        if given["read"] and proof.good.files:
            tell("reading the storage", 0, 0)
            measured = _measured(proof.good)
    found = _checked(proof, rest, sizes, measured)
    if given["json"]:
        as_json(found)
    else:
        from resnext_bench.cli.terminal.screen import screen
        from resnext_bench.reports.render.data import print_checked

        print_checked(screen(), found)
    return 1 if found.bad else 0


def _measured(good: ImageFolder) -> storage.Storage:
    try:
        return storage.measure(places_to_read(good), threads=inspect().usable_cores)
    except OSError as error:
        raise _gone(error, good, ", or pass --no-read") from error


def _sizes(good: ImageFolder) -> list[int]:
    """Return the bytes of each image, before the storage is measured for seconds."""
    if good.ranges:
        return list(good.ranges.length)
    try:
        return [(good.root / path).stat().st_size for path in good.files]
    except OSError as error:
        raise _gone(error, good) from error


def _gone(error: OSError, good: ImageFolder, instead: str = "") -> UsageError:
    return UsageError(
        f"{error.filename or good.root} can no longer be read: {error.strerror}; leave the files "
        f"unchanged while they are checked{instead}"
    )


def _checked(
    proof: Proof, rest: Leftovers, sizes: Sequence[int], measured: storage.Storage | None
) -> Checked:
    good = proof.good
    pictures = [proof.verdicts[path] for path in good.files]
    mean_bytes = sum(sizes) / len(sizes) if sizes else 0.0
    return Checked(
        folder=printable(good.root),
        good=len(good.files),
        decoded_now=proof.decoded,
        known_before=len(proof.verdicts) - proof.decoded,
        bad=bad_rows((*proof.bad, *rest.strays)),
        skipped={printable(name): count for name, count in rest.by_extension.items()},
        loose=rest.loose,
        kinds=_counted([picture.kind for picture in pictures]),
        misnamed=_misnamed(proof),
        width=_spread([picture.width for picture in pictures]),
        height=_spread([picture.height for picture in pictures]),
        megapixels=_spread([picture.width * picture.height / 1e6 for picture in pictures]),
        file_bytes=_spread(sizes),
        total_bytes=sum(sizes),
        balance=_balance(good),
        storage=_storage(measured, mean_bytes) if measured else None,
        format=good.format,
        shards=len(good.ranges.paths) if good.ranges else 0,
        notes=list(good.notes),
    )


def _counted(kinds: Sequence[str]) -> dict[str, int]:
    """Count kinds, the most frequent first."""
    return dict(Counter(kinds).most_common())


def _misnamed(proof: Proof) -> dict[str, int]:
    if proof.good.format != "folder" and not SHARDS[proof.good.format].has_names:
        return {}
    kinds = ((_suffix(path), proof.verdicts[path].kind.split()[0]) for path in proof.good.files)
    return _counted(
        [f"{kind} named {suffix}" for suffix, kind in kinds if suffix not in _NAMES[kind]]
    )


def _suffix(path: str) -> str:
    """Return the suffix of a name; a name that a shard has twice is followed by its place."""
    return Path(own_name(path)).suffix.lower()


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    p5, median, p95 = (float(value) for value in np.percentile(values, (5, 50, 95)))
    return Spread(p5=p5, median=median, p95=p95, mean=float(np.mean(values)))


def _balance(good: ImageFolder) -> Balance:
    counts = Counter(good.labels)
    rows = [
        ClassCount(name=printable(name), images=counts[label])
        for label, name in enumerate(good.classes)
    ]
    rows.sort(key=lambda row: row.images)  # stable: among equals by name
    middle = rows[(len(rows) - 1) // 2]
    return Balance(classes=len(rows), smallest=rows[0], median=middle, largest=rows[-1])


def _storage(found: storage.Storage, mean_bytes: float) -> Storage:
    return Storage(
        files=found.files,
        bytes=found.bytes,
        threads=found.threads,
        cold=_pass(found.cold, mean_bytes),
        warm=_pass(found.warm, mean_bytes),
    )


def _pass(one: storage.Reading, mean_bytes: float) -> Pass:
    rate = one.bytes_per_s
    return Pass(
        resident_percent=100 * one.resident,
        files=one.read_files,
        bytes=one.read_bytes,
        seconds=one.seconds,
        bytes_per_s=rate,
        images_per_s=rate / mean_bytes if rate and mean_bytes else None,
    )
