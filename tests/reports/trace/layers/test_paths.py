"""What words of a trace say about where a module stands."""

import pytest

from resnext_bench.reports.trace.layers.paths import hierarchy, label, stack, without_ddp


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("## layer1.0.conv2: Conv2d ##", (("layer1", "0", "conv2"), "Conv2d")),
        ("## fc: Linear ##", (("fc",), "Linear")),
        ("## blocks.down-1.norm: LayerNorm ##", (("blocks", "down-1", "norm"), "LayerNorm")),
        ("## layer1._checkpoint_wrapped_module.0: Block ##", (("layer1", "0"), "Block")),
        ("## _orig_mod.fc: Linear ##", (("fc",), "Linear")),
        ("## forward ##", None),
        ("## next batch ##", None),
        ("## step: 3 ##", None),
        ("## alltoall_bwd_single ##", None),
        ("aten::conv2d", None),
    ],
)
def test_labels(name: str, found: object) -> None:
    assert label(name) == found


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ([("module", "a"), ("module", "b", "c")], [("a",), ("b", "c")]),
        ([("module", "module", "a")], [("a",)]),
        ([("module", "a"), ("head",)], [("module", "a"), ("head",)]),
        ([("module",), ("module", "a")], [(), ("a",)]),
        ([], []),
    ],
)
def test_what_ddp_puts_before_names_goes_if_it_is_before_all(
    given: list[tuple[str, ...]], plain: list[tuple[str, ...]]
) -> None:
    assert without_ddp(given) == plain


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "TOP(ResNet)::forward.layer1(Sequential)::forward.0(Bottleneck)::forward.",
            [("(ResNet)", "ResNet"), ("layer1", "Sequential"), ("0", "Bottleneck")],
        ),
        (
            "TOP(C)::forward.A0(A)::forward.SELF(A)::forward_impl_.SELF(A)::my_new_method.",
            [("(C)", "C"), ("A0", "A")],
        ),
        (
            "TOP(ResNet).layer1(Sequential).0(Bottleneck)",
            [("(ResNet)", "ResNet"), ("layer1", "Sequential"), ("0", "Bottleneck")],
        ),
        ("TOP()::<backward op>.::AD_sum_backward.", []),
        ("TOP()::<forward op>.fc(Linear)::forward.", [("(network)", ""), ("fc", "Linear")]),
        ("TOP(UNKNOWN_TYPE)::forward.a(A)", [("(network)", ""), ("a", "A")]),
        ("", []),
        ("nothing of the kind", []),
    ],
)
def test_hierarchies(text: str, found: object) -> None:
    assert hierarchy(text) == found


SITE = "/usr/lib/python3.7/site-packages/"
CALL = f"{SITE}torch/nn/modules/module.py(1051): _call_impl"


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        (
            [
                f"{SITE}torch/nn/modules/conv.py(440): _conv_forward",
                f"{SITE}torch/nn/modules/conv.py(443): forward",
                CALL,
                f"{SITE}torchvision/models/resnet.py(232): _forward_impl",
                f"{SITE}torchvision/models/resnet.py(249): forward",
                CALL,
                "train.py(46): <module>",
            ],
            ["resnet:46", "conv:232"],
        ),
        (
            [
                "torch/nn/functional.py(1): relu",
                "nn.Module: ReLU_0",
                "torch/nn/modules/module.py(1): _call_impl",
                "nn.Module: Net_0",
                "train.py(3): <module>",
            ],
            ["Net_0", "ReLU_0"],
        ),
        (
            [
                r"C:\lib\torch\nn\modules\linear.py(9): forward",
                r"C:\lib\torch/nn/modules/module.py(1): __call__",
                "a.py(7): f",
            ],
            ["linear:7"],
        ),
        (["train.py(54): <module>"], []),
        ([""], []),
    ],
)
def test_stacks(frames: list[str], found: list[str]) -> None:
    assert [name for name, _ in stack(";".join(frames))] == found
