"""Scripts of calls: they run, they are right, and say what is wrong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from resnext_bench.reports.trace.repro.resolve import Hints
from resnext_bench.reports.trace.repro.script import Told
from tests.reports.trace.repro.running import CONV, NONE, given, n, ran, t, text_of

ON_GPU = Told(module="layer1.0.conv2", device="NVIDIA H200", median_ns=98_100.0, calls=9)
BOOL, LONG, BF16, HALF = "bool", "long int", "c10::BFloat16", "c10::Half"
X = t(4, 6)
NORM = (t(2, 8, 5, 5), *[t(8)] * 4, n("True"), n("0.1"), n("1e-05"))
BACKWARD = (t(2, 12, 4, 5), CONV[0], CONV[1], n("[0]"), *CONV[3:], n("[True, True, False]"))
STATS = (t(2, 8, 5, 5), t(2, 8, 5, 5), *[t(8)] * 5)
WINDOW = (n("[0, 0]"), n("[2, 2]"), n("[1, 1]"), n("2"))
POOL = (n("[3, 3]"), n("[2, 2]"), n("[1, 1]"), n("[1, 1]"), n("False"))
CALLS = {
    "aten::convolution": CONV,
    "aten::convolution_backward": BACKWARD,
    "aten::native_batch_norm": NORM,
    "aten::cudnn_batch_norm": NORM,
    "aten::miopen_batch_norm": NORM,
    "aten::cudnn_batch_norm_backward": (*STATS, n("1e-05"), t(0, kind="unsigned char")),
    "aten::miopen_batch_norm_backward": (*STATS, n("1e-05")),
    "aten::native_batch_norm_backward": (*STATS, n("True"), n("1e-05"), n("[True, True, True]")),
    "aten::cudnn_convolution": (*CONV[:2], *WINDOW, *[n("False")] * 3),
    "aten::miopen_convolution": (*CONV[:2], t(12), *WINDOW, *[n("False")] * 2),
    "aten::cudnn_convolution_backward": (
        *(CONV[0], t(2, 12, 4, 5), CONV[1], *WINDOW, *[n("False")] * 3, n("[True, True]")),
    ),
    "aten::add_": (X, t(kind="double"), n("1")),
    "aten::mul": (X, t(kind="double"), X),
    "aten::addmm": (t(7), X, t(6, 7), n("1"), n("1")),
    "aten::bmm": (t(3, 4, 5, kind=BF16), t(3, 5, 2, kind=BF16)),
    "aten::mm": (t(3, 4, kind="c10::complex<float>"), t(4, 2, kind="c10::complex<float>")),
    "aten::sum": (X, n("[0]"), n("True"), NONE),
    "aten::cat": (("TensorList", [[2, 3], [4, 3]], ""), n("0")),
    "aten::_foreach_add_": (*[("TensorList", [[2, 3], [4]], "")] * 2, n("1")),
    "aten::_fused_adamw_": (
        *[("TensorList", [[2, 3], [4]], "")] * 4,
        *(("TensorList", [], ""), ("TensorList", [[], []], "")),
        *(n("0.001"), n("0.9"), n("0.999"), n("0.01"), n("1e-08"), n("False"), n("False")),
        *(NONE, NONE),
    ),
    "aten::index": (X, ("TensorList", [[3], [3]], "")),
    "aten::index_put_": (X, ("TensorList", [[3], [3]], ""), t(3), n("False")),
    "aten::_to_copy": (X, n("15"), n("0"), NONE, NONE, n("False"), NONE),
    "aten::nll_loss_forward": (t(32, 10), t(32, kind=LONG), NONE, n("1"), n("-100")),
    "aten::nll_loss_backward": (t(), t(32, 10), t(32, kind=LONG), NONE, n("1"), n("-100"), t()),
    "aten::embedding": (t(77, 4), t(5, kind=LONG), n("-1"), n("False"), n("False")),
    "aten::max_pool2d_with_indices": (t(1, 2, 8, 8), *POOL),
    "aten::max_pool2d_with_indices_backward": (
        *(t(1, 2, 4, 4), t(1, 2, 8, 8), *POOL, t(1, 2, 4, 4, kind=LONG)),
    ),
    "aten::where": (t(4, kind=BOOL), t(4, kind=LONG), t(4, kind=LONG)),
    "aten::log": (X,),
    "aten::relu": (t(0, 3),),
    "aten::index_select": (X, n("1"), t(3, kind=LONG)),
    "aten::zero_": (X,),
    "aten::_softmax": (t(4, 6, kind=HALF), n("1"), n("False")),
    "aten::native_layer_norm": (X, n("[6]"), t(6), t(6), n("1e-05")),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_runs_on_the_cpu_and_is_right(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    found = ran(monkeypatch, text_of(name, given(*CALLS[name])))
    assert (found.code, "right: " in found.out) == (0, True), found.out
    assert "in the trace, on a CPU: 1.5 us a call, median of 3\n" in found.out
    assert max(found.names["off"], default=0) <= found.names["LIMIT"]


def test_all_are_clean_and_about_thirty_lines(tmp_path: Path) -> None:
    for number, (name, told) in enumerate(CALLS.items()):
        for about in (ON_GPU, Told(module="", device="", median_ns=1.0, calls=1)):
            text = text_of(name, given(*told), about)
            (tmp_path / f"repro{number}{about.calls}.py").write_text(text)
            lines = [line for line in text.partition('"""\n\n')[2].splitlines() if line]
            tensors = sum(4 if kind == "TensorList" else bool(sizes) for kind, sizes, _ in told)
            most = 36 + tensors + 12 * ("def same" in text)
            assert len(lines) <= most, (name, len(lines), most)
    ruff = (sys.executable, "-m", "ruff")
    for words in (("check",), ("format", "--check", "--line-length", "100")):
        done = subprocess.run(
            (*ruff, *words, "--isolated", str(tmp_path)), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_a_wrong_result_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here of an operator that computes something else than in float64."""
    text = text_of("aten::relu", given(X))
    text = text.replace(
        "torch.ops.aten.relu.default", "lambda self: self * (1 + self.element_size())"
    )
    found = ran(monkeypatch, text)
    assert found.code == 1
    assert found.out.splitlines()[-1].startswith("WRONG: ")
    text = text_of("aten::relu", given(X)).replace("aten.relu.default", "aten.log.default")
    assert ran(monkeypatch, text).code == 1  # of NaN


def test_arguments_are_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    told = given(t(4, 6, kind=HALF), n("49"), strides=[[6, 0], []])
    names = ran(monkeypatch, text_of("aten::div", told)).names
    made = names["inputs"]("cpu")
    assert (tuple(made["self"].shape), made["self"].stride()) == ((4, 6), (6, 0))
    assert str(made["self"].dtype) == "torch.float16"
    assert made["other"] == 49
    assert str(names["inputs"]("cpu", exact=True)["self"].dtype) == "torch.float64"
    assert names["inputs"]("cpu")["self"].equal(made["self"])


def test_what_is_not_recorded_is_told_and_has_to_be_filled_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = given(*[(kind, sizes, "") for kind, sizes, _ in CONV], inputs=False)
    text = text_of("aten::convolution", bare)
    head = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
    assert "Not recorded, so to be filled in: stride, padding, dilation." in head
    assert "told by the shapes: transposed=False, output_padding=[0, 0], groups=2." in head
    assert "Strides are not recorded: contiguous tensors are assumed." in head
    found = ran(monkeypatch, text)
    assert (found.code, found.out.count("\n")) == (2, 1)
    assert "stride (int[]), padding (int[]), dilation (int[])" in found.out
    for name, value in (("stride", "[2, 2]"), ("padding", "[1, 1]"), ("dilation", "[1, 1]")):
        text = text.replace(f'"{name}": ...', f'"{name}": {value}')
    assert ran(monkeypatch, text).code == 0


def test_what_is_assumed_is_told() -> None:
    head = text_of("aten::addmm", given(X, X, t(6, 6), n("", "Int"), n("", "Int"), inputs=False))
    assert "so PyTorch's defaults: beta=1, alpha=1." in " ".join(head.split())
    head = text_of("aten::cat", given(("TensorList", [[2, 3]], ""), n("0")))
    assert "Types within lists are not recorded: float32 is assumed." in " ".join(head.split())
    head = text_of("aten::convolution", given(*CONV), hints=Hints(is_nhwc=True))
    assert "those of NHWC, as the names of its kernels have it." in " ".join(head.split())
    head = text_of("aten::add_", given(X, X, n("1")))
    assert "It works in place" in head


def test_where_a_gpu_is_needed_it_says_so_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [t(1, 2, 16, 8, kind=HALF)] * 3 + [n("0.0"), n("False"), n("False"), NONE]
    text = text_of("aten::_scaled_dot_product_flash_attention", given(*told), ON_GPU)
    found = ran(monkeypatch, text)
    assert (found.code, found.out.count("\n")) == (5, 1)
    assert found.out.startswith("needs a GPU: aten::_scaled_dot_product_flash_attention has no")


def test_the_equivalent_runs_where_the_library_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of("aten::miopen_batch_norm", given(*NORM), ON_GPU)
    assert "and torch.version.hip" in text
    found = ran(monkeypatch, text)
    assert found.out.splitlines()[0] == "no MIOpen here: aten::native_batch_norm computes the same"
    assert "on NVIDIA H200: 98.1 us on the device a call, median of 9" in found.out


def test_what_the_cpu_does_not_take_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch norm whose types are mixed as GPUs have it."""
    wide = [t(2, 8, 5, 5, kind=BF16)] * 2 + [t(8, kind=BF16)] * 3 + [t(8)] * 2
    told = given(*wide, n("True"), n("1e-05"), n("[True, True, True]"))
    found = ran(monkeypatch, text_of("aten::native_batch_norm_backward", told, ON_GPU))
    assert found.code == 5
    assert found.out.startswith("cannot be computed or compared here: ")


def test_what_float64_does_not_take_is_timed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As oneDNN's recurrent layers."""
    text = text_of("aten::relu", given(X)).replace("torch.ops.aten.relu.default", "only_fp32")
    text = text.replace(
        "\ntry:",
        "\n\ndef only_fp32(self):\n    if self.element_size() > 4:\n"
        "        raise RuntimeError('no float64')\n    return self.relu()\n\n\ntry:",
        1,
    )
    text = text.replace("OPERATOR = only_fp32", "OPERATOR = lambda self: only_fp32(self)")
    found = ran(monkeypatch, text)
    assert found.code == 5
    *times, last = found.out.splitlines()
    assert len(times) == 2
    assert last == "cannot be computed or compared here: no float64"


def test_random_results_and_8_bits_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of("aten::native_dropout", given(X, n("0.5"), n("True")))
    assert "not checked: its result is random" in text
    told = given(
        t(16, 16, kind="c10::Float8_e4m3fn"),
        t(16, 16, kind="c10::Float8_e4m3fn"),
        t(),
        t(),
        NONE,
        NONE,
        n("15"),
        n("False"),
    )
    assert "not checked: in float64 there is no such operator" in text_of("aten::_scaled_mm", told)


def test_memory_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = given(t(1 << 20, 1 << 20), t(1 << 20, 1 << 20))
    found = ran(monkeypatch, text_of("aten::mm", huge))
    assert (found.code, found.out) == (
        5,
        "needs about 32768.0 GiB of memory, which this machine has not\n",
    )


HOSTILE = '"""\nimport os; os.abort() # \\" {x} \x1b[31m \u202e \u2028 \'\'\' `'


def test_nothing_of_a_trace_becomes_code(monkeypatch: pytest.MonkeyPatch) -> None:
    about = Told(module=HOSTILE, device=HOSTILE, median_ns=1.0, calls=1)
    text = text_of("aten::relu", given(X), about)
    plain = text_of("aten::relu", given(X), Told(module="m", device="d", median_ns=1.0, calls=1))

    def code(of: str) -> list[str]:
        return [ast.dump(one) for one in ast.walk(ast.parse(of)) if type(one) is not ast.Constant]

    changed = {*code(text)} ^ {*code(plain)}
    around = ("Module(", "Try(", "Expr(", "Call(func=Name(id='print'")
    assert all(one.startswith(around) for one in changed)
    assert len(code(text)) == len(code(plain))
    assert text.isascii()
    assert "os.abort" in (ast.get_docstring(ast.parse(text)) or "")
    assert ran(monkeypatch, text).code == 0
