"""What DALI is asked for: in order, and once more where nobody has got it."""

import torch

from resnext_bench.pipelines.batches import BatchSpec
from resnext_bench.pipelines.dali.feed import DaliSource, Feed


def feed() -> Feed:
    spec = BatchSpec(
        batch_size=2,
        image_size=8,
        classes=5,
        channels_last=True,
        device=torch.device("cpu"),
        seed=0,
        rank=0,
        world_size=1,
    )
    files = [f"{index}.jpg" for index in range(6)]
    source = DaliSource(root="/set", files=files, labels=range(6), decode="cpu", threads=1)
    return Feed(spec, source, held=4)


def test_paths_and_labels_belong_together() -> None:
    one = feed()
    seen = []
    for _ in range(3):
        paths, labels = one.pull()
        assert labels.shape == (2, 1)
        for path, (label,) in zip(paths, labels.tolist(), strict=True):
            assert path.tobytes().decode() == f"/set/{label}.jpg"
            seen.append(label)
    assert sorted(seen) == list(range(6)), "an epoch"
    assert not one.is_mapped


def test_what_nobody_has_got_comes_again_without_the_bad() -> None:
    one = feed()
    pulled = [[label for (label,) in one.pull()[1].tolist()] for _ in range(3)]
    one.got()
    assert one.begun == 2
    waiting = pulled[1] + pulled[2]
    assert [sample.item for sample in one.unmade()] == waiting
    bad = waiting[0]
    one.again_without({bad})
    assert one.begun == 0
    again = [label for _ in range(6) for (label,) in one.pull()[1].tolist()]
    assert again[:3] == waiting[1:]
    assert bad not in again
