"""The names of the devices that are described here, for help texts: nothing heavy is imported."""

import re
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("devices.toml")
DEFAULT: Final = "h200"
"""The device that is taken where none is named."""
_NAME: Final = re.compile(r"^\[device\.(\w+)\]$", re.MULTILINE)


def device_names() -> tuple[str, ...]:
    """Return them in the order of the file."""
    return tuple(_NAME.findall(FILE.read_text(encoding="utf-8")))
