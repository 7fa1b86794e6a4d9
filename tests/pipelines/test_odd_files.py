"""One folder with everything odd in it: what the check calls good loads, and only that."""

import os
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnext_bench.pipelines.images.folder import scan
from resnext_bench.pipelines.images.leftovers import leftovers
from resnext_bench.pipelines.images.proof import Proof, prove
from tests.pipelines.loaders import LOADERS, Loader, Wanted, opened

SIZE = 24
COLOURS = {
    "rgb.jpg": (200, 40, 90),
    "grey.jpg": (120, 120, 120),
    "cmyk.jpg": (30, 160, 220),
    "progressive.jpg": (10, 200, 90),
    "sixteen.png": (128, 128, 128),
    "alpha.png": (90, 90, 200),
    "palette.png": (250, 10, 10),
    "named.jpg": (60, 60, 10),
    "dot.jpg": (10, 90, 160),
    "bitmap.bmp": (77, 66, 55),
    "web.webp": (150, 90, 30),
    "huge.jpg": (100, 100, 100),
    "phone.jpg": (180, 60, 140),
}
"""Plain pictures that are good, whatever they are, and what they look like."""
BAD = {
    "empty.jpg": "empty",
    "text.jpg": "not an image",
    "gif.jpg": "GIF",
    "cut.jpg": "truncated",
    "zeros.jpg": "not an image",
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    folder = root / "things"
    folder.mkdir()
    plain = {name: Image.new("RGB", (64, 48), colour) for name, colour in COLOURS.items()}
    plain["rgb.jpg"].save(folder / "rgb.jpg")
    plain["grey.jpg"].convert("L").save(folder / "grey.jpg")
    plain["cmyk.jpg"].convert("CMYK").save(folder / "cmyk.jpg")
    plain["progressive.jpg"].save(folder / "progressive.jpg", progressive=True)
    deep = np.full((48, 64), 128 * 257, np.uint16)
    Image.fromarray(deep).save(folder / "sixteen.png")
    plain["alpha.png"].convert("RGBA").save(folder / "alpha.png")
    plain["palette.png"].convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "palette.png")
    plain["named.jpg"].save(folder / "named.jpg", format="PNG")
    Image.new("RGB", (1, 1), COLOURS["dot.jpg"]).save(folder / "dot.jpg", quality=100)
    plain["bitmap.bmp"].save(folder / "bitmap.bmp")
    plain["web.webp"].save(folder / "web.webp", lossless=True)
    more = {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}
    plain["phone.jpg"].save(folder / "phone.jpg", format="MPO", **more)
    # PIL warns of pictures of more than 89,478,485 pixels.
    Image.new("L", (9_460, 9_460), 100).save(folder / "huge.jpg")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_bytes(b"hello")
    plain["rgb.jpg"].save(folder / "gif.jpg", format="GIF")
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "whole.jpg").unlink()
    (folder / "zeros.jpg").write_bytes(bytes(4000))
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "self").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.jpg")
    (folder / ".hidden.jpg").write_bytes(b"passed over")
    return root


@pytest.fixture(scope="module")
def proof(odd: Path, tmp_path_factory: pytest.TempPathFactory) -> Proof:
    return prove(scan(odd), cache=tmp_path_factory.mktemp("cache"), workers=1)


def test_bad_ones_are_told_by_kind(proof: Proof) -> None:
    found = {Path(file.path).name: f"{file.why} {file.seems}" for file in proof.bad}
    assert found.keys() == BAD.keys()
    for name, words in BAD.items():
        assert words in found[name], (name, found[name])


def test_what_is_no_file_is_told_too(odd: Path) -> None:
    strays = Counter(Path(stray.path).name for stray in leftovers(odd).strays)
    assert {"loop.jpg", "gone.jpg", "pipe.jpg"} <= strays.keys()
    assert ".hidden.jpg" not in strays


def test_all_others_are_good(proof: Proof) -> None:
    assert {Path(path).name for path in proof.good.files} == COLOURS.keys()


@pytest.mark.parametrize("loader", LOADERS)
def test_good_ones_load_and_look_as_they_are(proof: Proof, loader: Loader) -> None:
    """Label n is file n: plain colours stay so wherever they are cropped."""
    files = list(proof.good.files)
    wanted = Wanted(root=proof.good.root, files=files, size=SIZE, batch_size=len(files))
    with opened(loader, wanted) as batches:
        images, labels = next(islice(batches, 1))
        pixels = {files[label]: images[place] for place, label in enumerate(labels.tolist())}
    assert len(pixels) == len(files)
    off = {}
    for path, image in pixels.items():
        name = Path(path).name
        mean = image.permute(1, 2, 0).reshape(-1, 3).double()
        expected = np.array(COLOURS[name])
        off[name] = float(np.abs(mean.numpy() - expected).max())
    # CMYK is turned into RGB by each decoder's own arithmetic.
    assert {name: far for name, far in off.items() if far > 4} == {}
