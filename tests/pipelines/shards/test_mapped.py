"""Both loaders out of shards: what they give, in which order, and what a bad sample does."""

import gc
import io
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from resnext_bench.data_formats import ShardFormat
from resnext_bench.pipelines.epochs import LastBatch, Orders
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import ImageFolder, scan
from resnext_bench.pipelines.shards import mapped
from resnext_bench.pipelines.shards.mapped import Mapped, ShardChanged
from resnext_bench.pipelines.shards.ranges import Ranges
from tests.pipelines.loaders import LOADERS, Loader, Wanted, opened
from tests.pipelines.made_shards import FORMATS, listed, packed, wanted, write_tar

FILES = 24
SIDE = 32


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that a mirror leaves as they are, each of other noise, in three classes."""
    root = tmp_path_factory.mktemp("mapped") / "photos"
    rng = np.random.default_rng(0)
    for number in range(FILES):
        half = rng.integers(0, 256, (SIDE, SIDE // 2, 3), np.uint8)
        folder = root / f"class-{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(np.concatenate([half, half[:, ::-1]], 1))
        picture.save(folder / f"{number}.{'bmp' if number == 5 else 'png'}")
    return root


@pytest.fixture
def shards(photos: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Wanted:
    """The same in several shards."""
    kind: ShardFormat = getattr(request, "param", "webdataset")
    out = packed(photos, tmp_path / "out", kind, shard_bytes=20_000)
    found = wanted(out, Wanted(root=out, files=[], size=SIDE, whole=True))
    assert found.ranges
    assert len(found.ranges.paths) > 2
    return found


def each_once(webdataset: Loader, tfrecord: Loader) -> list[Any]:
    """Return both formats with both loaders; all but the two given pairs are slow."""
    quick = {"webdataset": webdataset, "tfrecord": tfrecord}
    return [
        pytest.param(kind, loader, marks=() if quick[kind] == loader else pytest.mark.slow)
        for kind in FORMATS
        for loader in LOADERS
    ]


def pictures(loader: Loader, of: Wanted, batches: int) -> list[tuple[int, bytes]]:
    with opened(loader, of) as made:
        found = [next(made) for _ in range(batches)]
    return [
        (int(label), image.numpy().tobytes())
        for images, labels in found
        for image, label in zip(images, labels, strict=True)
    ]


@pytest.mark.parametrize(
    ("shards", "loader"), each_once("torchvision", "dali"), indirect=["shards"]
)
def test_the_pictures_are_those_of_the_folder(photos: Path, shards: Wanted, loader: Loader) -> None:
    folder: ImageFolder = scan(photos)
    plain = Wanted(
        root=photos,
        files=list(folder.files),
        labels=list(folder.labels),
        size=SIDE,
        whole=True,
    )
    batches = FILES // plain.batch_size
    expected = pictures(loader, plain, batches)
    assert len(set(expected)) == FILES
    found = pictures(loader, shards, 3 * batches)
    for begin in range(0, len(found), FILES):
        assert sorted(found[begin : begin + FILES]) == sorted(expected), "each once an epoch"


@pytest.mark.parametrize(
    ("last", "loader"),
    [
        ("wrap", "dali"),
        ("wrap", "torchvision"),
        ("drop", "dali"),
        ("pad", "torchvision"),
        pytest.param("drop", "torchvision", marks=pytest.mark.slow),
        pytest.param("pad", "dali", marks=pytest.mark.slow),
    ],
)
def test_samples_come_in_the_order_of_the_epochs(
    shards: Wanted, loader: Loader, last: LastBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnext_bench.pipelines.epochs.RUN", 4)
    monkeypatch.setattr("resnext_bench.pipelines.epochs.PIECE", 7)
    # Shards are let go while DALI has their bytes.
    monkeypatch.setattr(mapped, "most_open", lambda ranges: 2)
    numbered = Wanted(
        root=shards.root,
        files=shards.files,
        labels=list(range(FILES)),
        ranges=shards.ranges,
        rank=1,
        world_size=2,
        batch_size=5,
        last_batch=last,
    )
    with opened(loader, numbered) as batches:
        found = [next(batches)[1].tolist() for _ in range(12)]
    assert shards.ranges
    orders = Orders(numbered.spec().share(FILES, shards.ranges.counts()))
    assert found == [[one.item for one in order] for order in islice(orders, 12)]


def spoil(of: Wanted, index: int, content: bytes) -> None:
    """Other bytes in the place of a sample, as a failing disk gives them: no clock tells."""
    assert of.ranges
    path = of.root / of.ranges.path(index)
    begin, length = of.ranges.part(index)
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(content.ljust(length)[:length])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("shards", "loader"), each_once("dali", "torchvision"), indirect=["shards"]
)
def test_a_sample_that_turns_bad_is_left_out_or_named(shards: Wanted, loader: Loader) -> None:
    numbered = {"labels": list(range(FILES)), "root": shards.root, "files": shards.files}
    skipping = Wanted(**numbered, ranges=shards.ranges, skip_bad=True)
    with opened(loader, skipping) as batches:
        next(batches)
        spoil(shards, 7, b"no picture")
        labels = [next(batches)[1] for _ in range(36)]
        assert batches.left_out == [shards.files[7]]
    assert all(len(one) == 4 for one in labels), "batches stay full"
    assert set(torch.cat(labels[18:]).tolist()) == set(range(FILES)) - {7}
    stopping = Wanted(**numbered, ranges=shards.ranges)
    with opened(loader, stopping) as batches, pytest.raises(DataError) as error:
        list(islice(batches, 18))
    assert str(shards.root / shards.files[7]) in str(error.value)
    assert "cannot be decoded" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("loader", LOADERS)
def test_a_shard_that_changed_is_not_opened(shards: Wanted, loader: Loader) -> None:
    assert shards.ranges
    os.utime(shards.root / shards.ranges.paths[1], ns=(1, 1))
    with (
        pytest.raises(DataError, match=r"shard-000001.tar has changed since .* differs\); start"),
        opened(loader, shards),
    ):
        pass


@pytest.mark.parametrize(
    ("skip", "loader"),
    [
        (True, "dali"),
        (False, "torchvision"),
        pytest.param(True, "torchvision", marks=pytest.mark.slow),
        pytest.param(False, "dali", marks=pytest.mark.slow),
    ],
)
def test_a_shard_that_changes_before_its_turn_ends_the_run(
    shards: Wanted, loader: Loader, skip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shards.ranges
    monkeypatch.setattr(mapped, "most_open", lambda ranges: 1)
    changing = Wanted(root=shards.root, files=shards.files, ranges=shards.ranges, skip_bad=skip)
    with opened(loader, changing) as batches:
        next(batches)
        for path in shards.ranges.paths:
            with (shards.root / path).open("ab") as file:
                file.write(b"more")
        with pytest.raises(DataError, match=r"it had \d+ bytes, now \d+\)") as error:
            list(islice(batches, 30))
    assert "\n" not in str(error.value)


def test_views_outlive_their_shard_and_no_descriptor_is_kept(
    shards: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "most_open", lambda ranges: 1)
    folder = listed(shards.root)
    assert folder.ranges
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    maps = Mapped(str(shards.root), folder.ranges)
    views = [maps.bytes_of(index) for index in range(FILES)]
    for index, view in enumerate(views):
        path, part = folder.place(index)
        assert part
        assert view.tobytes() == path.read_bytes()[part[0] : sum(part)]
        assert not view.flags.writeable
        assert not view.flags.owndata
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    again = maps.bytes_of(0)
    assert again.ctypes.data == views[0].ctypes.data, "mapped still, so not once more"
    assert mapped_below(shards.root) == len(folder.ranges.paths)
    del views, view
    assert mapped_below(shards.root) == 1
    del maps, again
    gc.collect()
    assert mapped_below(shards.root) == 0


def mapped_below(root: Path) -> int:
    """How many mappings of files there this process has."""
    return Path("/proc/self/maps").read_text().count(f"{root}/")


SMALL_SHARDS, IN_SMALL = 300, 10


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Wanted:
    """Many shards of few samples each."""
    root = tmp_path_factory.mktemp("small")
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG")
    members = []
    for key in range(IN_SMALL):
        members += [(f"{key}.png", content.getvalue()), (f"{key}.cls", b"1")]
    for number in range(SMALL_SHARDS):
        write_tar(root / f"{number:03d}.tar", members)
    return wanted(root, Wanted(root=root, files=[], size=8, batch_size=256))


@contextmanager
def descriptors(limit: int) -> Iterator[None]:
    """No descriptor from that number on."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("loader", LOADERS)
