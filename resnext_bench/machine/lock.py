"""Allows one measurement at a time on a machine: an advisory lock that all its users share.

The kernel holds the lock for as long as the process lives, so nothing is left over after a crash.
The file stays; it is always in /tmp, as $TMPDIR may differ between users and jobs. Machines that
share a kernel but no /tmp, such as containers, do not see each other's lock.
"""

import errno
import fcntl
import getpass
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.errors import CannotHere
from resnext_bench.machine.host.sources import plain

LOCK: Final = Path("/tmp/resnext-bench.lock")
_ATTEMPTS: Final = 5
_PAUSE_S: Final = 0.03
"""Pause before trying again: a process that asks for the holder has the lock for microseconds."""
_LONGEST: Final = 200
_LARGEST: Final = 4096
_HIGHEST_PID: Final = 2**22
_SAFE: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Flags: follow no link, do not pass it to children, do not wait at a pipe in its place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """The process that measures. Anyone may write the file, so it is not to be relied on."""

    pid: int
    """The process id; 0 where it is not given."""
    what: str
    since_s: float
    """Seconds since 1970."""


class NotHeld(CannotHere):
    """The machine cannot be held: `why` in one line, and what to do in another."""

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why}\n{advice}")
        self.why = why


class Taken(NotHeld):
    """Another process holds the machine."""


_RESERVED: Final[dict[Path, int]] = {}
"""Locks that `wait_until_free` took for this process, until it measures or ends: whoever waits too
would take one that was free for a moment."""


@contextmanager
def measuring(what: str, *, path: Path | None = None) -> Iterator[bool]:
    """Hold the machine, or raise NotHeld and say which process does.

    Yields whether it is held: False where no lock file can be made, as on a read-only system.
    """
    place = path or LOCK
    descriptor = _RESERVED.pop(place) if place in _RESERVED else _take(place)
    if descriptor is None:
        yield False
        return
    try:
        _write(descriptor, what)
        yield True
    finally:
        _clear(descriptor)
        # A child forked without exec still has the file open, so closing alone would not do.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


WAIT_S: Final = 2.0


def wait_until_free(
    minutes: float, tell: Callable[[str], None], *, path: Path | None = None
) -> None:
    """Return once no other process measures here; raise CannotHere after this many minutes.

    The machine is held from then on, for what this process measures next. `tell` is called with the
    process that is waited for, whenever it changes.
    """
    deadline, told = time.monotonic() + 60 * minutes, ""
    while (found := _reserve(path or LOCK)) is not None:
        if time.monotonic() > deadline:
            why, advice = _refusal(found)
            raise NotHeld(f"waited {minutes:g} min (--wait); {why}", advice)
        who = f"process {found.pid} ({found.what})" if found.pid else "another process"
        if who != told:
            told = who
            tell(f"waiting for {who}, which measures on this machine; at most {minutes:g} min")
        time.sleep(min(WAIT_S, max(0.0, deadline - time.monotonic()) + 0.01))


def _reserve(path: Path) -> Holder | None:
    """Hold the machine, or return the process that does."""
    if path in _RESERVED:
        return None
    if (found := holder(path=path)) is not None:
        return found
    try:
        descriptor = _take(path)
    except Taken:
        return holder(path=path) or _nobody_says()
    if descriptor is not None:
        _RESERVED[path] = descriptor
    return None


def holder(*, path: Path | None = None) -> Holder | None:
    """Return the process that measures on this machine now, if any; it may be this one."""
    if (path or LOCK) in _RESERVED:  # nobody measures yet
        return None
    try:
        descriptor = os.open(path or LOCK, os.O_RDONLY | _SAFE)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    except OSError:  # a file system without locks
        return None
    else:
        return None
    finally:
        os.close(descriptor)


def _take(path: Path) -> int | None:
    """Return a locked descriptor; None where there can be no lock file."""
    for attempt in range(_ATTEMPTS):
        descriptor = _open(path)
        if descriptor is None:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = _read(descriptor)
            os.close(descriptor)
            if attempt == _ATTEMPTS - 1:
                raise Taken(*_refusal(found)) from None
            time.sleep(_PAUSE_S)
        except OSError:
            os.close(descriptor)
            return None
        else:
            if _is_at(path, descriptor):
                return descriptor
            os.close(descriptor)  # someone cleaned /tmp in between: this file is nobody's now
    raise NotHeld(f"{path} is being replaced again and again", "End the program that replaces it")


def _open(path: Path) -> int | None:
    """Open the lock file, and create it where it is missing.

    First without O_CREAT: in a sticky folder the kernel refuses that for files of other users
    (fs.protected_regular), root included. Reading is enough for a lock, where writing is denied.
    """
    flags = (os.O_RDWR, os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_RDWR, os.O_RDONLY)
    for flag in flags:
        try:
            descriptor = os.open(path, flag | _SAFE, 0o666)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR):
                raise NotHeld(*_not_a_file(path)) from None
            continue
        mode = os.fstat(descriptor)
        if not stat.S_ISREG(mode.st_mode):
            os.close(descriptor)
            raise NotHeld(*_not_a_file(path))
        if flag & os.O_CREAT:
            os.fchmod(descriptor, 0o666)  # the umask took some of it
        return descriptor
    return None


def _not_a_file(path: Path) -> tuple[str, str]:
    return (
        f"{path} must be a plain file, as it is the lock for measurements, but it is not",
        f"See who created it, and remove it: ls -l {path}",
    )


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write(descriptor: int, what: str) -> None:
    """Write who we are; best effort, as the lock is held either way."""
    facts = Holder(pid=os.getpid(), what=what[:_LONGEST], since_s=time.time())
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(facts) + b"\n", 0)


def _clear(descriptor: int) -> None:
    with suppress(OSError):
        os.ftruncate(descriptor, 0)


def _nobody_says() -> Holder:
    return Holder(pid=0, what="it does not say what", since_s=time.time())


def _read(descriptor: int) -> Holder:
    """Read what the file says, without relying on it."""
    unknown = _nobody_says()
    try:
        found = msgspec.json.decode(os.pread(descriptor, _LARGEST, 0), type=Holder)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return unknown
    if not (0 < found.pid <= _HIGHEST_PID and 0 <= found.since_s <= unknown.since_s):
        return unknown
    return Holder(pid=found.pid, what=plain(found.what)[:_LONGEST], since_s=found.since_s)


def _refusal(found: Holder) -> tuple[str, str]:
    """Say which process holds it, and what to do."""
    wait = (
        "Two measurements at the same time spoil each other: wait for it to end (--wait MINUTES "
        "does)"
    )
    if not found.pid:
        return f"another process is measuring on this machine; {found.what}", wait
    since = datetime.fromtimestamp(found.since_s).strftime("%H:%M:%S")
    minutes = int((time.time() - found.since_s) / 60)
    ago = f" ({minutes} min ago)" if minutes else ""
    whose = _owner(found.pid)
    end = f", or end it with: kill {found.pid}" if whose == getpass.getuser() else ""
    who = f"process {found.pid}" + (f" of {whose}" if whose and not end else "")
    return f"{who} started measuring here at {since}{ago}: {found.what}", f"{wait}{end}"


def _owner(pid: int) -> str:
    """Return the user whose process it is; empty where that is not known."""
    try:
        return Path(f"/proc/{pid}").owner()
    except (OSError, KeyError):
        return ""
