"""What must be the same whoever loads: files, labels, crops, pixels, and what a bad file does."""

import io
import os
import struct
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from scipy import stats

from resnext_bench.pipelines.batches import Pixels
from resnext_bench.pipelines.epochs import LastBatch, Orders
from resnext_bench.pipelines.errors import DataError
from tests.pipelines.loaders import LOADERS, Loader, Wanted, opened
from tests.pipelines.made_shards import wanted, write_tar

FILES = 14
WIDTH, HEIGHT = 160, 120


def write_ramps(root: Path) -> Wanted:
    """Write pictures that say in red where a column lies and in green where a row lies."""
    across = np.linspace(20, 235, WIDTH)[None, :].repeat(HEIGHT, 0)
    down = np.linspace(20, 235, HEIGHT)[:, None].repeat(WIDTH, 1)
    pixels = np.stack([across, down, np.full_like(across, 128)], -1).round().astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    files = [f"{index}.png" for index in range(FILES)]
    for file in files:
        (root / file).write_bytes(content.getvalue())
    return Wanted(root=root, files=files)


@pytest.fixture
def ramp(tmp_path: Path) -> Wanted:
    """Such pictures that a test may spoil."""
    return write_ramps(tmp_path)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(("last", "rank"), [("wrap", 0), ("drop", 2), ("pad", 2)])
def test_files_come_in_the_order_of_the_epochs(
    ramp: Wanted, loader: Loader, last: LastBatch, rank: int
) -> None:
    wanted = Wanted(
        root=ramp.root, files=ramp.files, rank=rank, world_size=3, batch_size=3, last_batch=last
    )
    with opened(loader, wanted) as batches:
        found = [next(batches)[1].tolist() for _ in range(9)]
    orders = Orders(wanted.spec().share(FILES))
    assert found == [[one.item for one in order] for order in islice(orders, 9)]


