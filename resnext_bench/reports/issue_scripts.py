"""What scripts for an issue have in common: they time by PyTorch's own Timer, and need torch alone.

Such a script is read before it is run, so that it is about thirty lines, with what an issue is
about as it is: shapes, strides, types.
"""

from typing import Final

IMPORT: Final = "from torch.utils.benchmark import Timer"
TIMER: Final = 'timer = Timer("{}", globals=globals(), num_threads=torch.get_num_threads())'
"""Of a statement that needs nothing but global names; it warms up, and waits for the device."""
TIME: Final = "t = timer.blocked_autorange()"
US: Final = "{1e6 * t.median:.1f} us (IQR {1e6 * t.iqr:.1f})"
"""The time in words, within an f-string; IQR is how Timer calls the distance of its quartiles."""
WHERE: Final = 'where = torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU"'
CANNOT_HERE: Final = 5
"""Exit code of a script that needs another machine, as of this program."""


def commented(text: str, most: int = 60) -> str:
    """Return text of a file as it may stand in a docstring or between quotation marks.

    Nothing in it can end either: it is one line of printable characters, without quotation marks,
    backslashes and braces, and no longer than `most`.
    """
    kept = "".join(one if one.isprintable() and one not in "\"'`\\{}" else "?" for one in text)
    return kept if len(kept) <= most else f"{kept[: most - 3]}..."
