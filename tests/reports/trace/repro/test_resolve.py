"""Which overload a call was, and what of its arguments is recorded, assumed or open."""

import pytest

from resnext_bench.reports.trace.repro.given import (
    Literal,
    Source,
    Tensor,
    channels_last,
    contiguous,
    literal,
)
from resnext_bench.reports.trace.repro.resolve import Hints
from resnext_bench.reports.trace.repro.signatures import parsed
from tests.reports.trace.repro.running import CONV, NONE, given, here, n, resolved, t, why

X = t(4, 6)


def values(found: object) -> dict[str, object]:
    return {
        one.parameter.name: one.value.text if isinstance(one.value, Literal) else one.value
        for one in found.arguments
    }


@pytest.mark.parametrize(
    ("name", "told", "overload"),
    [
        ("aten::add", [X, X, n("1")], "Tensor"),
        ("aten::add_", [X, t(kind="double"), n("2")], "Tensor"),
        ("aten::mul", [X, t(kind="double"), X], "out"),
        ("aten::div", [X, n("49")], "Scalar"),
        ("aten::sum", [X, n("[0]"), n("True"), NONE], "dim_IntList"),
        ("aten::sum", [X, NONE], "default"),
        ("aten::mean.dim", [X, n("[0]"), n("True"), NONE], "dim"),
        ("aten::pow", [X, n("2")], "Tensor_Scalar"),
        (
            "aten::max_pool2d_with_indices",
            [t(1, 2, 8, 8), *[n("[2, 2]")] * 4, n("False")],
            "default",
        ),
    ],
)
def test_the_overload_follows_from_what_is_recorded(name, told, overload) -> None:
    assert resolved(name, given(*told)).schema.overload == overload


def test_numbers_are_those_of_the_trace() -> None:
    found = values(resolved("aten::convolution", given(*CONV)))
    assert found["input"] == Tensor(dtype="float32", size=(2, 8, 9, 11), stride=(792, 99, 11, 1))
    assert {
        name: found[name] for name in ("bias", "stride", "padding", "transposed", "groups")
    } == {
        "bias": "None",
        "stride": "[2, 2]",
        "padding": "[0, 0]",
        "transposed": "False",
        "groups": "2",
    }


def test_types_that_are_recorded_as_numbers_get_their_names() -> None:
    told = [X, n("15"), n("0"), ("", [], "cuda:0"), NONE]
    told += [n("False"), n("2")]
    found = values(resolved("aten::_to_copy", given(*told)))
    assert found["dtype"] == "torch.bfloat16"
    assert found["layout"] == "torch.strided"
    assert found["device"] == "device"
    assert found["memory_format"] == "torch.channels_last"


def test_strides_are_those_of_the_trace() -> None:
    told = given(t(10, 512, 7, 7, kind="c10::Half"), n("49"), strides=[[512, 1, 0, 0], []])
    (one, _) = resolved("aten::div", told).arguments
    assert isinstance(one.value, Tensor)
    assert (one.value.stride, one.strides_recorded, one.value.elements) == (
        (512, 1, 0, 0),
        True,
        5120,
    )


def test_without_strides_tensors_are_contiguous_or_what_kernels_say() -> None:
    for is_nhwc, stride in ((False, (792, 99, 11, 1)), (True, (792, 1, 88, 8))):
        found = resolved("aten::convolution", given(*CONV), Hints(is_nhwc=is_nhwc))
        assert found.tensors[0].stride == stride
        assert not found.arguments[0].strides_recorded
    assert contiguous((2, 0, 3)) == (3, 3, 1)
    assert channels_last((2, 8, 3, 9, 11)) == (2376, 1, 792, 88, 8)


def test_without_numbers_defaults_count_and_nothing_is_made_up() -> None:
    """Whether a convolution was transposed is open where its weight could be that of one."""
    found = resolved(
        "aten::addmm", given(X, X, X, ("Scalar", [], ""), ("Scalar", [], ""), inputs=False)
    )
    assert [one.parameter.name for one in found.of(Source.DEFAULT)] == ["beta", "alpha"]
    bare = [(kind, sizes, "") for kind, sizes, _ in CONV]
    found = resolved("aten::convolution", given(*bare, inputs=False))
    assert [one.parameter.name for one in found.missing] == ["stride", "padding", "dilation"]
    assert values(found)["groups"] == "2"
    assert values(found)["output_padding"] == "[0, 0]"
    bare[1] = t(8, 4, 3, 3)
    found = resolved("aten::convolution", given(*bare, inputs=False))
    assert {"groups", "transposed"} <= {one.parameter.name for one in found.missing}


def test_a_number_was_given_where_its_default_is_none() -> None:
    found = resolved("aten::clamp", given(X, ("Scalar", [], ""), NONE, inputs=False))
    assert [one.parameter.name for one in found.missing] == ["min"]
    assert values(found)["max"] == "None"


def test_older_calls_with_fewer_arguments_get_defaults() -> None:
    found = resolved("aten::contiguous", given(X))
    assert (found.schema.name, found.of(Source.DEFAULT)[0].value) == (
        "contiguous",
        Literal(text="torch.contiguous_format"),
    )


def test_what_is_gone_needs_only_what_took_its_place_needs() -> None:
    sizes = [[2, 8, 9, 9], [2, 4, 9, 9], [4, 8, 1, 1]]
    told = [("float", one, "") for one in sizes] + [("GenericList", [], "")] * 3
    told += [("Int", [], "")] + [("Bool", [], "")] * 3 + [("GenericList", [], "")]
    found = resolved("aten::cudnn_convolution_backward", given(*told, inputs=False))
    names = [one.parameter.name for one in found.missing]
    assert names == ["padding", "stride", "dilation", "output_mask"]
    assert values(found)["groups"] == "1"


