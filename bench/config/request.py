"""What the user asked for: option names and values checked one by one, before any default.

Command line and file go through the same checks, so both give the same message.
"""

import difflib
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from bench.errors import UsageError
from reports.schema.config import SYNTHETIC, AmpDtype, Option, Request, RunConfig

_DERIVED: Final = frozenset({"classes", "launcher"})
"""Fields of a configuration that follow from others and are no options."""

OPTIONS: Final[dict[str, Any]] = {
    name: kind for name, kind in get_type_hints(RunConfig).items() if name not in _DERIVED
} | {
    "amp": bool,
    "amp_dtype": AmpDtype,
    "attribute": bool,
    "bucket_mib": float,
    "compile": bool,
    "data": str,
    "global_batch_size": int,
    "launcher": Literal["torchrun", "deepspeed"],
    "port": int,
    "profile": bool,
    "split": str,
    "zero_stage": int,
}
"""Type of every option of `run`, by name: the fields of RunConfig and those that become others."""

AT_LEAST: Final[dict[str, float]] = {
    "image_size": 32,
    "batch_size": 1,
    "global_batch_size": 1,
    "nodes": 1,
    "nproc_per_node": 1,
    "cudnn_benchmark_limit": 0,
    "threads": 1,
    "loader_threads": 1,
    "prefetch": 1,
    "learning_rate": 0,
    "momentum": 0,
    "weight_decay": 0,
    "seed": 0,
    "warm_up": 1,
    "steps": 2,
    "sessions": 1,
    "port": 0,
    "profile_steps": 0,
    "attribution_rounds": 0,
    "max_cores_lost": 0,
    "zero_stage": 0,
    "bucket_mib": 1,
}
AT_MOST: Final[dict[str, float]] = {
    "image_size": 4096,
    "steps": 100_000,
    "warm_up": 100_000,
    "momentum": 1,
    "seed": 2**31 - 1,
    "port": 65535,
    "profile_steps": 100,
    "attribution_rounds": 1000,
    "max_cores_lost": 100,
    "zero_stage": 2,
    "bucket_mib": 100_000,
    "prefetch": 64,
}


def flag(name: str) -> str:
    """How an option is written on the command line."""
    return "--" + name.replace("_", "-")


def checked(given: Mapping[str, object], *, typed: bool = True) -> Request:
    """The options as given, each of the right type and within its bounds.

    A command line is not typed: there "3" is a number. In a file it is text.
    """
    return {name: _checked(name, value, typed=typed) for name, value in given.items()}


def read_file(path: Path, option: str = "--config") -> Request:
    """Options from a TOML file whose keys are option names (`batch-size` or `batch_size`)."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}; give a readable TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{option} {path}: not valid TOML: {error}") from error
    try:
        request = checked({key.replace("-", "_"): value for key, value in table.items()})
    except UsageError as error:
        raise UsageError(f"in {path}: {error}") from error
    return request


def merged(command_line: Request, file: Request) -> Request:
    """Command line over file. Two names for one thing count as one: the command line's stays."""
    overruled = _overruled(command_line, file)
    kept = {name: value for name, value in file.items() if name not in overruled}
    return kept | command_line


def _overruled(command_line: Request, file: Request) -> set[str]:
    """Options of the file that the command line contradicts under another name."""
    rivals = {
        "batch_size": "global_batch_size",
        "global_batch_size": "batch_size",
        "amp_dtype": "amp",
        "compile_mode": "compile",
        "profile_steps": "profile",
        "attribution_rounds": "attribute",
    }
    overruled = {rivals[name] for name in command_line if name in rivals}
    for switch, exact in (("amp", "amp_dtype"), ("compile", "compile_mode")):
        on = command_line.get(switch)
        if on is False or (on and file.get(exact) == "none"):
            overruled.add(exact)
    if command_line.get("pipeline") in SYNTHETIC:
        overruled |= {"data", "split", "decode", "bad_files", "prefetch", "last_batch"}
    if "data" in command_line:  # the file's is one of its own folder
        overruled.add("split")
    if command_line.get("pipeline") == "torchvision" and file.get("decode") == "mixed":
        overruled.add("decode")
    return overruled


def _checked(name: str, value: object, *, typed: bool) -> Option:
    if name not in OPTIONS:
        raise UsageError(f"unknown option {flag(name)}; {_nearest(flag(name), _flags())}")
    kind = OPTIONS[name]
    if (name, value) == ("batch_size", "auto"):
        return "auto"
    if get_origin(kind) is Literal:
        return _one_of(name, value, get_args(kind))
    try:
        converted = msgspec.convert(value, kind, strict=typed)
    except msgspec.ValidationError as error:
        raise UsageError(f"{flag(name)} {value}: {_plain(kind)} is needed") from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise UsageError(f"{flag(name)} {value}: must be finite")
    low, high = AT_LEAST.get(name), AT_MOST.get(name)
    if low is not None and not converted >= low:
        raise UsageError(f"{flag(name)} {value}: must be at least {low}")
    if high is not None and not converted <= high:
        raise UsageError(f"{flag(name)} {value}: must be at most {high:.0f}")
    return converted  # type: ignore[no-any-return]  # of one of Option's types by OPTIONS


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise UsageError(f"{flag(name)} {value}: {_nearest(str(value), allowed)}")


def _nearest(given: str, allowed: tuple[str, ...]) -> str:
    if len(allowed) < 10:
        return f"choose from {', '.join(allowed)}"
    close = difflib.get_close_matches(given, allowed, n=1)
    return f"did you mean {close[0]}?" if close else "see run --help"


def _flags() -> tuple[str, ...]:
    return tuple(flag(name) for name in OPTIONS)


def _plain(kind: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")
