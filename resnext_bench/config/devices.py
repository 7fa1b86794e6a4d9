"""The option --device: whether there is a GPU to train on, and what is wrong where there is none.

Where a GPU was given to this program but cannot be used, nothing trains on the CPU unasked: a
benchmark that went on there would measure something else for hours.
"""

from typing import Any

from resnext_bench.config.answers import Answers
from resnext_bench.errors import CannotHere
from resnext_bench.machine.gpu.naming import hiding
from resnext_bench.machine.gpu.stock import Stock
from resnext_bench.machine.gpu.words import (
    MISNAMED_ADVICE,
    left_out_advice,
    left_out_words,
    misnamed_words,
    silence_advice,
    silence_of,
    silence_words,
)
from resnext_bench.machine.inventory import Machine
from resnext_bench.wording import count_of


def choose_device(pick: Answers, _: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Choose CPU or GPU."""
    stock, count = machine.stock, len(machine.gpus)
    asked = pick.request.get("device")
    if asked != "cpu":
        require_responding(stock)
    if not count and asked == "cuda":
        raise CannotHere(_none(stock))
    if not count and not asked and _is_withheld(stock):
        raise CannotHere(f"{_withheld(stock)}; or train on the CPU with --device cpu")
    if count and asked != "cpu" and stock.no_torch:  # asked, as the driver did not say everything
        raise CannotHere(
            f"{count_of(count, 'GPU')} here, but torch can use none: {stock.no_torch}; install a "
            "build of PyTorch for it, or train on the CPU with --device cpu"
        )
    default, why = ("cuda", _found(machine)) if count else ("cpu", _why_cpu(stock))
    return {"device": pick("device", default, why)}


def require_responding(stock: Stock) -> None:
    """Raise CannotHere where a GPU does not respond: CUDA may number the others otherwise."""
    if not stock.lost:
        return
    numbers = [str(index) for index, gpu in enumerate(stock.gpus) if gpu.lost]
    others = ",".join(gpu.uuid for gpu in stock.gpus if not gpu.lost)
    do = "do" if len(numbers) > 1 else "does"
    leave = f", or leave it out with CUDA_VISIBLE_DEVICES={others}" if others else ""
    raise CannotHere(
        f"GPU {', '.join(numbers)} of {len(stock.gpus)} {do} not respond: {stock.lost[0].lost}; "
        f"look at {stock.vendor.tool}, and reset the GPU{leave}"
    )


def _found(machine: Machine) -> str:
    """Say how many GPUs there are, and who says so where it is not the driver."""
    stock, count = machine.stock, len(machine.gpus)
    slices = sum(bool(gpu.board) for gpu in machine.gpus)
    told = f"{count_of(count, 'GPU')} here"
    if slices:
        told = f"{count_of(slices, 'MIG slice')} here"
        told += f", and {count_of(count - slices, 'GPU')}" if count > slices else ""
    elif len(kinds := dict.fromkeys(gpu.name for gpu in machine.gpus if gpu.name)) > 1:
        told += f", of {len(kinds)} kinds: {', '.join(kinds)}"
    if stock.told_by == "torch" and (silence := silence_of(stock.silences, stock.presence)):
        return f"{told}, by torch's word ({silence_words(silence)})"
    for what, why in stock.unanswered:
        told += f"; the driver does not report the {what} ({why})"
    if stock.misnamed:
        told += f"; {misnamed_words(stock.misnamed)}"
    return told


def _is_withheld(stock: Stock) -> bool:
    """Return whether a GPU was given to this program that it cannot use."""
    cut = any(one.why == "no slices" for one in stock.left_out)
    return cut or bool(stock.misnamed or (stock.presence.nodes and stock.no_torch))


def _withheld(stock: Stock) -> str:
    """Say why a GPU that is there cannot be used, and what to do."""
    if stock.misnamed:
        return f"{misnamed_words(stock.misnamed)}; {MISNAMED_ADVICE}"
    for one in stock.left_out:
        if one.why == "no slices":
            return f"{left_out_words(one)}; {left_out_advice(one)}"
    seen = f"{stock.presence.told()}, but it cannot be used: "
    return seen + _reasons(stock)


def _reasons(stock: Stock) -> str:
    silence = silence_of(stock.silences, stock.presence)
    told = [silence_words(silence)] if silence else []
    told += [f"torch: {stock.no_torch}"] if stock.no_torch else []
    return f"{', '.join(told)}{f'; {silence_advice(silence)}' if silence else ''}"


def _none(stock: Stock) -> str:
    """Say why --device cuda finds nothing."""
    if hidden := _hidden(stock):
        return f"--device cuda: {hidden}; unset it, or use --device cpu"
    if stock.misnamed:
        return f"--device cuda: {_withheld(stock)}; or use --device cpu"
    if stock.left_out:
        one = stock.left_out[0]
        return f"--device cuda: {left_out_words(one)}; {left_out_advice(one)}; or use --device cpu"
    if stock.presence or stock.no_torch:
        seen = f" ({stock.presence.told()})" if stock.presence else ""
        return f"--device cuda: no GPU can be used{seen}: {_reasons(stock)}; or use --device cpu"
    return (
        "--device cuda: no NVIDIA GPU is visible here (NVML finds none, or CUDA_VISIBLE_DEVICES "
        "hides them); use --device cpu"
    )


def _hidden(stock: Stock) -> str:
    """Say that the user hides all GPUs; only variables of the vendor that has answered count."""
    hides = hiding(stock.vendor)
    return f"{hides} hides all GPUs" if hides else ""


def _why_cpu(stock: Stock) -> str:
    """Say why the CPU trains, and what of a GPU can be seen all the same."""
    if stock.left_out:
        return left_out_words(stock.left_out[0])
    hidden = _hidden(stock)
    if hidden and (stock.presence or not stock.silences):
        return hidden
    if stock.presence:
        return f"{stock.presence.told()}, but not for this program: {_reasons(stock)}"
    return "no GPU here"
