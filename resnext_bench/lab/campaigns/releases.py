"""Plans of three networks over releases of cuDNN, for four described GPUs, by `convs releases`.

    python -m resnext_bench.lab.campaigns.releases [--json FILE] [--from VERSION]

No GPU is needed: cuDNN plans for a description, and nothing is timed. Each release is installed by
uv and removed again (10 GB of downloads for all). With --json FILE is written after every release,
its lists beside it, and releases that are in it are not asked again. `releases_page` shows them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.convs.plans.devices import capability_of, described
from resnext_bench.convs.plans.errata import errata
from resnext_bench.convs.problems import Asked, of_network
from resnext_bench.convs.releases.environments import FRONTEND, Environments, environments
from resnext_bench.convs.releases.index import OLDEST, Wanted, numbers, releases
from resnext_bench.convs.releases.listing import Target, listed
from resnext_bench.convs.releases.record import LISTS, compressed, decompressed, one_by_one
from resnext_bench.errors import CannotHere
from resnext_bench.lab.kept import (
    Kept,
    hardware,
    parser_for,
    read_same,
    revision,
    store,
    today,
    versions,
)
from resnext_bench.reports.schema.convs import Convolution, Problem
from resnext_bench.reports.schema.releases import Listed
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.reports.store.release_lists import unpacked
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse

MODELS: Final = ("resnext50_32x4d", "resnext101_32x4d", "resnet50")
DEVICES: Final = ("a100", "h100", "h200", "b200")
BATCH: Final = 256
LIMIT: Final = 10
"""How many plans PyTorch times, which decides on the largest workspace that is told."""
Names = dict[str, dict[str, tuple[str, ...]]]
"""The layers of each network by the place of their convolution, as text."""


def main() -> None:
    """Ask the releases that are still missing."""
    parser = parser_for("campaigns.releases", __doc__)
    parser.add_argument("--from", dest="oldest", default=OLDEST, metavar="VERSION")
    options = parser.parse_args()
    asked, names = union()
    facts = facts_of(asked, names)
    kept = read_same(options.json, facts) or facts | {"n": 0, "releases": {}}
    lists = lists_beside(options.json) if kept["n"] else {}
    wanted, _ = releases(Wanted(oldest=options.oldest, every=True))
    missing = [one for one in wanted if one not in kept["releases"]]
    places = environments()
    places.require_room(missing, removed=True)
    for version in one_by_one(missing, places, print, removes=True):
        lists = _with(lists, version, _asked(kept, version, asked, places))
        kept["n"] = len(lists)
        if options.json:
            write_atomically(_beside(options.json), compressed(lists))
        store(options.json, kept)
        print(version, kept["releases"][version], flush=True)


def union() -> tuple[list[Asked], Names]:
    """Return all convolutions of the networks, each once, and the layers that are like it."""
    found: dict[Convolution, Asked] = {}
    layers: dict[Convolution, dict[str, tuple[str, ...]]] = {}
    for model in MODELS:
        spec = parse(model)
        for one in of_network(
            draw(spec, spec.image_size), batch=BATCH, dtype="bf16", layout="nhwc", everything=True
        ):
            shape = msgspec.structs.replace(one.convolution, layers=())
            found.setdefault(shape, one)
            layers.setdefault(shape, {})[model] = one.convolution.layers
    names: Names = {model: {} for model in MODELS}
    for at, shape in enumerate(found):
        for model, mine in layers[shape].items():
            names[model][str(at)] = mine
    return list(found.values()), names


def facts_of(asked: Sequence[Asked], names: Names) -> Kept:
    """Return the conditions, as they are read back from JSON."""
    found = {
        "what": "cuDNN's plans of three networks over its releases, for described GPUs; no times",
        "hardware": hardware(),
        "versions": versions("resnext-bench", "torch"),
        "frontend": FRONTEND,
        "date": today(),
        "batch": BATCH,
        "dtype": "bf16",
        "layout": "nhwc",
        "benchmark_limit": LIMIT,
        "devices": DEVICES,
        "models": names,
        "convolutions": [one.convolution for one in asked],
    }
    made: Kept = msgspec.json.decode(msgspec.json.encode(found))
    return made


def _asked(
    kept: Kept, version: str, asked: Sequence[Asked], places: Environments
) -> tuple[Problem, ...]:
    """Return what a release lists for every device, and keep that it was asked, or why not."""
    problems: list[Problem] = []
    told = {"revision": revision(), "date": today()}
    try:
        for device in DEVICES:
            problems += listed(version, asked, [_target(device)], places).problems[0]
    except CannotHere as error:
        told["why"], problems = str(error), []
    releases = kept["releases"] | {version: told}
    kept["releases"] = {one: releases[one] for one in sorted(releases, key=numbers)}
    return tuple(problems)


def _with(lists: Listed, version: str, problems: tuple[Problem, ...]) -> Listed:
    """Return the lists with those of one more release, in the order of versions."""
    found = lists | ({version: problems} if problems else {})
    return {one: found[one] for one in sorted(found, key=numbers)}


def _target(device: str) -> Target:
    planned = described(device).planned()
    return Target(fields=planned.fields, blocked=errata(capability_of(planned)))


def _beside(path: Path) -> Path:
    """Return the file of the lists of a file of results."""
    return path.with_suffix(f".{LISTS}")


def lists_beside(path: Path) -> Listed:
    """Return all lists that are kept: of all devices, one after another."""
    return unpacked(decompressed(_beside(path).read_bytes()))


def by_device(devices: Sequence[str], lists: Listed) -> Iterator[tuple[str, Listed]]:
    """Yield the lists of each device."""
    count = len(next(iter(lists.values()), ())) // len(devices)
    for at, device in enumerate(devices):
        part = slice(at * count, (at + 1) * count)
        yield device, {release: problems[part] for release, problems in lists.items()}


if __name__ == "__main__":
    main()
