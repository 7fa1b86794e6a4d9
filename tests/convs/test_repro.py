"""Scripts for one problem: what stands in them, and that torch and the frontend take it."""

import ast
import contextlib
import io
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest

from resnext_bench.config.answers import is_installed
from resnext_bench.convs.plans.devices import described
from resnext_bench.convs.plans.planning import ask, question
from resnext_bench.convs.problems import by_hand
from resnext_bench.convs.repro import script
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype, Layout
from tests import quick_timer

MOST_LINES = 44
"""Of code, without the title."""


def convolution(dtype: Dtype, layout: Layout) -> Convolution:
    """A convolution with stride, without padding, and with other channels after it."""
    asked = by_hand(
        *((2, 8, 9, 11),),
        filters=12,
        groups=2,
        kernel=3,
        stride=2,
        padding=0,
        dtype=dtype,
        layout=layout,
    )
    return asked.convolution


def written(operation: Operation, dtype: Dtype, layout: Layout) -> str:
    """Its script."""
    return script(convolution(dtype, layout), operation, "resnext50_32x4d")


EVERY = [*product(OPERATIONS, get_args(Dtype), get_args(Layout))]


@pytest.mark.parametrize(("operation", "dtype", "layout"), EVERY)
def test_shapes_strides_and_type_stand_in_it(
    operation: Operation, dtype: Dtype, layout: Layout
) -> None:
    text = written(operation, dtype, layout)
    told: dict[str, Any] = {
        one.targets[0].id: one.value
        for one in ast.parse(text).body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    }
    assert ast.literal_eval(told["DIM"]) == {
        "x": (2, 8, 9, 11),
        "w": (12, 4, 3, 3),
        "y": (2, 12, 4, 5),
    }
    steps = ast.literal_eval(told["STRIDE"])
    (more,) = (one for one in ast.parse(text).body if isinstance(one, ast.AugAssign))
    steps |= ast.literal_eval(more.value)
    assert steps["x"] == ((792, 1, 88, 8) if layout == "nhwc" else (792, 99, 11, 1))
    assert steps["y"] == ((240, 1, 60, 12) if layout == "nhwc" else (240, 20, 5, 1))
    types = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "tf32": "float32"}
    assert f"torch.{types[dtype]}," in text
    assert f"allow_tf32 = {dtype == 'tf32'}\n" in text
    assert f"{operation} of given of resnext50_32x4d, {dtype}, {layout.upper()}" in text
    assert len([line for line in text.splitlines()[1:] if line]) <= MOST_LINES
    assert max(map(len, text.splitlines())) <= 100


def test_all_are_clean(tmp_path: Path) -> None:
    for number, one in enumerate(EVERY):
        (tmp_path / f"repro{number}.py").write_text(written(*one))
    ruff = (sys.executable, "-m", "ruff")
    for words in (("check",), ("format", "--check", "--line-length", "100")):
        done = subprocess.run(
            (*ruff, *words, "--isolated", str(tmp_path)), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("operation", OPERATIONS)
def test_torch_computes_the_operation_that_it_names(
    monkeypatch: pytest.MonkeyPatch, operation: Operation
) -> None:
    """By autograd, whose own call of the gradient is another."""
    import torch

    quick_timer.install(monkeypatch)

    text = written(operation, "fp32", "nchw")
    said: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as ended:
        exec(compile(text, "repro.py", "exec"), said)
    x, w, y = (one.double().requires_grad_() for one in said["tensors"])
    result = torch.nn.functional.conv2d(x, w, stride=2, groups=2)
    result.backward(y.detach())
    expected = {"forward": result, "input gradient": x.grad, "weight gradient": w.grad}[operation]
    assert torch.allclose(said["exact"], expected.detach())
    first, *_, last = out.getvalue().splitlines()
    assert first.endswith(", the CPU")
    assert last.startswith("benchmark=False, limit=10: ")
    assert float(last.partition(" us (IQR ")[0].split()[-1]) > 0
    assert last.rpartition("), ")[2].startswith("right: ")
    assert float(last.rpartition(": ")[2].removesuffix(" off from float64")) < 1e-5
    assert not ended.value.code


def test_a_wrong_result_is_told_and_ends_it_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is 130 % off, as a library gave it, and one of NaN."""
    quick_timer.install(monkeypatch)
    text = written("forward", "bf16", "nchw")
    assert "LIMIT = 0.06  # from float64, for bfloat16" in text
    assert "LIMIT = 0.0001  # from float64, for float32" in written("forward", "fp32", "nchw")
    assert "LIMIT = 0.01  # from float64, for tf32" in written("forward", "tf32", "nchw")
    right = "off = ((call(*tensors).double() - exact)"
    for factor, shown in (("2.3", "1.3e+00"), ('float("nan")', "nan")):
        wrong = text.replace(right, f"off = ((call(*tensors).double() * {factor} - exact)")
        assert wrong != text
        with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as ended:
            exec(compile(wrong, "repro.py", "exec"), {})
        assert out.getvalue().splitlines()[-1].endswith(f"WRONG: {shown} off from float64")
        assert ended.value.code


@pytest.mark.slow
@pytest.mark.skipif(not is_installed("cudnn"), reason="cuDNN's frontend is not installed")
def test_the_frontend_lists_the_plans_of_that_problem(tmp_path: Path) -> None:
    """For a described device, as there is no handle without a GPU."""
    device = described("h200").fields
    given = f"device_property=cudnn.create_device_properties(json.dumps({device}))"
    texts = [
        written(*one).partition("\n\n\ndef call")[0]
        for one in product(OPERATIONS, ("bf16",), get_args(Layout))
    ]
    path = tmp_path / "repro.py"
    whole = "\n".join(["import json", *texts])
    path.write_text(whole.replace("handle=cudnn.create_handle()", given))
    done = subprocess.run((sys.executable, "-P", str(path)), capture_output=True, text=True)
    listed = [line for line in done.stdout.splitlines() if line.startswith("plan")]

    problems = [
        question(convolution("bf16", layout), operation)
        for operation, layout in product(OPERATIONS, get_args(Layout))
    ]
    found = ask({"devices": [device], "problems": problems}).problems
    tags = [f"plan {at}: {one.tag}" for each in found for at, one in enumerate(each.plans, 1)]
    assert listed == tags, done.stdout + done.stderr
    assert all(each.plans for each in found)
