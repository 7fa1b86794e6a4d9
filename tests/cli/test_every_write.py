"""Every place that writes tells what could not be written; a new one that does not is found."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("resnext_bench",)
TELLING: Final = {"writing", "beside"}
"""What the body of a `with` may do with the disk: reports/store/files.py tells its errors."""

MAKES: Final = {
    *("write_text", "write_bytes", "write_parquet", "mkdir", "makedirs", "mkfifo", "symlink_to"),
    *("hardlink_to", "touch", "rename", "truncate", "ftruncate", "pwrite", "posix_fallocate"),
    *("mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryDirectory", "copyfile", "copytree"),
    *("move", "savefig", "savez", "tofile"),
}
ASKED: Final = {"open", "fdopen", "memmap", "replace", "save", "execute"}
"""Whether these write depends on how they are called."""
ELSEWHERE: Final = {
    "resnext_bench/cli/data/bench.py:_try_to_write": "its caller tells of --chart",
    "resnext_bench/cli/main.py:_told_whole": "of a bug; --debug prints it as well",
    "resnext_bench/cli/terminal/output.py:_open_closed": "nothing is kept",
    "resnext_bench/cli/terminal/output.py:silence": "nothing is kept",
    "resnext_bench/convs/measuring/child.py:main": "a pipe that is there",
    "resnext_bench/convs/measuring/device_child.py:main": "a pipe that is there",
    "resnext_bench/convs/measuring/layouts_child.py:main": "a pipe that is there",
    "resnext_bench/convs/measuring/maps.py:main": "a pipe that is there",
    "resnext_bench/convs/measuring/steps.py:main": "a pipe that is there",
    "resnext_bench/convs/plans/planner.py:main": "a pipe that is there",
    "resnext_bench/machine/host/memory.py:reset_peak_memory": "/proc",
    "resnext_bench/machine/lock.py:_clear": "says who measures: not needed",
    "resnext_bench/machine/lock.py:_write": "says who measures: not needed",
    "resnext_bench/machine/host/memory.py:shared_memory": "looks whether it could",
    "resnext_bench/serve/tensorboard.py:link": "its caller tells",
    "resnext_bench/session/data.py:one_at_a_time": "a lock, which is not needed",
    "resnext_bench/machine/gpu/presence.py:_is_allowed": "opens a device, and writes nothing",
    "resnext_bench/steps.py:_Steps._leave": "in the user's process, which goes on",
    "resnext_bench/steps.py:_Steps._open": "in the user's process, which must know",
    "resnext_bench/steps.py:_Turns.__init__": "a pipe that is there",
    "resnext_bench/steps.py:_marked": "in the user's process, which goes on",
    "resnext_bench/tokens.py:Holder.__init__": "a pipe that is there",
    "resnext_bench/tokens.py:Taker.__init__": "a pipe that is there",
    "resnext_bench/pipelines/making/staging.py:_move_up": "inside `aside`",
    "resnext_bench/pipelines/making/staging.py:aside": "raises Unwritable",
    "resnext_bench/pipelines/shards/indices.py:_save": "a cache, which is not needed",
    "resnext_bench/pipelines/making/made_images.py:_install": "inside `ensure_made`",
    "resnext_bench/pipelines/making/made_images.py:_make_aside": "inside `ensure_made`",
    "resnext_bench/pipelines/making/made_images.py:_write": "inside `aside` or `ensure_made`",
    "resnext_bench/pipelines/making/made_images.py:make": "inside `aside` or `ensure_made`",
    "resnext_bench/pipelines/making/manifest.py:write": "inside `aside` or `ensure_made`",
    "resnext_bench/pipelines/making/pack.py:pack": "inside `aside`",
    "resnext_bench/pipelines/making/photos.py:_write": "inside `aside`",
    "resnext_bench/pipelines/making/photos.py:make": "inside `aside`",
    "resnext_bench/pipelines/shards/writing.py:ShardWriter.__init__": "inside `aside`",
    "resnext_bench/pipelines/shards/writing.py:ShardWriter.close": "inside `aside`",
    "resnext_bench/pipelines/images/file_verdicts.py:replace_file": "a cache, which is not needed",
    "resnext_bench/pipelines/images/file_verdicts.py:save": "a cache, which is not needed",
    "resnext_bench/reports/store/files.py:make_temporary_folder": "raises Unwritten",
    "resnext_bench/reports/render/charts.py:svg": "text",
    "resnext_bench/worker/shapes.py:main": "a pipe that is there",
    "resnext_bench/whole.py:whole_file": "its callers tell",
    "resnext_bench/reports/store/runs.py:_own_folder": "inside `writing`",
    "resnext_bench/reports/store/runs.py:create": "inside `writing`",
    "resnext_bench/session/signatures.py:_keep": "a cache, which is not needed",
}
"""Places that write outside of `writing`, and what becomes of their errors."""


def test_no_other_place_writes() -> None:
    """Write inside `with writing(path):`, or add the place here with what becomes of its errors."""
    found = {
        f"{path.relative_to(ROOT)}:{place}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "lab" not in path.parts
        for place in places(path.read_text())
    }
    assert found == set(ELSEWHERE)


def test_what_is_found() -> None:
    """The search itself can fail."""
    code = """
