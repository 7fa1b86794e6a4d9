"""A script that shows one problem without this program: for an issue where the library is made.

It needs torch, and cuDNN's frontend where there is one. Shapes, strides and type stand in it as
they are, so that it can be read, changed and run by anybody.
"""

from collections.abc import Sequence
from typing import Final

from resnext_bench.reports.issue_scripts import IMPORT, LIMITS, TIME, TIMER, US, WHERE
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype, Layout

_TYPES: Final[dict[Dtype, tuple[str, str]]] = {
    "fp32": ("float32", "FLOAT"),
    "tf32": ("float32", "FLOAT"),
    "bf16": ("bfloat16", "BFLOAT16"),
    "fp16": ("float16", "HALF"),
}
"""Names of types in torch and in the frontend."""
_TENSORS: Final[dict[Operation, tuple[str, str]]] = {
    "forward": ("xw", "y"),
    "input gradient": ("yw", "x"),
    "weight gradient": ("xy", "w"),
}
"""Tensors of an operation: the two that are read, and the one that is written."""
_IN_CUDNN: Final[dict[Operation, str]] = {
    "forward": "conv_fprop(a, b, **WINDOW)",
    "input gradient": "conv_dgrad(loss=a, filter=b, **WINDOW)",
    "weight gradient": "conv_wgrad(image=a, loss=b, **WINDOW)",
}
_IN_TORCH: Final[dict[Operation, str]] = {
    "forward": "convolution(x, w, *rest)",
    "input gradient": "convolution_backward(y, x, w, *rest, (True, False, False))[0]",
    "weight gradient": "convolution_backward(y, x, w, *rest, (False, True, False))[1]",
}
_SCRIPT: Final = '''\
"""{title}."""

from concurrent.futures import ThreadPoolExecutor

import torch
{importing}

DIM = {{"x": {x}, "w": {w}, "y": {y}}}
STRIDE = {{"x": {x_stride}, "w": {w_stride}}}
STRIDE |= {{"y": {y_stride}}}
WINDOW, GROUPS = {window}, {groups}
settings, device = torch.backends.cudnn, "cuda" if torch.cuda.is_available() else "cpu"
settings.allow_tf32 = {tf32}
LIMIT = {limit:g}  # from float64, for {digits}
{where}
print(f"torch {{torch.__version__}}, cuDNN {{settings.version()}}, {{where}}")
try:
    import cudnn

    types = {{"io_data_type": cudnn.data_type.{io}, "compute_data_type": cudnn.data_type.FLOAT}}
    graph = cudnn.pygraph(handle=cudnn.create_handle(), **types)
    a, b = (graph.tensor(name=one, dim=DIM[one], stride=STRIDE[one]) for one in "{read}")
    made = graph.{in_cudnn}
    made.set_dim(DIM["{written}"]).set_stride(STRIDE["{written}"]).set_output(True)
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    for at in range(graph.get_execution_plan_count()):
        print(f"plan {{at + 1}}: {{graph.get_plan_name_at_index(at)}}")
except (ImportError, RuntimeError) as error:  # pip install nvidia-cudnn-frontend, and a GPU
    print(f"plans cannot be listed: {{error}}")


def call(x, w, y):
    rest = (None, *WINDOW.values(), False, (0, 0), GROUPS)
    return torch.ops.aten.{in_torch}


def show(benchmark, limit):  # in a thread of its own, which has made no choice yet
    settings.benchmark, settings.benchmark_limit = benchmark, limit
    off = ((call(*tensors).double() - exact).norm() / exact.norm()).item()
    {timer}
    {time}
    us = f"{us}"
    ok = "right" if off <= LIMIT else "WRONG"
    print(f"benchmark={{benchmark}}, limit={{limit}}: {{us}}, {{ok}}: {{off:.1e}} off from float64")
    return off <= LIMIT


on = {{"dtype": torch.{dtype}, "device": device}}
tensors = [torch.empty_strided(DIM[one], STRIDE[one], **on).normal_() for one in "xwy"]
exact = call(*(one.double() for one in tensors))
modes = ((False, 10), (True, 10), (True, 0))[: 3 if device == "cuda" else 1]
right = [ThreadPoolExecutor(1).submit(show, *how).result() for how in modes]
raise SystemExit(not all(right))
'''


def script(conv: Convolution, operation: Operation, model: str) -> str:
    """Return the script of one operation of a convolution; `model` is empty where it has none.

    It exits with 0 where every result is right, and with 1 where one is wrong.
    """
    dtype, io = _TYPES[conv.dtype]
    digits = "tf32" if conv.dtype == "tf32" else dtype
    read, written = _TENSORS[operation]
    dims = {"x": conv.images, "w": conv.weights, "y": conv.outputs}
    window = {"stride": conv.stride, "padding": conv.padding, "dilation": conv.dilation}
    return _SCRIPT.format(
        title=_title(conv, operation, model),
        **dims,
        **{f"{name}_stride": _strides(dim, conv.layout) for name, dim in dims.items()},
        window=str(window).replace("'", '"'),
        groups=conv.groups,
        tf32=conv.dtype == "tf32",
        limit=LIMITS[digits],
        digits=digits,
        io=io,
        dtype=dtype,
        read=read,
        written=written,
        in_cudnn=_IN_CUDNN[operation],
        in_torch=_IN_TORCH[operation],
        importing=IMPORT,
        where=WHERE,
        timer=TIMER.format("call(*tensors)"),
        time=TIME,
        us=US,
    )


def _title(conv: Convolution, operation: Operation, model: str) -> str:
    whose = f" of {conv.layers[0]} of {model}" if model else ""
    return (
        f"cuDNN's plans and PyTorch's times: {operation}{whose}, {conv.dtype}, "
        f"{conv.layout.upper()}"
    )


def _strides(dim: Sequence[int], layout: Layout) -> tuple[int, int, int, int]:
    _, channels, height, width = dim
    if layout == "nhwc":
        return (channels * height * width, 1, width * channels, channels)
    return (channels * height * width, height * width, width, 1)
