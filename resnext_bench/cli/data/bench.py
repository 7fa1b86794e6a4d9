"""`data bench`: how fast loaders load here, and how many threads they need."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from resnext_bench.cli.data.shared import as_json, at_work
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.config.pipeline import dali_installed
from resnext_bench.config.request import checked
from resnext_bench.config.resolve import resolve
from resnext_bench.errors import BenchError, CannotHere, UsageError, is_of_the_environment
from resnext_bench.machine.inventory import Machine, inspect
from resnext_bench.machine.lock import measuring
from resnext_bench.machine.member import require_alone
from resnext_bench.pipelines.names import printable
from resnext_bench.reports.figures.loaders import CONFIDENCE
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.loaders import LoaderBench, Setting
from resnext_bench.reports.store.files import temporary_folder
from resnext_bench.session.data import Data
from resnext_bench.session.loaders import Sweep, Swept, request_of
from resnext_bench.session.setup import Setup, set_up

UNSURE: Final = 3
SUFFIXES: Final = (".html", ".svg", ".png")
_PASSED: Final = (
    *("image_size", "batch_size", "nproc_per_node", "device", "pixels", "bad_files", "seed"),
    *("data", "split"),
)
_DEFAULTS: Final[Request] = {"nodes": 1, "warm_up": 10}


def bench_command(given: Mapping[str, Any]) -> int:
    """Sweep loaders, print the tables, then write the chart: what was measured is never lost."""
    require_alone("data bench")
    form, machine, chart = given["form"], inspect(), _chart(given["chart"])
    rounds = _even(given["rounds"])
    request = _request(given)
    depths = sorted(set(given["prefetch"]))
    settings = _settings(given, request, machine, depths)
    with (
        measuring("data bench"),
        at_work("nothing was kept") as tell,
        temporary_folder() as root,
    ):
        setup = set_up(request_of(request, settings[0]), machine, root=root, command=(), tell=tell)
        sizes = _sizes(setup.data)
        swept = Sweep(setup=setup, rounds=rounds, tell=tell).take(settings, depths)
        bench = _bench(setup, swept, sizes)
    if form == "json":
        as_json(bench)
    else:
        from resnext_bench.reports.render.loaders import sections

        show_sections(sections(bench), form)
    if chart:
        _draw(bench, chart)
    return UNSURE if bench.invalid and not given["allow_unsure"] else 0


def _request(given: Mapping[str, Any]) -> Request:
    named = {name: given[name] for name in _PASSED if given.get(name) is not None}
    return _DEFAULTS | checked(named, typed=False)


def _chart(text: str | None) -> Path | None:
    if text is None:
        return None
    path = Path(text).expanduser()
    if path.suffix not in SUFFIXES:
        raise UsageError(
            f"--chart {text}: give a file name that ends in one of {', '.join(SUFFIXES)}"
        )
    if not path.parent.is_dir():
        raise UsageError(f"--chart {text}: there is no folder {path.parent}")
    try:
        _try_to_write(path)
    except OSError as error:
        raise _unwritten(path, error) from error
    return path


def _try_to_write(path: Path) -> None:
    """Raise OSError if a file cannot be written, and leave everything as it was."""
    if path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    else:  # the permissions do not tell all, as of /proc
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass


def _draw(bench: LoaderBench, path: Path) -> None:
    from resnext_bench.reports.render.charts import loader_chart, save

    try:
        save(loader_chart(bench), path)
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> BenchError:
    kind = CannotHere if is_of_the_environment(error) else UsageError
    return kind(
        f"--chart {path}: cannot be written: {error.strerror or error}; name a file in a folder of"
        " yours"
    )


def _even(rounds: int) -> int:
    if rounds % 2:
        raise UsageError(f"--rounds {rounds}: give an even number, such as {rounds + 1}")
    return rounds


def _settings(
    given: Mapping[str, Any], request: Request, machine: Machine, depths: list[int]
) -> list[Setting]:
    """List all thread counts of every pipeline and decoder, at the middle prefetch depth."""
    depth = 2 if 2 in depths else depths[len(depths) // 2]
    found = []
    for pipeline in given["pipeline"] or _installed():
        least: Request = {"pipeline": pipeline, "loader_threads": 1, "prefetch": 1}
        plain = resolve(request | least, machine, None)
        ranks = plain.config.nproc_per_node
        asked = given["loader_threads"]
        threads = sorted(set(asked)) if asked else _doubling(max(1, machine.usable_cores // ranks))
        for decode in _decodes(given["decode"], pipeline, plain.config.device):
            found += [
                Setting(pipeline=pipeline, decode=decode, loader_threads=count, prefetch=depth)  # type: ignore[arg-type]
                for count in threads
            ]
    if not found:
        places = ",".join(given["decode"])
        raise UsageError(
            f"--decode {places}: none of the pipelines in --pipeline can decode that way here"
        )
    return found


def _installed() -> list[str]:
    return ["dali", "torchvision"] if dali_installed() else ["torchvision"]


def _decodes(wanted: list[str] | None, pipeline: str, device: str) -> list[str]:
    able = ["cpu", "mixed"] if (pipeline, device) == ("dali", "cuda") else ["cpu"]
    return able if wanted is None else [name for name in wanted if name in able]


def _doubling(most: int) -> list[int]:
    """Return 1, 2, 4 and so on, and the maximum."""
    powers = [1 << shift for shift in range(most.bit_length()) if 1 << shift < most]
    return [*powers, most]


def _bench(setup: Setup, swept: Swept, sizes: Sequence[int]) -> LoaderBench:
    data, config, machine = setup.data, setup.config, setup.machine
    assert data
    gpu = f", {machine.gpus[0].name}" if config.device == "cuda" else ""
    return LoaderBench(
        folder=printable(data.facts.root),
        images=len(sizes),
        mean_bytes=round(sum(sizes) / len(sizes)),
        batch_size=config.batch_size,
        image_size=config.image_size,
        ranks=config.world_size,
        rank_cores=len(setup.topology.places[0].cores),
        device=config.device,
        pixels=config.pixels,
        confidence_percent=100 * CONFIDENCE,
        hardware=f"{machine.cpu_name}{gpu}, {machine.usable_cores} cores",
        versions=_versions(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        threads=swept.threads,
        knees=swept.knees,
        prefetch=swept.prefetch,
        notes=(*data.notes, *swept.notes),
        invalid=swept.invalid,
    )


def _sizes(data: Data | None) -> list[int]:
    """Return the bytes of each image, in a file or in a shard, before anything is measured."""
    assert data
    if data.images.ranges:
        return list(data.images.ranges.length)
    root = Path(data.facts.root)
    try:
        return [(root / name).stat().st_size for name in data.images.files]
    except OSError as error:
        raise UsageError(
            f"{error.filename or root} can no longer be read: {error.strerror}; leave the files "
            "unchanged while loaders are measured"
        ) from error


def _versions() -> dict[str, str]:
    """Return the versions of the loading libraries that are installed."""
    from importlib.metadata import distributions

    wanted = ("resnext-bench", "torch", "torchvision", "nvidia-dali", "pillow")
    names = {one.metadata["Name"]: one.version for one in distributions()}
    return {name: names[name] for name in sorted(names) if name.startswith(wanted)}
