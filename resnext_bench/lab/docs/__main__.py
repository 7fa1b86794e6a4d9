"""`nox -s docs`: the pages that are written from the program itself.

python -m resnext_bench.lab.docs            write them
python -m resnext_bench.lab.docs --check    exit 1 where one is not what would be written
"""

import sys
from pathlib import Path

import msgspec
import typer
from typer.testing import CliRunner

from resnext_bench.cli.main import app
from resnext_bench.lab.campaigns import attribution, loaders_table, memory, releases_page, variants
from resnext_bench.lab.campaigns.releases import lists_beside
from resnext_bench.lab.checkout import DOCS, RESULTS
from resnext_bench.lab.commands import groups_in, names_in
from resnext_bench.lab.docs import convs, verdicts
from resnext_bench.lab.kept import read_result
from resnext_bench.lab.visit.pages import page as gpu
from resnext_bench.reports.schema.trace import schema as trace_schema
from resnext_bench.reports.schema.trace_memory import schema as memory_schema
from resnext_bench.reports.schema.trace_ranks import schema as ranks_schema
from resnext_bench.reports.schema.upgrade import schema


def pages() -> dict[Path, str]:
    """Return every generated page with its text."""
    return {
        DOCS / "record.schema.json": _printed(schema()),
        DOCS / "trace.schema.json": _printed(trace_schema()),
        DOCS / "trace-ranks.schema.json": _printed(ranks_schema()),
        DOCS / "trace-memory.schema.json": _printed(memory_schema()),
        DOCS / "cli.md": _command_line(),
        DOCS / "architectures.md": _architectures(),
        DOCS / "pipelines.md": _renewed(
            "pipelines.md",
            attribution=attribution.table(read_result("attribution")["cases"]),
            loaders=loaders_table.table(read_result("loaders")),
        ),
        DOCS / "verdicts.md": _renewed("verdicts.md", words=verdicts.words()),
        DOCS / "compare.md": _renewed("compare.md", codes=verdicts.codes()),
        DOCS / "convs.md": _renewed("convs.md", devices=convs.devices()),
        RESULTS / f"{releases_page.FILE}.md": _releases(),
        **gpu.pages(RESULTS),
    }


def _releases() -> str:
    name = releases_page.FILE
    return releases_page.page(read_result(name), lists_beside(RESULTS / f"{name}.json"))


def _architectures() -> str:
    """Return the page as it is, with the tables of measurements and of architectures renewed."""
    return _renewed(
        "architectures.md",
        variants=variants.table(read_result("variants")),
        memory=memory.table(read_result("memory")["rows"]),
        floors=_floors(),
    )


def _renewed(page: str, **made: str) -> str:
    """Return a page with the text between its marks replaced."""
    text = (DOCS / page).read_text()
    for name, table in made.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        assert after, f"{page}: {begin.strip()} ... {end} is not there"
        text = f"{before}{begin}{table}\n{end}{after}"
    return text


def _floors() -> str:
    asked = ("models", "roofline", "resnext50_32x4d", "--device", "h200", "--top", "8")
    return f"```text\n$ resnext-bench {' '.join(asked)}\n{_said(asked)}\n```"


def _printed(found: dict[str, object]) -> str:
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"


def _command_line() -> str:
    parts = ["# Command line\n\nWritten by `nox -s docs` from the program's own `--help`.\n"]
    for command in commands(app):
        title = " ".join(("resnext-bench", *command))
        parts.append(f"\n## `{title}`\n\n```text\n{_help(command)}\n```\n")
    return "".join(parts)


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return every command, groups before what is in them, in the order of registration."""
    found = [path, *((*path, name) for name in names_in(group))]
    for name, inside in groups_in(group):
        found += commands(inside, (*path, name))
    return found


def _help(command: tuple[str, ...]) -> str:
    return _said((*command, "--help"), columns=100)


def _said(command: tuple[str, ...], columns: int = 80) -> str:
    """Return what a command prints; in this process, as each of its own takes half a second."""
    plain = {"COLUMNS": str(columns), "TERM": "dumb", "NO_COLOR": "1"}
    done = CliRunner().invoke(app, command, prog_name="resnext-bench", env=plain)
    assert done.exit_code == 0, f"{' '.join(command)}: {done.output}"
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def main() -> int:
    """Write the pages, or with --check name those that are not up to date."""
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(DOCS.parent)} is not up to date; run nox -s docs")
        return bool(stale)
    for path, text in pages().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
