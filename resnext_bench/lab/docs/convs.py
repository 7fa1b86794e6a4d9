"""docs/convs.md: what `convs plan` shows, and the devices that are described.

python -m resnext_bench.lab.docs.convs      write the example, with the libraries that are here

The table of devices is renewed with all generated pages; the example changes with cuDNN.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from resnext_bench.convs.plans.devices import described, keys
from resnext_bench.lab.checkout import DOCS

PAGE: Final = DOCS / "convs.md"
ASKED: Final = ("convs", "plan", "resnext50_32x4d")
_FENCE: Final = "```"


def devices() -> str:
    """Return the table of the described devices: what is assumed of each, and what matters."""
    head = ("device", "assumed fields", "of which change plans or workspaces")
    return "\n".join([_row(head), _row(["---"] * len(head)), *map(_device, keys())])


def _device(key: str) -> str:
    found = described(key)
    return _row((key, _names(found.assumed), _names(found.decisive) or "none"))


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def example() -> str:
    """Return the command with its output, but for the record's name."""
    program = Path(sys.executable).with_name("resnext-bench")
    with tempfile.TemporaryDirectory() as folder:
        plain = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1", "RESNEXT_BENCH_RUNS": folder}
        done = subprocess.run(
            (program, *ASKED),
            env={**os.environ, **plain},
            capture_output=True,
            text=True,
            check=True,
        )
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    return "\n".join([f"{_FENCE}text", f"$ resnext-bench {' '.join(ASKED)}", *lines[:-1], _FENCE])


def written() -> str:
    """Return the example as it stands on the page."""
    begin, end = _marks()
    return PAGE.read_text().partition(begin)[2].partition(end)[0].rstrip("\n")


def is_of_these_libraries() -> bool:
    """Return whether the page's example was written with the libraries that are here."""
    text = " ".join(written().split())
    return all(name in text for name in _libraries())


def _libraries() -> Iterator[str]:
    for package, name in (("nvidia-cudnn-frontend", "cudnn-frontend"), ("torch", "rules of torch")):
        try:
            yield f"{name} {version(package).partition('+')[0]}"
        except PackageNotFoundError:
            yield f"no {name}"


def _marks() -> tuple[str, str]:
    return "<!-- plan -->\n", "<!-- end of plan -->"


def main() -> None:
    """Write the example into the page."""
    begin, end = _marks()
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(end)
    assert after, f"{PAGE}: {begin.strip()} ... {end} is not there"
    PAGE.write_text(f"{before}{begin}{example()}\n{end}{after}")


if __name__ == "__main__":
    main()
