"""Bars of eighths of a character."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int = 24) -> str:
    """A part of a bar of so many characters; `share` is a fraction of 1."""
    eighths = round(min(share, 1.0) * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
