"""Looks up what a library or a user's module holds in its source, without loading it.

Only what is certain is refused here. A module that creates names during its import is left to the
rank that imports it.
"""

import ast
import difflib
import functools
import importlib.util
import re
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

from resnext_bench.config.models import INSTALL, Foreign, foreign
from resnext_bench.errors import UsageError

_REGISTERED: Final = re.compile(
    r"""^@register_model\b(?:\(name=['"](\w+)['"])?(?:.|\n)*?^def (\w+)\(""", re.MULTILINE
)
"""Name that a model is registered by, where it is another than its function's; the function."""
_FEWEST: Final = 50
"""Fewest models in a library that was read correctly; from fewer nothing is concluded."""
_MADE_LATER: Final = re.compile(
    r"\bglobals\(\)|\bexec\(|\bsys\.modules\b|\bsetattr\(|^\s*global\s"
    # One that ends the program while it is imported has more to say than that a name is missing.
    r"|\b_?exit\(|\bSystemExit\b|\bparse_args\(|\babort\("
)
"""Words that mark a module whose names cannot be read from its source."""
_VALUES: Final = {
    ast.Dict: "a dict",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Set: "a set",
    ast.JoinedStr: "a str",
}


def require_found(model: str) -> None:
    """Refuse a name that its library or the user's module certainly does not hold."""
    named = foreign(model)
    if named is None:
        return
    found = _in_library(named) if named.source in INSTALL else _in_module(named)
    if found:
        raise UsageError(f"--model {model}: {found}")


def list_nearest(given: str, known: Iterable[str]) -> str:
    """Return the most similar names, as the end of a sentence."""
    near = difflib.get_close_matches(given, list(known), n=3)
    return f"; the nearest {'are' if len(near) > 1 else 'is'} {', '.join(near)}" if near else ""


def _in_library(named: Foreign) -> str:
    known, texts = _registered(named.source)
    name = named.name.partition(".")[0] if named.source == "timm" else named.name
    if len(known) < _FEWEST or known.get(name) == "":
        return ""
    if task := known.get(name):
        return f"that model is for {task}; an image classifier is needed"
    if re.search(rf"""['"]{re.escape(name)}\b""", texts):  # an older name, mostly
        return ""
    classifiers = (one for one, task in known.items() if not task)
    return f"no such model{list_nearest(name, classifiers) or '; see its docs'}"


@functools.cache
def _registered(library: str) -> tuple[dict[str, str], str]:
    """Return models by name, each with its task in torchvision, and the whole source."""
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.origin:
        return {}, ""
    root = Path(spec.origin).parent / "models"
    found: dict[str, str] = {}
    texts = []
    for path in sorted(root.rglob("*.py")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        task = path.relative_to(root).parts[0] if path.parent != root else ""
        names = (other or function for other, function in _REGISTERED.findall(text))
        found |= dict.fromkeys(names, task if library == "torchvision" else "")
        texts.append(text)
    return found, "\n".join(texts)


def _in_module(named: Foreign) -> str:
    """Return why a user's module cannot hold that name; "" where it does, or may."""
    path = _file_of(named.source)
    if path is None:
        return ""
    try:
        tree = ast.parse(text := path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        return f"{path}, line {error.lineno}: {error.msg}"
    except (OSError, ValueError):
        return ""
    if _MADE_LATER.search(text):
        return ""
    return _missing(tree.body, named.name.split("."), path)


def _file_of(source: str) -> Path | None:
    """Return the file of a module by its dotted name; None where it is not plain Python."""
    first, *others = source.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        return None
    spec = spec or PathFinder.find_spec(first, [str(Path.cwd())])
    name = first
    for part in others:
        if spec is None or not spec.submodule_search_locations:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    origin = spec.origin if spec else None
    return Path(origin) if origin and origin.endswith(".py") else None


def _missing(body: list[ast.stmt], parts: list[str], path: Path) -> str:
    names: dict[str, list[ast.AST]] = {}
    for name, made in _names(body):
        if name == "*":
            return ""
        names.setdefault(name, []).append(made)
    first = parts[0]
    if first not in names:
        known = (name for name in names if not name.startswith("_"))
        return f"no {first} in {path}{list_nearest(first, known)}"
    if len(parts) == 1 and len(names[first]) == 1 and (what := _value(names[first][0])):
        return f"{first} is {what} and cannot be called"
    return ""


def _value(made: ast.AST) -> str:
    """Describe a literal value in words."""
    if isinstance(made, ast.Constant):
        word = type(made.value).__name__
        return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"
    return _VALUES.get(type(made), "")


def _names(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """Return what statements define, by kind; "*" for what cannot be known."""
    for one in body:
        match one:
            case ast.FunctionDef(name="__getattr__") | ast.Raise():
                yield "*", one
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield one.name, one
            case ast.Import():
                for alias in one.names:
                    yield alias.asname or alias.name.partition(".")[0], one
            case ast.ImportFrom():
                for alias in one.names:
                    yield alias.asname or alias.name, one
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case _:
                yield from _inside(one)


def _inside(one: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """Return what a compound statement, or an assignment of another form, defines."""
    for below in ast.iter_child_nodes(one):
        if isinstance(below, ast.stmt):
            yield from _names([below])
        elif isinstance(below, ast.ExceptHandler | ast.match_case):
            yield from _names(below.body)
        else:
            for part in ast.walk(below):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id, one
