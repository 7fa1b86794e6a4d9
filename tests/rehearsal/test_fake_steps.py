"""The timed loop on a fake GPU: each kind of model, pipeline, layout and precision.

What is not on the GPU, and what makes the host wait in a step, is found; backward, events and DDP
need a real one.
"""

from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from resnext_bench.pipelines.synthetic import synthetic_batches
from resnext_bench.reports.schema.config import Option
from resnext_bench.worker import data
from resnext_bench.worker.training import Criterion
from resnext_bench.worker.witness import Witness, format_of
from tests.rehearsal.fake_cuda import GPU, Kind
from tests.rehearsal.fake_steps import made_config, stepped
from tests.worker.made_training import CPU

KINDS = (
    "resnext14_4x4d",
    "torchvision:shufflenet_v2_x0_5",
    "timm:test_resnet",
    "tests.rehearsal.networks:Small",
    "tests.rehearsal.networks:scripted",
)
"""One of each kind, in each layout and precision."""
OTHERS = (
    *("resnext29_8x16d", "resnext14_4x4d_v1", "resnext14_4x4d_plain", "resnet50_root4"),
    *("alexnet", "googlenet"),
    *(
        "torchvision:resnext50_32x4d",
        "torchvision:googlenet",
        "torchvision:inception_v3",
        "torchvision:vit_b_32",
    ),
    *("torchvision:swin_t", "torchvision:efficientnet_b0"),
    *("timm:resnext26ts", "timm:convnext_atto", "timm:vit_tiny_patch16_224", "timm:resnest14d"),
)
USUAL = (("NHWC", "bf16"), ("NCHW", "fp32"))
PRECISIONS: dict[str, dict[str, Option]] = {
    "fp32": {},
    "tf32": {"tf32": True},
    "bf16": {"amp_dtype": "bf16"},
    "fp16": {"amp_dtype": "fp16"},
}
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
PIXELS = ("uint8", "fp32", "fp16")


