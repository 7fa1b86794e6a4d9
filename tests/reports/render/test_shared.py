"""What both sides of a comparison are: said where it is equal, and only there."""

from typing import Any

import msgspec
import pytest

from resnext_bench.reports.render import words
from resnext_bench.reports.render.shared import machine, shared
from resnext_bench.reports.schema.config import RunConfig
from tests.reports.made_comparisons import made_comparison
from tests.reports.made_results import made_config, made_record

CPU = made_config(nodes=1, engine="none", launcher="direct")
GPU = made_config(
    device="cuda", nodes=1, nproc_per_node=4, amp_dtype="fp16", tf32=True, decode="mixed"
)


def told(a: RunConfig, **changes: Any) -> list[str]:
    return list(shared(a, msgspec.structs.replace(a, **changes)))


def test_all_that_a_reader_needs() -> None:
    assert told(CPU) == [
        "resnext50_32x4d",
        "8 images of 128 x 128",
        "bf16 autocast, fp32 IEEE elsewhere",
        "channels_last",
        "sgd",
        "1 node x 1 rank",
        "on CPU with 1 thread per rank",
        "DALI from made, decode on CPU",
    ]
    assert told(GPU) == [
        "resnext50_32x4d",
        "8 x 4 ranks = 32 images of 128 x 128",
        "fp16 autocast with gradient scaler, fp32 with TF32 elsewhere",
        "channels_last",
        "cuDNN benchmark of 10 plans",
        "sgd",
        "1 node x 4 ranks",
        "on GPU",
        "DDP",
        "DALI from made, decode on CPU and GPU (mixed)",
    ]
    assert told(made_config(pipeline="synthetic", data=None))[-1] == "synthetic batches"
    torchvision = told(made_config(pipeline="torchvision"))[-1]
    assert torchvision == "torchvision from made, decode on CPU"


@pytest.mark.parametrize(
    ("changes", "gone", "instead"),
    [
        ({"model": "resnet50"}, "resnext50_32x4d", ()),
        ({"form": "a"}, "resnext50_32x4d, form (a)", ("resnext50_32x4d",)),
        ({"batch_size": 4}, "8 images of 128 x 128", ("images of 128 x 128",)),
        ({"image_size": 64}, "8 images of 128 x 128", ("8 images per rank",)),
        ({"batch_size": 4, "image_size": 64}, "8 images of 128 x 128", ()),
        (
            {"nodes": 2, "engine": "ddp"},
            "8 images of 128 x 128",
            ("8 images of 128 x 128 per rank", "1 rank per node"),
        ),
        ({"nproc_per_node": 2}, "1 node x 1 rank", ("1 node",)),
        ({"amp_dtype": "none"}, "bf16 autocast, fp32 IEEE elsewhere", ()),
        ({"tf32": True}, "bf16 autocast, fp32 IEEE elsewhere", ("bf16 autocast",)),
        ({"channels_last": False}, "channels_last", ()),
        ({"optimizer": "adamw"}, "sgd", ()),
        ({"threads": 2}, "on CPU with 1 thread per rank", ("on CPU",)),
        ({"device": "cuda"}, "on CPU with 1 thread per rank", ()),
        ({"data": "/other"}, "DALI from made, decode on CPU", ("DALI, decode on CPU",)),
        ({"decode": "mixed"}, "DALI from made, decode on CPU", ("DALI",)),
        ({"pipeline": "torchvision"}, "DALI from made, decode on CPU", ()),
        ({"pipeline": "synthetic", "data": None}, "DALI from made, decode on CPU", ()),
    ],
    ids=str,
)
def test_what_differs_is_not_said(
    changes: dict[str, Any], gone: str, instead: tuple[str, ...]
) -> None:
    pieces = told(CPU, **changes)
    assert gone not in pieces
    assert set(instead) <= set(pieces)


def gpu_sides(used: RunConfig | None, other: RunConfig | None, gpus: tuple[str, ...]) -> str:
    record = made_comparison()
    environment = msgspec.structs.replace(made_record().environment, gpus=gpus)
    a, b = (
        msgspec.structs.replace(side, resolved=config)
        for side, config in ((record.a, used), (record.b, other))
    )
    return machine(msgspec.structs.replace(record, a=a, b=b, environment=environment))


@pytest.mark.parametrize(
    ("a", "b", "gpus", "named"),
    [
        (CPU, CPU, ("A",) * 8, "Example CPU @ 2.50GHz, 2 cores"),
        (GPU, GPU, ("A",) * 8, "4 x A"),
        (GPU, GPU, ("A", "A", "A", "B"), "3 x A, 1 x B"),
        (GPU, GPU, ("A",), "1 x A"),  # four ranks share it
        (GPU, CPU, ("A",) * 8, "4 x A, Example CPU @ 2.50GHz, 2 cores"),
        (None, None, ("A",) * 8, "8 x A, Example CPU @ 2.50GHz, 2 cores"),
        (None, None, (), "Example CPU @ 2.50GHz, 2 cores"),
    ],
)
def test_only_devices_in_use_are_named(
    a: RunConfig | None, b: RunConfig | None, gpus: tuple[str, ...], named: str
) -> None:
    assert gpu_sides(a, b, gpus) == f"{named}, torch 2.15.0"


def test_stage_0_of_deepspeed_says_when_it_reduces() -> None:
    """It has no buckets to name, not even in older records, which hold a size."""
    for bucket in (None, 4.0):
        zero = made_config(engine="deepspeed", zero_stage=0, bucket_mib=bucket)
        assert words.engine(zero) == "DeepSpeed ZeRO 0 (gradients reduced after backward)"
    split = made_config(engine="deepspeed", zero_stage=1, bucket_mib=4.0)
    assert words.engine(split) == "DeepSpeed ZeRO 1 (buckets of 4 MiB)"


def test_sides_with_other_rules_share_no_choice_of_cudnn() -> None:
    rules = {"cudnn_errata": "/rules/without-22.json", "cudnn_errata_sha256": "00"}
    both = msgspec.structs.replace(GPU, **rules)
    assert "cuDNN benchmark of 10 plans, rules of without-22.json" in told(both)
    for a, changes in ((GPU, rules), (both, {"cudnn_errata_sha256": "01"})):
        assert not [one for one in told(a, **changes) if "cuDNN" in one]
