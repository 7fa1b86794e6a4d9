"""`data pack`: packs a folder of images into shards."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resnext_bench.cli.data.shared import as_json, at_work, bad_rows, proved, workers_of
from resnext_bench.errors import UsageError
from resnext_bench.pipelines.images.proof import Proof, require_good
from resnext_bench.pipelines.making.pack import Packed, pack
from resnext_bench.pipelines.making.staging import lies_in, taken
from resnext_bench.pipelines.names import printable
from resnext_bench.pipelines.shards.sharded import scan_split
from resnext_bench.reports.schema.datasets import PackedSet, ShardRow


def pack_command(given: Mapping[str, Any]) -> int:
    """Check the files, pack the good ones, and report what was written."""
    root, out = (Path(given[name]).expanduser() for name in ("folder", "out"))
    workers, start = workers_of(given["workers"]), time.monotonic()
    _require_place(root, out)
    with at_work(f"nothing was left at {out}") as tell:
        folder = scan_split(root, given.get("split"))
        proof = proved(folder, workers, tell)
        require_good(proof, skip=given["bad_files"] == "skip")
        packed = pack(
            proof,
            out,
            format=given["format"],
            shard_bytes=1_000_000 * given["shard_mb"],
            seed=given["seed"],
            readers=workers,
            progress=lambda done, total: tell("packing", done, total),
        )
    _show(_report(proof, out, packed, time.monotonic() - start), as_text=not given["json"])
    return 0


def _require_place(root: Path, out: Path) -> None:
    """Refuse a place that cannot be used, before hours of decoding rather than after."""
    if lies_in(out, root):
        raise UsageError(f"{out} lies in {root}, the folder to pack; name a folder outside it")
    if taken(out):
        raise UsageError(f"{out} exists and is not empty; name a folder that does not exist yet")


def _show(found: PackedSet, *, as_text: bool) -> None:
    if not as_text:
        as_json(found)
        return
    from resnext_bench.cli.terminal.screen import screen
    from resnext_bench.reports.render.data import print_packed

    print_packed(screen(), found)


def _report(proof: Proof, out: Path, packed: Packed, seconds: float) -> PackedSet:
    rows = [
        ShardRow(
            name=shard.name,
            index=shard.index,
            images=shard.images,
            bytes=shard.bytes,
            sha256=shard.sha256,
        )
        for shard in packed.shards
    ]
    return PackedSet(
        folder=printable(proof.good.root),
        out=printable(out),
        format=packed.format,
        images=packed.images,
        classes=len(packed.classes),
        extensions=packed.extensions,
        left_out=bad_rows(proof.bad),
        seed=packed.seed,
        bytes=sum(row.bytes for row in rows),
        shards=rows,
        seconds=seconds,
        notes=list(proof.good.notes),
    )
