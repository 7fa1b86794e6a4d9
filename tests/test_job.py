"""What a session's files hold of the images, as the ranks read it."""

import os
from pathlib import Path

import msgspec
import pytest

from resnext_bench.job import ImageList, Job, SessionFolder
from resnext_bench.launch.topology import place_ranks
from resnext_bench.pipelines.shards.ranges import Ranges
from tests.worker.made_training import LAPTOP, made_config

ODD = os.fsdecode(b"caf\xe9/\xff1.jpg")
PLAIN = ImageList(files=["a/0.jpg", "café/1.jpg"], labels=[0, 1])


def made_ranges(shard: str) -> Ranges:
    return Ranges(paths=(shard,), stamps=((1, 2),), shard=(0, 0), offset=(0, 9), length=(3, 4))


@pytest.mark.parametrize(
    "images",
    [
        PLAIN,
        ImageList(files=[ODD, "a/0.jpg"], labels=[0, 1]),
        ImageList(files=PLAIN.files, labels=[0, 1], ranges=made_ranges("one.tar")),
        ImageList(files=[ODD, ODD], labels=[0, 1], ranges=made_ranges(os.fsdecode(b"\xff.tar"))),
    ],
)
def test_ranks_read_the_images_as_they_were_given(tmp_path: Path, images: ImageList) -> None:
    config = made_config()
    job = Job(
        run_id="made",
        session=1,
        config=config,
        topology=place_ranks(config, LAPTOP),
        images=str(tmp_path),
        timeout_s=60.0,
    )
    folder = SessionFolder(tmp_path / "session-1")
    folder.create(job, images)
    assert folder.read_images() == images
    if images == PLAIN:
        assert folder.image_list.read_bytes() == msgspec.json.encode(images), "as it is"
