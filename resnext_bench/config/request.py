"""What the user asked for: option names and values, checked one by one before any default.

Command line and file go through the same checks, so both give the same message.
"""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from resnext_bench.config.options import OPTIONS, Value, flag, of_images
from resnext_bench.errors import UsageError
from resnext_bench.reports.schema.choices import SYNTHETIC
from resnext_bench.reports.schema.config import Request
from resnext_bench.resnext.optimizers import OPTIMIZERS
from resnext_bench.wording import nearest


def checked(given: Mapping[str, object], *, typed: bool = True) -> Request:
    """Return the options as given, each of the right type and within its bounds.

    On a command line, which has no types, "3" is a number; in a file it is text.
    """
    return {name: _checked(name, value, typed=typed) for name, value in given.items()}


def read_file(path: Path, option: str = "--config") -> Request:
    """Read options from a TOML file with option names as keys (`batch-size` or `batch_size`)."""
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
    """Merge options; the command line overrides the file, also where two names mean one thing."""
    overruled = _overruled(command_line, file)
    kept = {name: value for name, value in file.items() if name not in overruled}
    return kept | command_line


def _overruled(command_line: Request, file: Request) -> set[str]:
    """Return options of the file that the command line contradicts under another name."""
    overruled = {other for name in command_line for other in OPTIONS[name].replaces}
    for switch, exact in (("amp", "amp_dtype"), ("compile", "compile_mode")):
        on = command_line.get(switch)
        if on is False or (on and file.get(exact) == "none"):
            overruled.add(exact)
    optimizer = OPTIMIZERS.get(str(command_line.get("optimizer")))
    if optimizer and not optimizer.has_momentum:
        overruled.add("momentum")
    if command_line.get("pipeline") in SYNTHETIC:
        overruled |= of_images()
    if command_line.get("pipeline") == "torchvision" and file.get("decode") == "mixed":
        overruled.add("decode")
    return overruled


def _checked(name: str, value: object, *, typed: bool) -> Value:
    if name not in OPTIONS:
        raise UsageError(f"unknown option {flag(name)}; {_nearest(flag(name), _flags())}")
    option = OPTIONS[name]
    if (name, value) == ("batch_size", "auto"):
        return "auto"
    if option.words:
        return _one_of(name, value, option.words)
    try:
        converted = msgspec.convert(value, option.kind, strict=typed)
    except msgspec.ValidationError as error:
        raise UsageError(f"{flag(name)} {value}: {_plain(option.kind)} is needed") from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise UsageError(f"{flag(name)} {value}: must be finite")
    if option.low is not None and not converted >= option.low:
        raise UsageError(f"{flag(name)} {value}: must be at least {option.low}")
    if option.high is not None and not converted <= option.high:
        raise UsageError(f"{flag(name)} {value}: must be at most {option.high:.0f}")
    return converted  # type: ignore[no-any-return]  # of one of Value's types, by its kind


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise UsageError(f"{flag(name)} {value}: {_nearest(str(value), allowed)}")


def _nearest(given: str, allowed: tuple[str, ...]) -> str:
    if len(allowed) < 10:
        return f"choose from {', '.join(allowed)}"
    near = nearest(given, allowed)
    return f"did you mean {near}?" if near else "run --help lists all options"


def _flags() -> tuple[str, ...]:
    return tuple(flag(name) for name in OPTIONS)


def _plain(kind: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")
