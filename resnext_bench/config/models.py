"""What `--model` may name besides our own family, found out without loading any of it."""

import os
import re
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final, get_args

from resnext_bench.config.answers import is_installed
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.reports.schema.choices import Form
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import Architecture, UnknownModel, parse
from resnext_bench.resnext.spec import ResNeXtSpec
from resnext_bench.wording import nearest

FORMS: Final = "torchvision:NAME, timm:NAME or package.module:callable"
INSTALL: Final = {"torchvision": "install the extra train", "timm": "pip install timm"}
"""Libraries of models, and what to do where they are missing."""
OURS: Final = frozenset({"resnext_bench"})
"""Our own package, which a worker imports whatever lies in the user's folder."""
LAB: Final = "resnext_bench.lab"
"""Package in a checkout that has the models of our own campaigns; they are named as a user's
are."""

_NAME: Final = re.compile(r"\w+(\.\w+)*", re.ASCII)
_WITHOUT_COLON: Final = re.compile(r"(torchvision|timm)[./](.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """A model that is not ours: a name in a library, or a callable in a module."""

    source: str
    """Library ("torchvision", "timm"), or the path of the user's module."""
    name: str

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own rather than a library's."""
        return self.source not in INSTALL


def foreign(model: str) -> Foreign | None:
    """Return the parts of a name with a colon; None for our own family."""
    source, colon, name = model.partition(":")
    return Foreign(source=source, name=name) if colon else None


def require_model(model: str) -> None:
    """Refuse what cannot be a model here. Names in a library are looked up by the worker."""
    named = foreign(model)
    _require_no_file(model, named)
    if named is None:
        require_family(model)
    elif not _is_well_formed(named):
        raise UsageError(f"--model {model}: give the name of a ResNeXt, {FORMS}")
    elif named.is_own:
        _require_module(model, named.source)
    elif not is_installed(named.source):
        raise CannotHere(
            f"--model {model}: {named.source} is not installed; {INSTALL[named.source]}"
        )


def _require_no_file(model: str, named: Foreign | None) -> None:
    """Refuse a path in the place of a module, and say what is meant."""
    source, name = (named.source, named.name) if named else (model, "NAME")
    path = Path(source)
    if path.suffix != ".py" or Path(source.replace(".", "/") + ".py").exists():
        return
    inside = not path.is_absolute() and ".." not in path.parts
    module = ".".join([*path.parent.parts, path.stem] if inside else [path.stem])
    where = "" if inside else f", started in {path.parent}"
    raise UsageError(f"--model {model}: name the module without .py: {module}:{name}{where}")


def require_family(model: str, option: str = "--model", form: str | None = None) -> None:
    """Refuse a name that is not a network of ours, or a form that it does not have."""
    meant = _WITHOUT_COLON.fullmatch(model)
    if meant and option == "--model":
        raise UsageError(f"--model {model}: did you mean {meant[1]}:{meant[2]}?")
    if option != "--model" and (meant or foreign(model)):
        raise UsageError(
            f"{option} {model}: only this program's own networks can be described; models lists "
            "them"
        )
    try:
        spec = parse(model)
    except UnknownModel as error:
        libraries = FORMS.replace("NAME", model) if _NAME.fullmatch(model) else FORMS
        more = f"; or {libraries}" if option == "--model" else ""
        raise UsageError(f"{option}: {error}{more}") from error
    require_form(form, model, has_blocks=isinstance(spec, ResNeXtSpec))


def require_form(form: str | None, model: str, *, has_blocks: bool) -> None:
    """Refuse an unknown form, or one that the network cannot have."""
    if form is not None and form not in get_args(Form):
        raise UsageError(f"--form {form}: a, b, c are allowed")
    if form not in (None, "c") and not has_blocks:
        raise UsageError(
            f"--form {form}: {model} has no ResNeXt blocks; leave --form out, or use --model "
            "resnext50_32x4d"
        )


def require_image_size(spec: Architecture, size: int) -> None:
    """Refuse image sizes that the network cannot take."""
    try:
        draw(spec, size)
    except ValueError as error:
        raise UsageError(f"--image-size {size}: {error}") from error


def _is_well_formed(named: Foreign) -> bool:
    if named.is_own:
        return all(part.isidentifier() for part in f"{named.source}.{named.name}".split("."))
    return _NAME.fullmatch(named.name) is not None


def _require_module(model: str, module: str) -> None:
    """Refuse a missing module by its first part: the rest is known only once it is imported."""
    package = module.partition(".")[0]
    if package in OURS and not module.startswith(f"{LAB}."):
        raise UsageError(
            f"--model {model}: {package} is a package of this program; give your module "
            "another name"
        )
    here = Path.cwd()
    if not is_installed(package) and not PathFinder.find_spec(package, [str(here)]):
        near = nearest(package, [*INSTALL, *_modules(here)])
        hint = (
            f"did you mean {near}?"
            if near
            else ("start in the folder that holds it, or set PYTHONPATH")
        )
        raise UsageError(
            f"--model {model}: there is no module {package}, neither installed nor in {here}; "
            f"{hint}"
        )


def _modules(folder: Path) -> list[str]:
    """List what could be imported from a folder."""
    with os.scandir(folder) as entries:
        names = [entry.name.removesuffix(".py") for entry in entries]
    return [name for name in names if name.isidentifier()]
