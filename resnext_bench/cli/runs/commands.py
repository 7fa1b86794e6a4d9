"""The commands of `runs`: those that read, run again, write tags and notes, or remove runs."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from resnext_bench.cli.formats import Format
from resnext_bench.cli.run.command import run_request
from resnext_bench.cli.terminal.outcome import Pardon
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections, show_stored
from resnext_bench.config.errata import require_unchanged
from resnext_bench.config.resolve import request_of
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.schema.convs_kind import CONVS
from resnext_bench.reports.schema.kinds import Stored
from resnext_bench.reports.schema.upgrade import schema
from resnext_bench.reports.store import marks
from resnext_bench.reports.store.prune import Pruning, plan, remove
from resnext_bench.reports.store.runs import (
    RECORD,
    Unfinished,
    find,
    load,
    load_alone,
    load_kind,
    load_run,
    option_for,
    runs_folder,
    scan,
)
from resnext_bench.wording import count_of

_CHOOSING = ("status", "model", "tag", "since", "before", "where", "sort", "limit")
_CONDITIONS = ("status", "model", "tag", "since", "before", "where")


def list_command(given: Mapping[str, Any]) -> int:
    """List all runs, or those chosen; oldest first unless sorted."""
    form: Format = given["form"]
    root = runs_folder(given["output"])
    every = list(scan(root))
    found = chosen(every, given, root) if any(given[name] for name in _CHOOSING) else every
    if form == "json":
        _print_json([_plain(run) for run in found])
        return 0
    if not found:
        which = f"none of the {len(every)} runs in {root.absolute()} matches" if every else ""
        print(which or f"no runs in {root.absolute()}", file=sys.stderr)
        return 0
    from resnext_bench.reports.render.runs import runs_sections

    show_sections(runs_sections(found), form)
    return 0


def chosen(
    found: Sequence[Stored | Unfinished], given: Mapping[str, Any], root: Path
) -> list[Stored | Unfinished]:
    """Return the runs that the options choose."""
    from resnext_bench.reports.store.selection import Selection, select

    selection = Selection(
        status=given["status"],
        model=given["model"],
        tags=tuple(given["tag"] or ()),
        since=given["since"],
        before=given["before"],
        where=given["where"],
        sort=given.get("sort"),
        limit=given.get("limit"),
    )
    return select(found, selection, root)


def _plain(run: Stored | Unfinished) -> object:
    if isinstance(run, Unfinished):
        return {"id": run.id, "status": "unfinished", "why": run.why}
    return run


def _print_json(value: object) -> None:
    print_json(msgspec.json.encode(value, enc_hook=str))


def show_command(wanted: str, output: Path | None, form: Format) -> int:
    """Show one run."""
    show_stored(load(find(runs_folder(output), wanted)), form)
    return 0


def diff_command(a: str, b: str, output: Path | None, form: Format) -> int:
    """Show what differs between two runs, or two records of convolutions."""
    from resnext_bench.reports.store.differences import diff

    root = runs_folder(output)
    folders = find(root, a), find(root, b)
    if folders[0].name == folders[1].name:
        raise UsageError(
            f"{a} and {b} are the same run, {folders[0].name}; name two different runs"
        )
    if isinstance(load_alone(folders[0]), Convs):
        return _diff_convs(*folders, form)
    one, two = map(load_run, folders)
    found = diff(one, two, _both_sides_of(*folders))
    if form == "json":
        _print_json(found)
        return 0
    from resnext_bench.reports.render.runs import diff_sections

    show_sections(diff_sections(found, option_for(root)), form)
    return 0


def _both_sides_of(a: Path, b: Path) -> str:
    """Return the id of the comparison whose sides two runs are; empty where they are not."""
    around = a.parent
    if around != b.parent or not (around / RECORD).is_file():
        return ""
    try:
        found = load_alone(around)
    except StoreError:
        return ""  # the runs themselves can be read
    return found.id if {a.name, b.name} <= set(found.children) else ""


def _diff_convs(a: Path, b: Path, form: Format) -> int:
    from resnext_bench.reports.store.conv_differences import diff

    found = diff(load_kind(a, CONVS), load_kind(b, CONVS))
    if form == "json":
        _print_json(found)
        return 0
    from resnext_bench.reports.render.convs_diff import diff_sections

    show_sections(diff_sections(found), form)
    return 0


def query_command(sql: str, output: Path | None, as_json: bool) -> int:
    """Answer a query; records that cannot be read are reported and left out."""
    from resnext_bench.reports.store.tables import ask

    if not sql.strip():
        raise UsageError('runs query: the query is empty; try "DESCRIBE runs"')
    root = runs_folder(output)
    answer = ask(root, list(scan(root)), sql)
    for why in answer.left_out:
        print(f"left out: {why}", file=sys.stderr)
    if as_json:
        _print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return 0
    from resnext_bench.cli.terminal.screen import screen
    from resnext_bench.reports.render.runs import print_answer

    print_answer(screen(), answer.columns, answer.rows)
    return 0


def rerun_command(wanted: str, pardon: Pardon, output: Path | None, form: Format) -> int:
    """Run the resolved configuration again, unless this machine cannot."""
    record = load_run(find(runs_folder(output), wanted))
    require_unchanged(record.resolved)
    request = request_of(record.resolved)
    if record.data and record.data.made:
        del request["data"]  # made again from its seed where it is not there
    return run_request(request, output, form, pardon=pardon)


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


def schema_command() -> int:
    """Print the JSON Schema of the record."""
    print_json(msgspec.json.format(msgspec.json.encode(schema()), indent=2))
    return 0
