"""JPEG batches as a user of DALI would write them by hand; imports nothing of ours."""

from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator


@pipeline_def
def pipeline(root, files, labels, size, rank, world):
    jpegs, label = fn.readers.file(
        file_root=root,
        files=files,
        labels=labels,
        shard_id=rank,
        num_shards=world,
        random_shuffle=True,
    )
    images = fn.decoders.image_random_crop(jpegs, random_area=[0.08, 1.0])
    images = fn.resize(images, size=size, antialias=True)
    flip = fn.random.coin_flip(probability=0.5)
    rgb = {"mean": [124, 116, 104], "std": [58, 57, 57]}
    return fn.crop_mirror_normalize(
        images, dtype=types.FLOAT, output_layout="HWC", mirror=flip, **rgb
    ), label


def batches(root, files, labels, *, size, batch, rank, world, threads):
    pipe = pipeline(root, files, labels, size, rank, world, batch_size=batch, num_threads=threads)
    for loaded in DALIGenericIterator([pipe], ["images", "labels"], size=-1):
        yield loaded[0]["images"].permute(0, 3, 1, 2), loaded[0]["labels"].view(-1).long()
