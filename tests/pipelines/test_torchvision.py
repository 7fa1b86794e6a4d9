"""Batches out of torchvision: shards, seeds, labels, layout, kinds of files, and its processes."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from resnext_bench.pipelines.batches import IMAGENET_MEAN, IMAGENET_STD, BatchSpec
from resnext_bench.pipelines.dali.pipeline import DaliBatches, DaliSource
from resnext_bench.pipelines.torchvision import TorchvisionBatches, TorchvisionSource, decoded

FILES = 14
"""Not a multiple of the ranks or the batch: epochs and shards end anywhere."""
LEVELS = torch.tensor([10 + 17 * index for index in range(FILES)])
"""Brightness of each file, which no augmentation changes: a picture tells which file it is."""


@pytest.fixture
def source(tmp_path: Path) -> TorchvisionSource:
    for index, level in enumerate(LEVELS.tolist()):
        kind = ("png", "bmp", "webp")[index % 3]
        Image.new("RGB", (60, 50), (level,) * 3).save(
            tmp_path / f"{index}.{kind}", **({"lossless": True} if kind == "webp" else {})
        )
    files = [f"{index}.{('png', 'bmp', 'webp')[index % 3]}" for index in range(FILES)]
    return made_source(tmp_path, files)


def made_source(root: Path, files: list[str], processes: int = 1) -> TorchvisionSource:
    return TorchvisionSource(
        root=str(root),
        files=files,
        labels=[index % 5 for index in range(len(files))],
        processes=processes,
        begin=lambda: None,
    )


def made_spec(rank: int = 0, world_size: int = 1, *, channels_last: bool = True) -> BatchSpec:
    return BatchSpec(
        batch_size=4,
        image_size=40,
        classes=5,
        channels_last=channels_last,
        device=torch.device("cpu"),
        seed=1,
        rank=rank,
        world_size=world_size,
    )


@contextmanager
def opened(spec: BatchSpec, source: TorchvisionSource) -> Iterator[TorchvisionBatches]:
    batches = TorchvisionBatches(spec, source)
    try:
        yield batches
    finally:
        batches.close()


def files_in(images: torch.Tensor) -> list[int]:
    """Which files pictures of one brightness were made from."""
    mean, std = IMAGENET_MEAN[0], IMAGENET_STD[0]
    levels = (images[:, 0].mean((1, 2)) * std + mean) * 255
    return [int((LEVELS - level).abs().argmin()) for level in levels]


def test_labels_are_those_of_the_files_as_with_dali(source: TorchvisionSource) -> None:
    sources = {"root": source.root, "files": source.files, "labels": source.labels}
    ours = TorchvisionBatches(made_spec(), source)
    dali = DaliBatches(made_spec(), DaliSource(**sources, decode="cpu", threads=1))
    seen: list[dict[int, torch.Tensor]] = [{}, {}]
    for batches, found in zip((ours, dali), seen, strict=True):
        for _ in range(8):
            images, labels = next(batches)
            for file, label, image in zip(files_in(images), labels.tolist(), images, strict=True):
                assert label == source.labels[file]
                found[file] = image
    ours.close()
    for file in range(FILES):  # the same pixels, to half a level of brightness
        torch.testing.assert_close(seen[0][file], seen[1][file], rtol=0, atol=0.5 / 255 / 0.224)


@pytest.mark.parametrize("channels_last", [True, False])
def test_layout(source: TorchvisionSource, channels_last: bool) -> None:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    with opened(made_spec(channels_last=channels_last), source) as batches:
        images, labels = next(batches)
    assert (images.shape, images.dtype) == ((4, 3, 40, 40), torch.float32)
    assert images.is_contiguous(memory_format=layout)
    assert (labels.shape, labels.dtype) == ((4,), torch.int64)


def test_the_seed_decides_every_pixel_however_many_processes(tmp_path: Path) -> None:
    noise = torch.randint(256, (3, 50, 60), dtype=torch.uint8)
    files = []
    for index in range(3):
        files.append(f"{index}.png")
        pixels = noise.roll(index, 0).permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(tmp_path / files[-1])
    before = torch.get_rng_state()
    found = []
    for processes in (1, 1, 2):
        with opened(made_spec(), made_source(tmp_path, files, processes)) as batches:
            found.append([next(batches) for _ in range(5)])
    assert torch.equal(torch.get_rng_state(), before), "weights are drawn from other numbers"
    for other in found[1:]:
        for (images, labels), (same, same_labels) in zip(found[0], other, strict=True):
            assert torch.equal(images, same)
            assert torch.equal(labels, same_labels)
    sums = {float(images.sum()) for images, _ in found[0]}
    assert len(sums) == 5, "other crops each time"


def write_cut(image: Image.Image, path: Path) -> None:
    """A PNG without its last checksum, which only PIL takes."""
    image.save(path)
    path.write_bytes(path.read_bytes()[:-4])


KINDS: dict[str, Callable[[Path], None]] = {
    "grey.jpg": lambda path: Image.new("L", (6, 4), 90).save(path),
    "cmyk.jpg": lambda path: Image.new("RGB", (6, 4), (90,) * 3).convert("CMYK").save(path),
    "palette.png": lambda path: Image.new("P", (6, 4), 0).save(path),
    "alpha.png": lambda path: Image.new("RGBA", (6, 4), (90, 90, 90, 128)).save(path),
    "deep.png": lambda path: Image.new("I;16", (6, 4), 90 * 257).save(path),
    "deep, read by PIL.png": lambda path: write_cut(Image.new("I;16", (6, 4), 90 * 257), path),
    "plain.bmp": lambda path: Image.new("RGB", (6, 4), (90,) * 3).save(path),
    "plain.webp": lambda path: Image.new("RGB", (6, 4), (90,) * 3).save(path),
    "really a bitmap.jpg": lambda path: Image.new("RGB", (6, 4)).save(path, "BMP"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_files(tmp_path: Path, name: str) -> None:
    KINDS[name](tmp_path / name)
    pixels = decoded(str(tmp_path / name))
    assert (pixels.shape, pixels.dtype) == ((3, 4, 6), torch.uint8)
    if name not in ("palette.png", "really a bitmap.jpg"):
        assert (pixels.float() - 90).abs().max() < 3


def test_pictures_are_turned_as_their_exif_data_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert decoded(str(tmp_path / "turned.jpg")).shape == (3, 6, 4)


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
def test_its_processes_begin_as_told_with_one_thread_and_end(tmp_path: Path) -> None:
    Image.new("RGB", (60, 50)).save(tmp_path / "0.png")

    def begin() -> None:
        (tmp_path / f"begun-{multiprocessing.current_process().pid}").write_text(
            str(torch.get_num_threads())
        )

    plain = made_source(tmp_path, ["0.png"], processes=2)
    torch.set_num_threads(2)
    with opened(made_spec(), replace(plain, begin=begin)) as batches:
        for _ in range(4):
            next(batches)
        pids = {child.pid for child in multiprocessing.active_children()}
        begun = {path.name: path.read_text() for path in tmp_path.glob("begun-*")}
        assert begun == {f"begun-{pid}": "1" for pid in pids}
        assert len(pids) == 2
    deadline = time.monotonic() + 20
    while any(child.pid in pids for child in multiprocessing.active_children()):
        assert time.monotonic() < deadline, "a process outlives its loader"
        time.sleep(0.01)
