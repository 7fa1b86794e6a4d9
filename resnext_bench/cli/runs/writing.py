"""The commands of `runs` that write: tags, notes, and removing."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from resnext_bench.cli.runs.reading import chosen
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.errors import UsageError
from resnext_bench.reports.store import marks
from resnext_bench.reports.store.prune import Pruning, plan, remove
from resnext_bench.reports.store.runs import find, runs_folder, scan
from resnext_bench.wording import count_of

_CONDITIONS = ("status", "model", "tag", "since", "before", "where")


def tag_command(wanted: str, tags: tuple[str, ...], take: bool, output: Path | None) -> int:
    """Put tags on a run or take them away; print those it then has."""
    folder = find(runs_folder(output), wanted)
    has = marks.tag(folder, () if take else tags, tags if take else ())
    print(f"{folder.name}: {' '.join(f'#{one}' for one in has) or 'no tags'}")
    return 0


def note_command(wanted: str, text: str, output: Path | None) -> int:
    """Write a note on a run."""
    folder = find(runs_folder(output), wanted)
    marks.note(folder, text)
    print(f"{folder.name}: {text.strip() or 'no note'}")
    return 0


def prune_command(given: Mapping[str, Any]) -> int:
    """Show which runs would be removed; with --yes, remove them."""
    if not any(given[name] for name in _CONDITIONS):
        raise UsageError(
            "runs prune: choose the runs to remove, for example with --status unfinished or "
            "--before 90d; `runs list` with the same options shows them"
        )
    root = runs_folder(given["output"])
    selected = chosen(list(scan(root)), given, root)
    pruning = plan(root, selected, keep=given["keep"], tagged=bool(given["tag"]))
    if given["yes"]:
        remove(pruning)
    _tell(pruning, given)
    return 0


def _tell(pruning: Pruning, given: Mapping[str, Any]) -> None:
    names = [folder.name for folder in pruning.folders]
    if given["json"]:
        kept = [{"id": name, "why": why} for name, why in pruning.kept]
        told = {"removed": given["yes"], "runs": names, "bytes": pruning.size, "kept": kept}
        print_json(msgspec.json.encode(told))
        return
    for name in names:
        print(name)
    for name, why in pruning.kept:
        print(f"{name} is kept: {why}", file=sys.stderr)
    what = f"{count_of(len(names), 'run')}, {pruning.size / 1e6:,.1f} MB"
    if not names:
        print("nothing to remove", file=sys.stderr)
    elif given["yes"]:
        print(f"removed {what}", file=sys.stderr)
    else:
        print(f"{what}; nothing was removed yet: add --yes to remove them", file=sys.stderr)