def crops(loader: Loader, wanted: Wanted, count: int) -> dict[str, np.ndarray]:
    """Where each picture was cut from, read off its colours."""
    with opened(loader, wanted) as batches:
        images = torch.cat([next(batches)[0] for _ in range(count // wanted.batch_size)]).double()
    columns, rows = images[:, 0].mean(1), images[:, 1].mean(2)  # [n, size]
    edge_x, edge_y = columns[:, [0, -1]], rows[:, [0, -1]]
    flipped = (edge_x[:, 0] > edge_x[:, 1]).numpy()
    # Steps of the middle are free of what the border's filter does; the ends are extrapolated.
    span = {}
    for name, line in (("x", columns), ("y", rows)):
        size = line.shape[1]
        slope = (line[:, size * 3 // 4] - line[:, size // 4]).abs() / (size * 3 // 4 - size // 4)
        span[name] = (slope * size / 215).numpy()
    left = ((torch.minimum(edge_x[:, 0], edge_x[:, 1]) - 20) / 215).numpy()
    top = ((edge_y[:, 0] - 20) / 215).numpy()
    wide, high = span["x"] * WIDTH, span["y"] * HEIGHT
    return {
        "area": wide * high / (WIDTH * HEIGHT),
        "aspect": np.log(wide / high),
        "left": left / np.maximum(1 - span["x"], 0.05),
        "top": top / np.maximum(1 - span["y"], 0.05),
        "flipped": flipped.astype(float),
    }


Crops = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def cropped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Crops, Crops]:
    """Return 2,000 crops of each loader."""
    wanted = replace(write_ramps(tmp_path_factory.mktemp("ramps")), batch_size=50, size=32)
    dali, torchvision = (crops(loader, wanted, 2000) for loader in LOADERS)
    return dali, torchvision


def test_crops_and_flips_have_one_distribution(cropped: tuple[Crops, Crops]) -> None:
    dali, torchvision = cropped
    for name in ("area", "aspect", "left", "top"):
        found = stats.ks_2samp(dali[name], torchvision[name])
        assert found.pvalue > 1e-3, (name, found)
    for made in (dali, torchvision):
        assert stats.binomtest(int(made["flipped"].sum()), 2000).pvalue > 1e-3
        # Where the crop is not limited by the border: uniform in area.
        assert 0.07 < made["area"].min() < 0.12
        assert made["area"].max() > 0.9


def test_the_comparison_of_crops_would_see_another_distribution(
    cropped: tuple[Crops, Crops],
) -> None:
    """Of another shape of picture, as with an aspect that is not undone."""
    made, _ = cropped
    assert stats.ks_2samp(made["area"], made["area"] * 0.93).pvalue < 1e-3
    assert stats.ks_2samp(made["aspect"], made["aspect"] + 0.03).pvalue < 1e-3


def scene(side: int) -> Image.Image:
    """Smooth shapes and edges, as photographs have."""
    down, across = np.mgrid[0:side, 0:side] / side
    red = 127 + 120 * np.sin(9 * across + 4 * down)
    green = 255 * ((across - 0.5) ** 2 + (down - 0.4) ** 2 < 0.1)
    blue = 255 * down
    return Image.fromarray(np.stack([red, green, blue], -1).round().astype(np.uint8))


def largest_differences(
    root: Path, loader: Loader, size: int, expected: dict[str, Image.Image]
) -> dict[str, int]:
    """Return how far each file's pixels are from the expected picture or its mirror image."""
    files = list(expected)
    wanted = Wanted(root=root, files=files, batch_size=8 * len(files), size=size, whole=True)
    with opened(loader, wanted) as batches:
        images, labels = next(batches)
    found = dict.fromkeys(files, -1)
    for image, label in zip(images.int(), labels.tolist(), strict=True):
        picture = torch.tensor(np.asarray(expected[files[label]])).permute(2, 0, 1).int()
        off = min(int((one - picture).abs().max()) for one in (image, image.flip(-1)))
        found[files[label]] = max(found[files[label]], off)
    assert min(found.values()) >= 0, "all files are there"
    return found


# The whole picture in its own size is what the decoder made of it; halved, what the filter did.
# PIL, torchvision and DALI may each use a libjpeg-turbo of their own.
TOLERANCE = {("jpg", 96): 3, ("png", 96): 0, ("jpg", 48): 4, ("png", 48): 2}
"""Largest difference from PIL, of 255 levels."""


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("size", [96, 48])
def test_pixels_are_pils(tmp_path: Path, loader: Loader, size: int) -> None:
    scene(96).save(tmp_path / "444.jpg", quality=92, subsampling=0)
    scene(96).save(tmp_path / "420.jpg", quality=92, subsampling=2)
    scene(96).save(tmp_path / "exact.png")
    expected = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            plain = image.convert("RGB").resize((size, size), 2, reducing_gap=None)
        expected[path.name] = plain
    for file, off in largest_differences(tmp_path, loader, size, expected).items():
        assert off <= TOLERANCE[file[-3:], size], file


@pytest.mark.parametrize("loader", LOADERS)
def test_pictures_are_turned_as_exif_says(tmp_path: Path, loader: Loader) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    expected = {}
    for file in ("turned.jpg", "turned.png", "turned.webp"):
        scene(96).save(tmp_path / file, exif=exif, quality=92)
        with Image.open(tmp_path / file) as image:
            expected[file] = ImageOps.exif_transpose(image).convert("RGB")
    found = largest_differences(tmp_path, loader, 96, expected)
    assert max(found.values()) <= 4, found


@pytest.mark.parametrize("loader", LOADERS)
def test_a_picture_of_one_pixel(tmp_path: Path, loader: Loader) -> None:
    Image.new("RGB", (1, 1), (7, 99, 200)).save(tmp_path / "one.png")
    with opened(loader, Wanted(root=tmp_path, files=["one.png"], size=32)) as batches:
        images, _ = next(batches)
    expected = torch.tensor([7, 99, 200], dtype=torch.uint8).view(1, 3, 1, 1)
    assert torch.equal(images, expected.expand_as(images))


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("pixels", "channels_last"),
    [
        ("uint8", False),
        ("fp32", True),
        ("fp32", False),
        ("fp16", False),
        pytest.param("uint8", True, marks=pytest.mark.slow),
        pytest.param("fp16", True, marks=pytest.mark.slow),
    ],
)
def test_types_and_layouts(
    ramp: Wanted, loader: Loader, pixels: Pixels, channels_last: bool
) -> None:
    wanted = Wanted(root=ramp.root, files=ramp.files, pixels=pixels, channels_last=channels_last)
    with opened(loader, wanted) as batches:
        images, labels = next(batches)
    dtype = {"uint8": torch.uint8, "fp32": torch.float32, "fp16": torch.float16}[pixels]
    rows = channels_last or pixels == "uint8"
    layout = torch.channels_last if rows else torch.contiguous_format
    assert (images.shape, images.dtype) == ((4, 3, 40, 40), dtype)
    assert images.is_contiguous(memory_format=layout)
    assert (labels.shape, labels.dtype) == ((4,), torch.int64)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "harm",
    [
        "cut",
        "gone",
        pytest.param("text", marks=pytest.mark.slow),
        pytest.param("empty", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_turns_bad_is_left_out_or_named(
    ramp: Wanted, loader: Loader, harm: str
) -> None:
    victim = ramp.root / ramp.files[5]
    whole = victim.read_bytes()

    def spoil() -> None:
        if harm == "gone":
            victim.unlink()
        else:
            cut = whole[: len(whole) // 2]
            victim.write_bytes({"text": b"no picture", "cut": cut, "empty": b""}[harm])

    wanted = Wanted(root=ramp.root, files=ramp.files, skip_bad=True)
    with opened(loader, wanted) as batches:
        next(batches)
        spoil()
        labels = [next(batches)[1] for _ in range(30)]
        assert batches.left_out == ["5.png"]
    assert all(len(one) == 4 for one in labels), "batches stay full"
    assert 5 not in torch.cat(labels[12:]).tolist()
    assert set(torch.cat(labels[12:]).tolist()) == set(range(FILES)) - {5}
    stopping = Wanted(root=ramp.root, files=ramp.files)
    with opened(loader, stopping) as batches, pytest.raises(DataError) as error:
        list(islice(batches, 9))
    assert "5.png" in str(error.value)
    assert "does not decode" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("loader", LOADERS)
def test_when_all_turn_bad_it_ends(ramp: Wanted, loader: Loader) -> None:
    wanted = Wanted(root=ramp.root, files=ramp.files, skip_bad=True)
    with opened(loader, wanted) as batches:
        next(batches)
        for file in ramp.files:
            (ramp.root / file).write_bytes(b"no picture")
        with pytest.raises(DataError, match="decode"):
            list(islice(batches, 20))


def bmp_of_15_bits(side: int) -> bytes:
    """A BMP of 5 bits a channel: PIL decodes it, DALI does not."""
    rows = bytes(2 * side * side)
    head = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 16, 0, len(rows), *[0] * 4) + rows


@pytest.mark.parametrize("in_shards", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_file_that_dali_alone_refuses_is_left_out_or_named(
    ramp: Wanted, tmp_path: Path, in_shards: bool
) -> None:
    odd = bmp_of_15_bits(16)
    (ramp.root / "5.png").write_bytes(odd)  # what it is named as makes no difference
    with Image.open(ramp.root / "5.png") as image:
        image.load()
    if in_shards:
        members = [
            member
            for index, file in enumerate(ramp.files)
            for member in ((file, (ramp.root / file).read_bytes()), (f"{index}.cls", b"%d" % index))
        ]
        (tmp_path / "shards").mkdir()
        write_tar(tmp_path / "shards" / "one.tar", members)
        ramp = wanted(tmp_path / "shards", ramp)
    with opened("dali", replace(ramp, skip_bad=True)) as batches:
        labels = [next(batches)[1] for _ in range(9)]
        assert batches.left_out == [ramp.files[5]]
    assert all(len(one) == 4 for one in labels), "batches stay full"
    assert set(torch.cat(labels).tolist()) == set(range(FILES)) - {5}
    with opened("dali", ramp) as batches, pytest.raises(DataError) as error:
        list(islice(batches, 9))
    assert str(error.value) == (
        f"{ramp.root / ramp.files[5]} cannot be decoded by DALI (Invalid sample_type: 0), but by"
        " PIL, which checked it; convert it, or use --pipeline torchvision or --bad-files skip"
    )
    with opened("torchvision", ramp) as batches:
        list(islice(batches, 9))


def test_what_is_no_files_fault_is_told_as_it_is(
    ramp: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened("dali", replace(ramp, skip_bad=True)) as batches:
        next(batches)
        monkeypatch.setattr(batches._running, "take", stop)
        with pytest.raises(RuntimeError, match=r"^of memory$"):
            next(batches)
        assert not batches.left_out


def stop() -> None:
    raise RuntimeError("of memory")


@pytest.mark.parametrize("loader", LOADERS)
def test_files_whose_names_are_no_utf8(ramp: Wanted, loader: Loader) -> None:
    folder = ramp.root / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    files = [os.fsdecode(b"caf\xe9/\xff%d.png" % index) for index in range(FILES)]
    for old, new in zip(ramp.files, files, strict=True):
        (ramp.root / old).rename(ramp.root / new)
    odd = replace(ramp, files=files)
    with opened(loader, odd) as batches:
        labels = [next(batches)[1] for _ in range(7)]
        assert set(torch.cat(labels).tolist()) == set(range(FILES))
    (ramp.root / files[5]).write_bytes(b"no picture")
    with opened(loader, odd) as batches, pytest.raises(DataError, match=r"5.png does not decode"):
        list(islice(batches, 9))


def test_dali_tells_such_names_as_they_can_be_shown(ramp: Wanted) -> None:
    name = os.fsdecode(b"\xff5.png")
    (ramp.root / name).write_bytes(b"no picture")
    files = [*ramp.files[:5], name, *ramp.files[6:]]
    with opened("dali", replace(ramp, files=files, skip_bad=True)) as batches:
        list(islice(batches, 9))
        assert batches.left_out == ["\N{REPLACEMENT CHARACTER}5.png"]
    with opened("dali", replace(ramp, files=files)) as batches, pytest.raises(DataError) as error:
        list(islice(batches, 9))
    assert str(error.value).encode()
