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
LIMITS: Final = {
    **dict.fromkeys(("float64", "complex128"), 1e-10),
    **dict.fromkeys(("float32", "complex64"), 1e-4),
    **dict.fromkeys(("tf32", "float16", "complex32"), 1e-2),
    "bfloat16": 6e-2,
}
"""How far a right result may be from float64, relative, by the type with the fewest digits: some
steps of that type, for fp32 more, as algorithms such as Winograd's and long sums need it."""
CANNOT_HERE: Final = 5
"""Exit code of a script that needs another machine, as of this program."""


def commented(text: str, most: int = 60) -> str:
    """Return text of a file as it may stand in a docstring or between quotation marks.

    Nothing in it can end either: it is one line of printable characters, without quotation marks,
    backslashes and braces, and no longer than `most`.
    """
    kept = "".join(one if one.isprintable() and one not in "\"'`\\{}" else "?" for one in text)
    return kept if len(kept) <= most else f"{kept[: most - 3]}..."