def test_more_shards_than_descriptors(small: Wanted, loader: Loader) -> None:
    taken = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    count = SMALL_SHARDS * IN_SMALL // small.batch_size + 2  # over the end of an epoch
    with descriptors(taken + 100), opened(loader, small) as batches:
        for _ in range(count):
            assert len(next(batches)[1]) == small.batch_size


def test_small_shards_are_opened_once(small: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = mapped._require_same
    monkeypatch.setattr(
        mapped, "_require_same", lambda path, before: (asked.append(path), real(path, before))
    )
    assert small.ranges
    maps = Mapped(str(small.root), small.ranges)
    orders = Orders(small.spec().share(len(small.files), small.ranges.counts()))
    asked.clear()
    for order in islice(orders, 24):  # two epochs
        maps.will_need(order)
        assert all(len(maps.bytes_of(one.item)) for one in order)
    assert len(asked) == len(set(asked)) == SMALL_SHARDS


@pytest.mark.parametrize(("in_each", "most"), [(256, 48), (1000, 50), (10, 1229), (1, 12288)])
def test_as_many_shards_stay_open_as_a_few_pieces_have(in_each: int, most: int) -> None:
    shard = tuple(number for number in range(40) for _ in range(in_each))
    paths = tuple(str(number) for number in range(41))  # the last of them is empty
    found = Ranges(paths=paths, stamps=((1, 1),) * 41, shard=shard, offset=(), length=())
    assert mapped.most_open(found) == most


def test_where_no_descriptor_is_left_that_is_said(shards: Wanted) -> None:
    assert shards.ranges
    maps = Mapped(str(shards.root), shards.ranges)
    with descriptors(3), pytest.raises(DataError, match="no file descriptor is left; raise") as e:
        maps.bytes_of(0)
    assert "changed" not in str(e.value).lower() + type(e.value).__name__.lower()


def test_a_shard_that_is_gone(shards: Wanted) -> None:
    assert shards.ranges
    (shards.root / shards.ranges.paths[0]).unlink()
    with pytest.raises(ShardChanged, match=r"shard-000000.tar has changed .* \(it is gone\)"):
        Mapped(str(shards.root), shards.ranges)
