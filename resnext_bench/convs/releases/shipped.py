"""Which version of torch installs which release of cuDNN, from a file with its source and date."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from resnext_bench.convs.releases.wheels import CUDA


@cache
def shipped() -> dict[str, Any]:
    """Return the file: source, date, and release of cuDNN by version of torch."""
    text = (
        files("resnext_bench.convs.releases")
        .joinpath("torch_releases.toml")
        .read_text(encoding="utf-8")
    )
    return tomllib.loads(text)


def torch_with(release: str, cuda: int = CUDA) -> tuple[str, ...]:
    """Return the versions of torch on PyPI that install a release, oldest first.

    They are built for one version of CUDA; releases for another are in none of them.
    """
    if cuda != CUDA:
        return ()
    return tuple(torch for torch, cudnn in shipped()["cudnn"].items() if cudnn == release)