def bad(path, data):
    path.write_text(data)
    with writing(path):
        path.write_text(data)

class Some:
    def worse(self, path):
        with path.open("rb"), path.open("xb"):
            pass
"""
    assert list(places(code)) == ["bad", "Some.worse"]
    for line in (
        'open(path, "w")',
        'open(path, mode="a+b")',
        'path.open("r+b")',
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "os.replace(one, two)",
        "one.replace(two)",
        "np.memmap(path, mode='r+')",
        "connection.execute(f\"COPY {table} TO '{path}'\")",
        "image.save(path)",
    ):
        assert list(places(f"def f():\n    {line}")) == ["f"], line
    for line in ("open(path)", 'path.open("rb")', 'text.replace("a", "b")', "runs.save(a, b)"):
        assert not list(places(f"def f():\n    {line}")), line


def places(code: str) -> Iterator[str]:
    """Functions that write outside of `writing`, each once."""
    yield from dict.fromkeys(_places(ast.parse(code), "", told=False))


def _places(node: ast.AST, name: str, *, told: bool) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        name = f"{name}.{node.name}" if name else node.name
    if isinstance(node, ast.With):
        for item in node.items:
            yield from _places(item.context_expr, name, told=told)
            told = told or _tells(item.context_expr)
        for line in node.body:
            yield from _places(line, name, told=told)
        return
    if isinstance(node, ast.Call) and not told and _writes(node):
        yield name
    for child in ast.iter_child_nodes(node):
        yield from _places(child, name, told=told)


def _tells(context: ast.expr) -> bool:
    return isinstance(context, ast.Call) and _called(context) in TELLING


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _writes(call: ast.Call) -> bool:
    name = _called(call)
    if name not in ASKED:
        return name in MAKES
    text = ast.unparse(call)
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name in ("open", "fdopen", "memmap"):
        return "O_WRONLY" in text or "O_RDWR" in text or bool(_mode(call) & set("wax+"))
    if name == "replace":  # of a string it takes two, and of a structure names
        moves = len(call.args) == 1 and not call.keywords
        return (moves and "." not in owner.replace("Path(", "")) or owner == "os"
    if name == "save":
        return owner not in ("runs", "") and not owner.endswith("verdicts")
    return name == "execute" and "COPY {" in text


def _mode(call: ast.Call) -> set[str]:
    """Letters of a mode that is given to `open`, of a path or not."""
    told = [one.value for one in call.keywords if one.arg == "mode"]
    place = (
        0 if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) != "os" else 1
    )
    told += call.args[place : place + 1]
    found = [one.value for one in told if isinstance(one, ast.Constant)]
    return {letter for one in found if isinstance(one, str) and len(one) < 4 for letter in one}
