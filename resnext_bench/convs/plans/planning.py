"""Asks cuDNN for plans in a child process, and says in a line why there is no answer."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.config.answers import is_installed
from resnext_bench.convs.plans.devices import odd_fields
from resnext_bench.convs.problems import Asked
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.logs import last_line
from resnext_bench.reports.schema.convs import Convolution, Plan, Problem
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Layout

PLANNER: Final = Path(__file__).with_name("planner.py")
INSTALL: Final = (
    "install the extra cudnn (pip install 'resnext-bench[cudnn]'), or without its dependencies, "
    "which planning does not need: pip install --no-deps nvidia-cudnn-frontend"
)
_UNREAD: Final = "json_object"
"""What cuDNN says of a description whose fields it misses or cannot take."""
LONGEST_S: Final = 300
"""Seconds after which the planner is given up, and for each problem some more."""
LONGEST_EACH_S: Final = 20
_OTHER: Final[dict[Layout, Layout]] = {"nhwc": "nchw", "nchw": "nhwc"}


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The plans of one problem, or why there are none."""

    plans: tuple[Plan, ...]
    why: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the planner writes."""

    cudnn: int
    frontend: str
    problems: tuple[Listed, ...] = ()
    device: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An environment that has the frontend, and where cuDNN's libraries are."""

    python: tuple[str, ...]
    """Its interpreter, with options that keep other packages out."""
    libraries: tuple[str, ...]
    """Folders in which libraries are looked for first."""
    advice: str
    """What to do where cuDNN's library cannot be loaded."""


class NoPlanner(CannotHere):
    """The planner ended without an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What the library answered."""

    cudnn: int
    """Version of cuDNN, as 92600."""
    frontend: str
    problems: tuple[Problem, ...]
    others: tuple[tuple[Plan, ...], ...]
    """Plans of each problem in the other layout."""


def plan(asked: Sequence[Asked], device: Mapping[str, Any]) -> Planned:
    """Return the plans of all operations of some convolutions, for a device as it is described."""
    pairs = [(at, one) for at, each in enumerate(asked) for one in each.operations]
    both = [
        question(asked[at].convolution, operation, is_other=is_other)
        for is_other in (False, True)
        for at, operation in pairs
    ]
    found = ask({"devices": [dict(device)], "problems": both})
    own, others = found.problems[: len(pairs)], found.problems[len(pairs) :]
    return Planned(
        cudnn=found.cudnn,
        frontend=found.frontend,
        problems=tuple(
            Problem(convolution=at, operation=operation, plans=one.plans, why=one.why)
            for (at, operation), one in zip(pairs, own, strict=True)
        ),
        others=tuple(one.plans for one in others),
    )


def device_here(option: str = "--save-device") -> dict[str, Any]:
    """Return the description of this machine's first GPU, which an option asks for."""
    try:
        found = ask({"save_device": True})
    except NoPlanner as error:
        raise CannotHere(
            f"{option}: cuDNN finds no GPU here ({error}); use it on the machine that has the GPU"
        ) from error
    assert found.device
    return found.device


def question(conv: Convolution, operation: Operation, *, is_other: bool = False) -> dict[str, Any]:
    """Return one problem as the planner takes it, or the same in the other layout."""
    return {
        "operation": operation,
        "dtype": conv.dtype,
        "layout": _OTHER[conv.layout] if is_other else conv.layout,
        **{name: getattr(conv, name) for name in ("images", "weights", "outputs")},
        **{name: getattr(conv, name) for name in ("padding", "stride", "dilation")},
    }


def ask(job: Mapping[str, Any], place: Place | None = None) -> Answer:
    """Run the planner once, in this environment unless another is given."""
    if place is None:
        place = _here()
    longest_s = LONGEST_S + LONGEST_EACH_S * len(job.get("problems", ()))
    try:
        done = subprocess.run(
            (*place.python, str(PLANNER)),
            input=json.dumps(job),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=longest_s,
            env=_environment(place),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotHere(
            f"cuDNN did not answer within {longest_s} s; ask for fewer convolutions by --layer"
        ) from error
    if done.returncode:
        _require_descriptions(job.get("devices", ()), done.stderr)
        raise NoPlanner(_failure(done, place.advice))
    return msgspec.json.decode(done.stdout, type=Answer)


def _here() -> Place:
    """Return this environment: cuDNN's libraries are found beside torch's."""
    if not is_installed("cudnn"):
        raise CannotHere(
            f"cuDNN's frontend is not installed; {INSTALL}. Without it, convs releases lists plans "
            "(it installs its own), and convs time --device cpu times oneDNN"
        )
    return Place(
        python=(sys.executable, "-P"),
        libraries=tuple(_libraries()),
        advice="install the extra train, which has it",
    )


def _environment(place: Place) -> dict[str, str]:
    given = os.environ.get("LD_LIBRARY_PATH")
    folders = (*place.libraries, *([given] if given else ()))
    return dict(os.environ) | {"LD_LIBRARY_PATH": os.pathsep.join(folders)}


def _libraries() -> Iterator[str]:
    for folder in map(Path, sys.path):
        path = folder / "nvidia" / "cudnn" / "lib"
        if path.is_dir():
            yield str(path.resolve())


def _require_descriptions(devices: Sequence[Mapping[str, Any]], said: str) -> None:
    """Raise UsageError where cuDNN could not read a description, which is the user's then."""
    odd = next(filter(None, map(odd_fields, devices)), "")
    if _UNREAD in said and odd:
        raise UsageError(
            f"--device-description: cuDNN cannot read it: {odd}; name a file that --save-device "
            "wrote"
        )


def _failure(done: subprocess.CompletedProcess[str], advice: str) -> str:
    """Return in a line how the planner ended."""
    words = last_line(done.stderr.splitlines())
    if done.returncode < 0:
        number = -done.returncode
        name = signal.Signals(number).name
        return f"cuDNN crashed while it planned ({name}): {words or 'it said nothing'}"
    if "libcudnn" in words:
        return f"cuDNN's library cannot be loaded: {words}; {advice}"
    return f"cuDNN cannot plan here: {words or 'it said nothing'}"
