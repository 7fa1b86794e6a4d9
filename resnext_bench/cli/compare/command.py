"""The command `compare`: from two sides to a verdict on the screen."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from resnext_bench.cli.compare.sides import ids_of, refuse, side_request, words_of
from resnext_bench.cli.formats import Format
from resnext_bench.cli.options import PROFILED_STEPS
from resnext_bench.cli.terminal.outcome import ANSWERS, Pardon, conclude, say, waiting_for
from resnext_bench.cli.terminal.show import shown_when_interrupted
from resnext_bench.config.request import merged
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import Machine, inspect
from resnext_bench.machine.lock import wait_until_free
from resnext_bench.machine.member import require_alone
from resnext_bench.reports.schema.comparison import Comparison, Limits
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.store.runs import find, runs_folder
from resnext_bench.session.turns.blocks import FEWEST_PAIRS

if TYPE_CHECKING:
    from resnext_bench.cli.compare.display import CompareDisplay

_OF_SCRIPTS: Final = ("a_rev", "b_rev", "repo", "as_is")
_SIDES: Final = ("a", "b", "both", "script", *_OF_SCRIPTS, "a_runs", "b_runs")
_OF_BLOCKS: Final = ("blocks", "block_steps")
_OF_MEASURING: Final = ("design", *_OF_BLOCKS)
_OF_BUDGET: Final = ("margin", "max_sessions", "max_minutes")
_AGREED: Final = "was fixed before the first session; --resume keeps its value"
_OF_PROFILES: Final = ("profile", "profile_steps")
_MOST_STEPS: Final = 2_000_000
"""Largest number of steps: their times take 100 MB for each rank."""


def compare_command(given: Mapping[str, Any]) -> int:
    """Compare both sides, show the record, and return the exit code."""
    require_alone("compare")
    root = runs_folder(given["output"])
    if minutes := given["wait"]:
        refuse(
            given,
            ("a_runs", "b_runs"),
            "measures nothing, so there is nothing to wait for; leave --wait out",
        )
        wait_until_free(minutes, say)
    form: Format = given["form"]
    with shown_when_interrupted(form), _display() as display:
        record = _resumed(given, root, display) if given["resume"] else _new(given, root, display)
    pardon = Pardon(unsure=given["allow_unsure"], invalid=given["allow_invalid"])
    return conclude(record, form, pardon)


def _display() -> "CompareDisplay":
    from resnext_bench.cli.compare.display import CompareDisplay
    from resnext_bench.machine.doctor.look import look_while_held

    return CompareDisplay(look=look_while_held)


def _resumed(given: Mapping[str, Any], root: Path, display: Any) -> Comparison:
    from resnext_bench.session.compare.opening import resume

    refuse(given, _SIDES, "says what is compared; --resume keeps the sides")
    refuse(given, (*_OF_BUDGET, *_OF_MEASURING, *_OF_PROFILES), _AGREED)
    return resume(find(root, given["resume"]), _machine(), display)


def _new(given: Mapping[str, Any], root: Path, display: Any) -> Comparison:
    if given["a_runs"] is not None or given["b_runs"] is not None:
        return _stored(given, root)
    if given["script"] is not None:
        return _script(given, root, display)
    return _configurations(given, root, display)


def _configurations(given: Mapping[str, Any], root: Path, display: Any) -> Comparison:
    from resnext_bench.session.compare.opening import Asked, compare

    refuse(given, _OF_SCRIPTS, "is for your own script; name its command with --script")
    a, b = _sides(given)
    _require_design(given)
    asked = Asked(
        a=a,
        b=b,
        given=(given["a"] or "", given["b"] or ""),
        design=given["design"],
        limits=_limits(given),
        root=root,
        command=tuple(sys.argv[1:]),
    )
    return compare(asked, _machine(_device(a, b)), display)


def _machine(device: str = "") -> Machine:
    with waiting_for(ANSWERS):
        return inspect(device)


def _device(*sides: Request) -> str:
    """Return the device that is asked for: a GPU where any side needs one."""
    asked = {str(side.get("device", "")) for side in sides}
    return "cuda" if "cuda" in asked else "cpu" if asked == {"cpu"} else ""


def _script(given: Mapping[str, Any], root: Path, display: Any) -> Comparison:
    from resnext_bench.session.compare.opening_script import AskedScript, compare_script

    refuse(
        given,
        _OF_PROFILES,
        "cannot profile a script of yours; run it with torch.profiler on either side, and compare "
        "the traces with: resnext-bench trace diff A B",
    )
    _require_design(given)
    if given["design"] == "auto":
        why = "is for scripts that call resnext_bench.step() and take turns; give --design duet"
        refuse(given, _OF_BLOCKS, why)
    both = words_of(given["both"], "--both")
    a, b = (words_of(given[name] or "", f"--{name}") for name in ("a", "b"))
    script = words_of(given["script"], "--script")
    if not script:
        raise UsageError('--script needs a command, as in --script "python train.py"')
    revisions = given["a_rev"], given["b_rev"]
    if "" in revisions:  # an unset variable of a shell: never the working tree in silence
        name = "--a-rev" if revisions[0] == "" else "--b-rev"
        raise UsageError(
            f'{name} "": a revision is needed; leave the option out to use the files as they are'
        )
    if not any(revisions):
        _require_two(given)
        refuse(given, ("repo",), "is for Git revisions; name one with --a-rev or --b-rev")
    asked = AskedScript(
        script=(*script, *both),
        arguments=(a, b),
        revisions=revisions,
        folder=(given["repo"] or Path()).absolute(),
        limits=_limits_of_scripts(given),
        root=root,
        command=tuple(sys.argv[1:]),
        design=given["design"],
    )
    return compare_script(asked, _machine(), display)


def _limits_of_scripts(given: Mapping[str, Any]) -> Limits:
    """Return the limits; the length of the script decides how many blocks there are."""
    limits = _limits(given)
    pairs = limits.pairs if given["blocks"] is not None else 0
    return msgspec.structs.replace(limits, pairs=pairs, more_pairs=False, as_is=given["as_is"])


def _require_design(given: Mapping[str, Any]) -> None:
    if given["design"] == "relaunch":
        refuse(given, _OF_BLOCKS, "is for duets; --design relaunch launches the sides in turn")


def _stored(given: Mapping[str, Any], root: Path) -> Comparison:
    from resnext_bench.session.compare.stored import AskedStored, compare_stored

    others = [name for name in (*_SIDES, *_OF_MEASURING) if name not in ("a_runs", "b_runs")]
    others += [name for name in _OF_BUDGET if name != "margin"]
    refuse(given, others, "cannot be combined with --a-runs and --b-runs, which measure nothing")
    refuse(given, ("profile_steps",), "is for sides that are measured; runs are stored with theirs")
    asked = AskedStored(
        a=ids_of(given["a_runs"], "--a-runs"),
        b=ids_of(given["b_runs"], "--b-runs"),
        margin_percent=given["margin"],
        root=root,
        command=tuple(sys.argv[1:]),
        profile=given["profile"],
    )
    return compare_stored(asked)


def _require_two(given: Mapping[str, Any]) -> None:
    if given["a"] is not None and given["b"] is not None:
        return
    if given["script"] is not None:
        raise UsageError(
            "compare needs two sides: --a and --b, which are appended to --script, "
            'as in --a "--lr 1" --b "--lr 2", or --a-rev and --b-rev'
        )
    raise UsageError(
        "compare needs two sides: --a OPTIONS and --b OPTIONS, "
        'as in --a "--amp" --b "--amp --no-channels-last" ("" for the defaults)'
    )


def _sides(given: Mapping[str, Any]) -> tuple[Request, Request]:
    _require_two(given)
    both = side_request(given["both"], "--both")
    a, b = (merged(side_request(given[name], f"--{name}"), both) for name in ("a", "b"))
    return a, b


def _limits(given: Mapping[str, Any]) -> Limits:
    blocks, block_steps = given["blocks"], given["block_steps"] or 0
    if blocks and blocks % 2:
        raise UsageError(
            f"--blocks {blocks}: must be even; blocks alternate a b, b a, so that each side is "
            "second equally often"
        )
    steps = (blocks or 0) * block_steps
    if steps > _MOST_STEPS:
        raise UsageError(
            f"--blocks {blocks} --block-steps {block_steps}: that makes {steps:,} steps per side "
            f"and session; at most {_MOST_STEPS:,} can be stored"
        )
    return Limits(
        margin_percent=given["margin"],
        max_sessions=given["max_sessions"],
        max_minutes=given["max_minutes"],
        pairs=blocks or FEWEST_PAIRS,
        more_pairs=blocks is None,
        block_steps=block_steps,
        profile_steps=_profile_steps(given),
    )


def _profile_steps(given: Mapping[str, Any]) -> int:
    """Return how many steps to profile after the verdict; 0: none."""
    if given["profile_steps"] is not None:
        return int(given["profile_steps"])
    return PROFILED_STEPS if given["profile"] else 0
