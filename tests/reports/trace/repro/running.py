"""Runs scripts in this process, with a timer that calls once; arguments as traces have them."""

import contextlib
import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from resnext_bench.reports.trace.names.arguments import Arguments
from resnext_bench.reports.trace.repro.given import Given
from resnext_bench.reports.trace.repro.resolve import NO_HINTS, Hints, Refused, Resolved, resolve
from resnext_bench.reports.trace.repro.script import Told, script
from resnext_bench.reports.trace.repro.signatures import Signatures
from resnext_bench.worker.signatures import text as told_by_torch
from tests import quick_timer


@cache
def here() -> Signatures:
    """Those of the torch that is installed."""
    return Signatures.of(told_by_torch())


ON_CPU = Told(module="", device="", median_ns=1500.0, calls=3)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    names: dict[str, Any]


def ran(patch: pytest.MonkeyPatch, text: str) -> Ran:
    """How it ends, what it prints, and its names."""
    quick_timer.install(patch)
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as end:
        exec(compile(text, "repro.py", "exec"), names)
    return Ran(int(end.value.code or 0), out.getvalue(), names)


def given(
    *arguments: tuple[str, Any, Any], strides: list[Any] | None = None, inputs: bool = True
) -> Given:
    """What is recorded of arguments: type, sizes, value; "" where there is none."""
    return Given(
        Arguments(
            dims=[sizes for _, sizes, _ in arguments],
            strides=strides or [],
            types=[kind for kind, _, _ in arguments],
            inputs=[value for _, _, value in arguments] if inputs else [],
        )
    )


def resolved(name: str, told: Given, hints: Hints = NO_HINTS) -> Resolved:
    found = resolve(name, told, here(), hints)
    assert isinstance(found, Resolved), found
    return found


def why(name: str, told: Given) -> str:
    found = resolve(name, told, here())
    assert isinstance(found, Refused), found
    return found.why.value


def text_of(name: str, told: Given, about: Told = ON_CPU, hints: Hints = NO_HINTS) -> str:
    return script(resolved(name, told, hints), about)


NONE = ("", [], "")


def n(value: str, kind: str = "Scalar") -> tuple[str, list[int], str]:
    """A number or a list of them, with its value."""
    return ("ScalarList" if value.startswith("[") else kind), [], value


def t(*sizes: int, kind: str = "float") -> tuple[str, list[int], str]:
    """A tensor."""
    return kind, [*sizes], ""


CONV = (
    *(t(2, 8, 9, 11), t(12, 4, 3, 3), NONE),
    *(n("[2, 2]"), n("[0, 0]"), n("[1, 1]"), n("False"), n("[0, 0]"), n("2")),
)
"""A grouped convolution with stride, as `aten::convolution` records it."""
