"""What the commands of `data` share: processes, progress, errors in one line."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from resnext_bench.cli.terminal.display import RunDisplay
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.errors import Interrupted
from resnext_bench.machine.inventory import inspect
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import ImageFolder
from resnext_bench.pipelines.images.leftovers import Stray
from resnext_bench.pipelines.images.proof import BadFile, Proof, prove
from resnext_bench.pipelines.names import printable
from resnext_bench.reports.schema.datasets import Bad
from resnext_bench.session.data import told

Tell = Callable[[str, int, int], None]


def workers_of(given: int | None) -> int:
    """Return how many processes to use; by default as many as this machine can keep busy."""
    return given or inspect("cpu").usable_cores


@contextmanager
def at_work(consequence: str) -> Iterator[Tell]:
    """Show progress on standard error; wrong data and Ctrl-C end with one line."""
    try:
        with RunDisplay() as display:
            yield display.preparing
    except DataError as error:
        raise told(error) from error
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {consequence}") from None


def proved(folder: ImageFolder, workers: int, tell: Tell) -> Proof:
    """Decode every file once."""
    return prove(
        folder,
        cache=cache_dir(),
        workers=workers,
        progress=lambda done, total: tell("checking images", done, total),
    )


def bad_rows(files: Iterable[BadFile | Stray]) -> list[Bad]:
    """Return bad files as they are reported."""
    return [Bad(path=printable(file.path), why=file.why, seems=file.seems) for file in files]


def as_json(found: Any) -> None:
    """Print JSON, and nothing else, on standard output."""
    print_json(msgspec.json.format(msgspec.json.encode(found), indent=2))