CASES = (
    *product(KINDS, ("NHWC", "NCHW"), PRECISIONS),
    *((model, layout, how) for model in OTHERS for layout, how in USUAL),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for number in range(8):
        Image.new("RGB", (80, 72), (number, 2 * number, 99)).save(root / f"{number}.jpg")
    return root


@pytest.mark.parametrize(("model", "layout", "how"), CASES)
def test_models(model: str, layout: str, how: str) -> None:
    if model.startswith("timm:") and not find_spec("timm"):
        pytest.skip("timm is not installed")
    size = {
        "alexnet": 227,
        "torchvision:vit_b_32": 224,
        "timm:vit_tiny_patch16_224": 224,
        "torchvision:inception_v3": 80,
    }
    options = {"image_size": size.get(model, 64), "channels_last": layout == "NHWC"}
    seen = stepped(made_config(model=model, **options, **PRECISIONS[how]))
    assert seen.faults == []
    (output,) = seen.outputs
    assert output.device == GPU
    # Parameters of TorchScript's modules are in no module that is a convolution.
    assert seen.weights in (layout, "" if "scripted" in model else "either")


@pytest.mark.parametrize("form", ["a", "b", "c"])
def test_forms(form: str) -> None:
    assert stepped(made_config(form=form, amp_dtype="bf16")).faults == []


@pytest.mark.parametrize(
    ("pipeline", "pixels", "how", "layout"),
    [
        (pipeline, pixels, how, layout)
        for pipeline in ("synthetic", "host", "torchvision", "dali")
        for pixels, how, layout in product(PIXELS, PRECISIONS, ("NHWC", "NCHW"))
        # Half floats into a model that computes in single ones are refused.
        if pixels != "fp16" or how in ("bf16", "fp16")
    ],
)
def test_pipelines(pipeline: str, pixels: str, how: str, layout: str, pictures: Path) -> None:
    if pipeline == "dali":
        pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    options = {"pipeline": pipeline, "pixels": pixels, "channels_last": layout == "NHWC"}
    config = made_config(model="tests.rehearsal.networks:Small", **options, **PRECISIONS[how])
    seen = stepped(config, root=pictures)
    assert seen.faults == []
    assert seen.batch
    images, labels = seen.batch
    expected = {"uint8": torch.uint8, "fp32": torch.float32, "fp16": torch.float16}
    assert (images.dtype, tuple(images.shape)) == (expected[pixels], (4, 3, 64, 64))
    # Bytes are rows of pixels, whatever the model's layout; its first operation lays them anew.
    assert format_of(images) == ("NHWC" if pixels == "uint8" else layout)
    assert (labels.dtype, tuple(labels.shape)) == (torch.int64, (4,))
    # Of noise in host memory, it is the loop's copy that is measured.
    assert {images.device.type, labels.device.type} == {"cpu" if pipeline == "host" else "cuda"}


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(("how", "dtype"), [(how, DTYPES.get(how)) for how in PRECISIONS])
def test_our_first_operation(how: str, dtype: torch.dtype | None, layout: str) -> None:
    """Bytes become floats of the precision's own type at once, in the layout of the model."""
    config = made_config(pixels="uint8", channels_last=layout == "NHWC", **PRECISIONS[how])
    seen = stepped(config)
    assert seen.faults == []
    (images,) = seen.convolved
    assert (images.dtype, format_of(images)) == (dtype or torch.float32, layout)


def reads_its_loss(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    loss = nn.functional.cross_entropy(output, labels)
    return loss if loss.item() == loss.item() else torch.zeros_like(loss)


def weighs_on_host(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(output, labels, weight=torch.ones(output.shape[1]))


def has_labels_on_host(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(output, torch.zeros(len(output), dtype=torch.long))


def logs_its_loss(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    loss = nn.functional.cross_entropy(output, labels)
    loss.detach().to("cpu", non_blocking=True)
    return loss


@pytest.mark.parametrize(
    ("model", "kind", "operation"),
    [
        ("LeftOnHost", "left on the host", "aten::mul"),
        ("PicksByHost", "left on the host", "aten::index"),
        ("MakesOnHost", "copy that waits", "aten::_to_copy"),
        ("ReadsItem", "host read", "aten::_local_scalar_dense"),
        ("DecidesOnValue", "host read", "aten::_local_scalar_dense"),
        ("LogsOnHost", "host read", "aten::_to_copy"),
        ("CountsOnHost", "host read", "aten::index or aten::nonzero"),
        ("CatchesWhatItReads", "host read", "aten::_local_scalar_dense"),
        ("Synchronises", "synchronise", "torch.cuda.synchronize"),
    ],
)
def test_a_models_faults_are_found(model: str, kind: Kind, operation: str) -> None:
    seen = stepped(made_config(model=f"tests.rehearsal.networks:{model}", amp_dtype="bf16"))
    assert seen.faults[0].kind == kind
    assert seen.faults[0].what in operation.split(" or ")


@pytest.mark.parametrize(
    ("criterion", "kind"),
    [
        (reads_its_loss, "host read"),
        (logs_its_loss, "host read"),
        (weighs_on_host, "left on the host"),
        (has_labels_on_host, "left on the host"),
    ],
)
def test_a_losss_faults_are_found(criterion: Criterion, kind: Kind) -> None:
    small = made_config(model="tests.rehearsal.networks:Small")
    assert [one.kind for one in stepped(small, criterion=criterion).faults] == [kind]


def test_memory_that_was_not_pinned_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    small = made_config(model="tests.rehearsal.networks:Small", pipeline="host")
    monkeypatch.setattr(
        data, "host_batches", lambda spec: synthetic_batches(replace(spec, device=CPU))
    )
    kinds = [one.kind for one in stepped(small).faults]
    assert kinds == ["copy that waits"] * 2, "images, labels"


def test_a_witness_that_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Witness, "see", lambda self, step, images, loss: loss.tolist())
    seen = stepped(made_config(model="tests.rehearsal.networks:Small"))
    assert [one.kind for one in seen.faults] == ["host read"]
