"""Graphs for a GPU, on a machine without one.

What they are made of is read off the graph; what they compute is run with the operators' CPU
kernels, as the same functions put both together.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def, types
from PIL import Image
from torch.utils.dlpack import from_dlpack

from resnext_bench.pipelines.batches import IMAGENET_MEAN, IMAGENET_STD, BatchSpec, Pixels
from resnext_bench.pipelines.dali.graphs import crops, finished, whole_graph
from tests.pipelines.loaders import Wanted
from tests.pipelines.test_loaders import scene

SIZE = 48


def spec_of(pixels: Pixels, *, channels_last: bool = True) -> BatchSpec:
    wanted = Wanted(
        root=Path(), files=[], size=SIZE, pixels=pixels, channels_last=channels_last, whole=True
    )
    return replace(wanted.spec(), device=torch.device("cuda", 0))


def nothing() -> None:
    raise StopIteration


def operators(spec: BatchSpec, decode: str, *, mapped: bool = False) -> dict[str, list[str]]:
    """Operators by name, with the places of what they read and of what they give."""
    graph = whole_graph(
        *(spec, decode, nothing), mapped=mapped, batch_size=4, num_threads=1, device_id=0
    )
    graph._build_graph()  # what build() does before it asks for a GPU
    assert [node.device for node in graph._graph_outputs] == ["gpu", "gpu"]
    found = {}
    for operator in graph._ops:
        kind = operator.name.strip("_").rpartition("_")[0]
        own = operator.spec
        read = [own.InputDevice(place) for place in range(own.NumRegularInput())]
        if kind != "ExternalSource" or "ExternalSource" not in found:
            found[kind] = [*read, "to", own.OutputDevice(0)]
    return found


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("pixels", ["uint8", "fp32", "fp16"])
@pytest.mark.parametrize("decode", ["cpu", "mixed"])
def test_from_the_decoder_on_all_is_the_gpus(
    decode: str, pixels: Pixels, channels_last: bool, mapped: bool
) -> None:
    found = operators(spec_of(pixels, channels_last=channels_last), decode, mapped=mapped)
    decoded = "gpu" if decode == "mixed" else "cpu"
    resized = {"ResizeCropMirror": ["gpu", "to", "gpu"]}
    if pixels != "uint8":
        resized = {"Resize": ["gpu", "to", "gpu"], "CropMirrorNormalize": ["gpu", "to", "gpu"]}
    assert found == {
        "ExternalSource": ["to", "cpu"],
        **({} if mapped else {"Read": ["cpu", "to", "cpu"]}),
        "ImageRandomCrop": ["cpu", "to", decoded],
        "CoinFlip": ["to", "cpu"],
        **resized,
    }, "no transpose, no flip, no second pass"


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "scene.png", tmp_path / "photo.jpg"]
    for path in paths:
        scene(96).save(path, **({"quality": 92} if path.suffix == ".jpg" else {}))
    return paths


def made(spec: BatchSpec, paths: list[Path]) -> tuple[torch.Tensor, list[bool]]:
    """A batch of one picture each, as the graph makes it, and which are mirrored."""

    def pull() -> tuple[object, object]:
        names = [np.frombuffer(str(path).encode(), np.uint8) for path in paths]
        return names, np.arange(len(paths))[:, None]

    @pipeline_def
    def on_cpu() -> tuple[object, object, object]:
        images, labels = crops(spec, "cpu", pull, mapped=False)
        mirror = fn.random.coin_flip(probability=0.5, dtype=types.INT32)
        return finished(spec, images, mirror), mirror, labels

    graph = on_cpu(batch_size=len(paths), num_threads=1, device_id=None, seed=3)
    graph.build()
    images, mirror, _ = graph.run()
    return from_dlpack(images.as_tensor()).clone(), [
        bool(one) for one in np.array(mirror.as_tensor())
    ]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("pixels", ["uint8", "fp32", "fp16"])
def test_what_the_graph_computes_is_pils(
    pictures: list[Path], pixels: Pixels, channels_last: bool
) -> None:
    paths = pictures * 6
    images, mirrored = made(spec_of(pixels, channels_last=channels_last), paths)
    assert 0 < sum(mirrored) < len(paths)
    rows = pixels == "uint8" or channels_last
    assert images.shape == (12, SIZE, SIZE, 3) if rows else (12, 3, SIZE, SIZE)
    values = images.permute(0, 3, 1, 2) if rows else images
    if pixels != "uint8":
        mean, std = (torch.tensor(one).view(3, 1, 1) for one in (IMAGENET_MEAN, IMAGENET_STD))
        values = 255 * (values.float() * std + mean)
    for path, one, flip in zip(paths, values, mirrored, strict=True):
        with Image.open(path) as image:
            plain = image.convert("RGB").resize((SIZE, SIZE), 2, reducing_gap=None)
        expected = torch.tensor(np.asarray(plain)).permute(2, 0, 1).float()
        off = (one.float() - (expected.flip(-1) if flip else expected)).abs().max()
        assert off <= 4.5, path.name