@pytest.mark.parametrize(
    ("name", "told", "reason"),
    [
        ("aten::relu", [], "shapes"),
        ("record_param_comms", [X], "collective"),
        ("c10d::allreduce_", [X], "collective"),
        ("nccl:all_reduce", [X], "collective"),
        ("ConvolutionBackward0", [X], "autograd"),
        ("autograd::engine::evaluate_function: AddBackward0", [X], "autograd"),
        ("torch::autograd::AccumulateGrad", [X], "autograd"),
        ("Optimizer.step#SGD.step", [X], "foreign"),
        ("fbgemm::permute_2D_sparse_data", [X], "foreign"),
        ("aten::item", [X], "waits"),
        ("aten::empty_strided", [X], "no tensor"),
        ("aten::resize_", [X], "no tensor"),
        ("aten::is_pinned", [X, NONE], "no tensor"),
        ("aten::cat", [("TensorList", [], ""), n("0")], "list"),
        ("aten::relu", [("c10::qint8", [4], "")], "type"),
        ("aten::relu", [({}, [4], "")], "type"),
        ("aten::relu", [X, X], "unknown"),
        ("aten::relu", [("float", [-1], "")], "shapes"),
        ("aten::relu", [("float", [4.5], "")], "shapes"),
        ("aten::relu", [("float", "4", "")], "shapes"),
        ("aten::no_such_operator", [X], "unknown"),
        ("aten::mm'); import os", [X, X], "foreign"),
    ],
)
def test_what_is_refused(name, told, reason) -> None:
    assert why(name, given(*told)) == reason


def test_lists_of_tensors_have_the_type_of_the_others() -> None:
    found = resolved("aten::cat", given(("TensorList", [[2, 3], [4, 3]], ""), n("0")))
    assert [(one.size, one.dtype) for one in found.tensors] == [
        ((2, 3), "float32"),
        ((4, 3), "float32"),
    ]
    assert not found.arguments[0].dtype_recorded


@pytest.mark.parametrize(
    ("name", "told", "parameter", "values"),
    [
        (
            "aten::nll_loss_forward",
            [t(32, 10), t(32, kind="long int"), NONE, n("1"), n("-100")],
            "target",
            "torch.randint(10,",
        ),
        (
            "aten::embedding",
            [t(77, 4), t(5, kind="long"), n("-1"), n("False"), n("False")],
            "indices",
            "torch.randint(77,",
        ),
        (
            "aten::embedding_dense_backward",
            [X, t(4, kind="long"), n("55"), n("-1"), n("False")],
            "indices",
            "torch.randint(55,",
        ),
        (
            "aten::gather",
            [X, n("-1"), t(4, 2, kind="long"), n("False")],
            "index",
            "torch.randint(6,",
        ),
        (
            "aten::index_select",
            [X, ("Scalar", [], ""), t(3, kind="long")],
            "index",
            "torch.randint(4,",
        ),
        ("aten::remainder", [t(4, kind="int"), t(4, kind="int")], "other", "torch.randint(1, 9,"),
        ("aten::sqrt", [X], "self", "1 - torch.rand(n)"),
        ("aten::logical_not", [t(4, kind="bool")], "self", "torch.randint(2,"),
    ],
)
def test_values_are_what_the_operator_takes(name, told, parameter, values) -> None:
    found = resolved(name, given(*told))
    (one,) = (one.value for one in found.arguments if one.parameter.name == parameter)
    assert isinstance(one, Tensor)
    assert values in one.values


@pytest.mark.parametrize(
    ("told", "kind", "text"),
    [
        ("1", "int", "1"),
        ("007", "int", "7"),
        ("1.0000000000000001e-05", "float", "1e-05"),
        ("0.", "float", "0.0"),
        ("[2., 2.5]", "float[]", "[2.0, 2.5]"),
        (".", "float", None),
        ("inf", "Scalar", 'float("inf")'),
        ("True", "Scalar", "True"),
        ("True", "bool", "True"),
        ("[True, False]", "bool[]", "[True, False]"),
        ("[]", "int[]", "[]"),
        ("[1, 2]", "int[]", "[1, 2]"),
        ("[1, x]", "int[]", None),
        ("0.5", "int", None),
        ("99", "ScalarType", None),
        ("__import__('os')", "Scalar", None),
        ("1)+(2", "int", None),
        ("١", "int", None),
    ],
)
def test_values_are_read_and_not_copied(told, kind, text) -> None:
    assert literal(told, kind) == text


def test_signatures_are_read() -> None:
    found = parsed(
        "f.out(Tensor self, int[]? dim=[1, 2], *, Tensor! out) -> Tensor  # no CPU, random"
    )
    assert [(one.name, one.type, one.is_optional, one.default) for one in found.parameters] == [
        ("self", "Tensor", False, None),
        ("dim", "int[]", True, "[1, 2]"),
        ("out", "Tensor", False, None),
    ]
    assert (found.on_cpu, found.is_random, found.changes, found.overload) == (
        False,
        True,
        True,
        "out",
    )
    assert not here().overloads("cudnn_batch_norm")[0].on_cpu
    assert here().overloads("convolution")[0].on_cpu
    assert here().overloads("native_dropout")[0].is_random
    assert not here().overloads("nothing")
