"""Standard output and standard error: whatever they are, what was measured is shown.

A reader that goes away (`| head`) takes nothing but its own copy. A disk that is full under
standard output moves the rest to standard error. A terminal without a character gets the nearest.
"""

import codecs
import os
import re
import sys
from contextlib import suppress
from io import UnsupportedOperation
from typing import IO, Any, Final, TextIO

PLAIN: Final = "resnext-bench-plain"
"""Name of the error handler for characters that a stream cannot show."""
_NEAREST: Final = {
    **dict.fromkeys("╭╮╰╯├┤┬┴┼┌┐└┘┏┓┗┛┡┩╇", "+"),
    **dict.fromkeys("─━═╌╴╸╺", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("█▉▊▋", "#"),
    **dict.fromkeys("▌▍▎▏", "."),
    **dict.fromkeys("–—−‐", "-"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("‘’", "'"),
    **{"×": "x", "±": "+/-", "→": "->", "←": "<-", "↑": "^", "↓": "v", "…": "...", "·": "*"},
    **{"≈": "~", "≤": "<=", "≥": ">=", "≠": "!=", "µ": "u", "μ": "u", "°": "deg", "²": "2"},
    **{"•": "*", "α": "alpha", "δ": "delta", "Δ": "delta", "φ": "phi", "√": "sqrt", "∞": "inf"},
}


_SPACES: Final = re.compile("( {2,})")
_CUT: Final = re.compile("…(?= *[│|])")
"""Mark that Rich prints for the rest of a cell where there is no room for three points."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return the nearest characters that any encoding has, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_nearest(character) for character in found), error.end


def _nearest(character: str) -> str:
    if "\u2800" <= character <= "\u28ff":  # what turns while work goes on
        return "*"
    if "\udc80" <= character <= "\udcff":  # a byte of a name that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    return _NEAREST.get(character, "?")


def fitted(text: str, encoding: str) -> str:
    """Return the same text in characters that the encoding has, with columns where they were.

    A replacement that is wider, as -> is, takes its room from the spaces that follow.
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_fitted_line(line, encoding) for line in text.splitlines(keepends=True))
    return text


def _fitted_line(line: str, encoding: str) -> str:
    parts, grown = [], 0
    for part in _SPACES.split(_CUT.sub("~", line)):
        plain = part.encode(encoding, PLAIN).decode(encoding)
        if part.isspace():
            taken = min(grown, len(part) - 1)
            plain, grown = part[taken:], grown - taken
        grown += len(plain) - len(part) if not part.isspace() else 0
        parts.append(plain)
    return "".join(parts)


class Told:
    """Standard error that may be unwritable: then its text is lost, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write to the stream, or drop the text."""
        try:
            return self._stream.write(fitted(text, self._stream.encoding or "utf-8"))
        except OSError:
            silence(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        try:
            self._stream.flush()
        except OSError:
            silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Output:
    """A stream whose text is never lost: what it cannot take goes to standard error.

    `error` then says why. A reader that went away still raises BrokenPipeError.
    """

    def __init__(self, stream: TextIO) -> None:
        self.error: OSError | None = None
        self._stream = stream
        self._unsaid: list[str] = []
        """Text that was written but is not known to have arrived."""

    def write(self, text: str) -> int:
        """Write to the stream, or to standard error once the stream has failed."""
        if self.error:
            return sys.stderr.write(text)
        self._unsaid.append(text)
        try:
            return self._stream.write(fitted(text, self._stream.encoding or "utf-8"))
        except BrokenPipeError:
            raise
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        if self.error:
            sys.stderr.flush()
            return
        try:
            self._stream.flush()
            self._unsaid.clear()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Flush the stream and check that all arrived: a network disk reports errors only here."""
        self.flush()
        try:
            os.close(os.dup(self._stream.fileno()))
        except (UnsupportedOperation, ValueError):  # of a test
            return
        except OSError as error:
            self.error = self.error or error

    def _give_up(self, error: OSError) -> None:
        self.error = error
        silence(self._stream)
        sys.stderr.write("".join(self._unsaid))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def open_output() -> Output:
    """Replace standard output and standard error so that no character and no byte is lost."""
    codecs.register_error(PLAIN, _plain)
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        # Names that are not UTF-8 come as lone surrogates, which no encoding has.
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors=PLAIN)
    output = Output(sys.stdout)
    sys.stdout = output  # all of a stream that anybody here uses
    sys.stderr = Told(sys.stderr)
    return output


def _open_closed() -> None:
    """Let streams that were closed (`>&-`) lead nowhere.

    The next file to be opened would have their number, and take what is meant for them.
    """
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        number = os.open(os.devnull, os.O_RDWR)
        while number < 2:
            number = os.dup(number)
        if number > 2:
            os.close(number)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))


def print_json(data: bytes) -> None:
    """Print JSON and a newline; in ASCII characters where the encoding is not UTF-8."""
    if (getattr(sys.stdout, "encoding", "") or "utf-8").lower().replace("-", "") != "utf8":
        data = _ascii_json(data)
    try:
        sys.stdout.write(data.decode() + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def _ascii_json(data: bytes) -> bytes:
    """Escape non-ASCII characters, which occur inside strings only."""
    return "".join(map(_escaped, data.decode())).encode()


def _escaped(character: str) -> str:
    if character.isascii():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def silence(stream: IO[str]) -> None:
    """Discard everything that is still written to `stream`.

    Python flushes at its end, which would fail once more and change the exit code.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
