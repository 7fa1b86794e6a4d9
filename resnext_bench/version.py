"""The version of this program, installed or not."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def own_version() -> str:
    """Return the installed version, else the checkout's, marked as such: "0.1.0+checkout"."""
    try:
        return version("resnext-bench")
    except PackageNotFoundError:
        return _of_checkout(Path(__file__).parents[1])


def _of_checkout(root: Path) -> str:
    import tomllib  # noqa: PLC0415  (an installed program never needs it)

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return f"{project['version']}+checkout"
