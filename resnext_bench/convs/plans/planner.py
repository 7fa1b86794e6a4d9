"""Asks cuDNN for its plans, in a process of its own: a crash of the library ends nothing else.

It needs cuDNN's frontend and the standard library alone, so that any Python that has the frontend
can run this file. The work comes as JSON on standard input, and what is found goes as JSON to
standard output.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

Words = dict[str, Any]
Rows = list[tuple[str, Any]]
"""Plans as the library lists them: the tag of each, and what was asked of it, or its refusal."""

_TYPES: Final = {"fp32": "FLOAT", "tf32": "FLOAT", "bf16": "BFLOAT16", "fp16": "HALF"}
_NOTES: Final = (
    *("TENSOR_CORE", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION"),
    *("NONDETERMINISTIC", "FFT", "WINOGRAD", "STRICT_NAN_PROP"),
)
"""Numerical notes. They have no getter: one is deselected, and plans that have it are refused."""
RESULTS: Final = {"forward": "outputs", "input gradient": "images", "weight gradient": "weights"}
"""The tensor that each operation computes."""
_DESELECTED: Final = "Deselecting"
_LONGEST: Final = 200


def main() -> None:
    """Answer one request; the library's own output goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    job = json.load(sys.stdin)
    for library in job.get("preload", ()):
        ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
    import cudnn  # noqa: PLC0415  (libraries that it needs are loaded first)

    if job.get("save_device"):
        found: Words = {"device": json.loads(_text(cudnn.create_device_properties(0)))}
    else:
        found = _planned(cudnn, job)
    found |= {"cudnn": cudnn.backend_version(), "frontend": cudnn.__version__}
    json.dump(found, answers)
    answers.close()


def _text(device: Any) -> str:
    """Return the description of a device, which is text, or its bytes."""
    told = device.serialize()
    return told if isinstance(told, str) else bytes(told).decode()


def _planned(cudnn: Any, job: Words) -> Words:
    devices = [cudnn.create_device_properties(json.dumps(one)) for one in job["devices"]]
    asked = (_plans(cudnn, devices[one.get("device", 0)], one) for one in job["problems"])
    return {"problems": list(asked)}


def _plans(cudnn: Any, device: Any, asked: Words) -> Words:
    """Return the plans of one problem in the library's order, or why there are none."""
    modes = cudnn.heur_mode
    try:
        first = len(_listed(cudnn, device, asked, [modes.A], lambda *_: None))
    except Exception as error:  # the fallback alone may have a plan
        first, why = 0, brief(error)
    else:
        why = ""
    try:
        both = [modes.A, modes.FALLBACK] if first else [modes.FALLBACK]
        rows = _listed(cudnn, device, asked, both, _facts)
        wanted = asked.get("notes", _NOTES)
        noted = {name: _noted(cudnn, device, asked, both, name) for name in wanted}
    except Exception as error:
        return {"plans": [], "why": why or brief(error)}
    plans = [
        {
            "tag": tag,
            "source": "A" if index < first else "fallback",
            **found,
            "notes": [
                *(name.lower() for name, which in noted.items() if index in which),
                *found.get("notes", ()),
            ],
        }
        for index, (tag, found) in enumerate(rows)
    ]
    return {"plans": plans, "why": ""}


def _listed(
    cudnn: Any,
    device: Any,
    asked: Words,
    modes: Sequence[Any],
    look: Callable[[Any, int], Any],
    deselected: Any = None,
) -> Rows:
    graph, _ = graph_of(cudnn, asked, device_property=device)
    graph.create_execution_plans(list(modes))
    if deselected is not None:
        graph.deselect_numeric_notes([deselected])
    indices = range(graph.get_execution_plan_count())
    return [(graph.get_plan_name_at_index(index), look(graph, index)) for index in indices]


def _facts(graph: Any, index: int) -> Words:
    """Return workspace and behaviour notes of a plan; only a built one knows its workspace."""
    try:
        graph.build_plan_at_index(index)
        return {
            "workspace": graph.get_workspace_size_plan_at_index(index),
            "notes": [
                one.name.lower() for one in graph.get_behavior_notes_for_plan_at_index(index)
            ],
        }
    except Exception as error:
        return {"why": brief(error)}


def _noted(cudnn: Any, device: Any, asked: Words, modes: Sequence[Any], name: str) -> set[int]:
    """Return the places of the plans that have a numerical note."""
    note = getattr(cudnn.numerical_note, name, None)
    if note is None:
        return set()

    def refused(graph: Any, index: int) -> bool:
        try:
            graph.build_plan_at_index(index)
        except Exception as error:
            return _DESELECTED in str(error)
        return False

    rows = _listed(cudnn, device, asked, modes, refused, note)
    return {index for index, (_, is_refused) in enumerate(rows) if is_refused}


def graph_of(cudnn: Any, asked: Words, **where: Any) -> tuple[Any, Words]:
    """Return the graph of one convolution, or of one of its gradients, and its tensors by name.

    `where` is for what it is planned: a described device, or a handle of a real one.
    """
    kinds = cudnn.data_type
    graph = cudnn.pygraph(
        io_data_type=getattr(kinds, _TYPES[asked["dtype"]]),
        intermediate_data_type=kinds.FLOAT,
        compute_data_type=kinds.FLOAT,
        **where,
    )
    dims = {name: asked[name] for name in ("images", "weights", "outputs")}
    result = RESULTS[asked["operation"]]
    tensors = {
        name: graph.tensor(name=name, dim=dim, stride=_strides(dim, asked["layout"]))
        for name, dim in dims.items()
        if name != result
    }
    window = {name: asked[name] for name in ("padding", "stride", "dilation")}
    match result:
        case "outputs":
            made = graph.conv_fprop(tensors["images"], tensors["weights"], **window)
        case "images":
            made = graph.conv_dgrad(loss=tensors["outputs"], filter=tensors["weights"], **window)
        case _:
            made = graph.conv_wgrad(image=tensors["images"], loss=tensors["outputs"], **window)
    made.set_dim(dims[result])
    made.set_stride(_strides(dims[result], asked["layout"]))
    made.set_output(True)
    graph.validate()
    graph.build_operation_graph()
    return graph, tensors | {result: made}


def _strides(dim: Sequence[int], layout: str) -> list[int]:
    _, channels, height, width = dim
    if layout == "nhwc":
        return [channels * height * width, 1, width * channels, channels]
    return [channels * height * width, height * width, width, 1]


def brief(error: Exception) -> str:
    """Return an error's words in one line, the first of them if they are many."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


if __name__ == "__main__":
    main()
