"""Revisions of a user's checkout, each in a work tree of its own during a comparison.

The user's own files, index and branch are never touched: a work tree shares only the store of
commits. One that a killed program has left behind is removed when the comparison is resumed, or by
the user with `git worktree remove`.
"""

import difflib
import os
import posixpath
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.host.process import undisturbed

SHOWN: Final = 10
"""Number of digits of a commit that are shown."""
_LOCATION: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
"""Variables that git sets where it starts us, as in a hook, and that would override the folder."""


class GitSaysNo(Exception):
    """A git command failed; the text is git's message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """The user's checkout, and the folder in it in which scripts start."""

    folder: Path
    prefix: str
    """That folder relative to the checkout's root: "" or "sub/"."""

    @property
    def is_dirty(self) -> bool:
        """Whether tracked files have uncommitted changes."""
        return bool(_git(self.folder, "status", "--porcelain", "-uno"))


def open_checkout(folder: Path) -> Checkout:
    """Return the checkout that `folder` belongs to."""
    try:
        prefix = _git(folder, "rev-parse", "--show-prefix")
    except GitSaysNo as error:
        raise UsageError(
            f"{folder} is not a git checkout ({error}); name one with --repo"
        ) from error
    return Checkout(folder=folder, prefix=prefix)


def commit_of(checkout: Checkout, revision: str, option: str) -> str:
    """Return the full commit that `revision` names; `option` is for errors."""
    with suppress(GitSaysNo):
        if revision and not revision.startswith("-"):
            return _git(checkout.folder, "rev-parse", "--verify", f"{revision}^{{commit}}")
    raise UsageError(
        f"{option} {revision}: there is no such revision in "
        f"{checkout.folder}{_nearest(checkout, revision)}"
    )


def require_committed(checkout: Checkout, commit: str, program: str, option: str) -> None:
    """Raise if the commit has no such folder, or no such program below it."""
    paths = [checkout.prefix.rstrip("/")]
    if "/" in program and not program.startswith("/"):
        paths.append(posixpath.normpath(checkout.prefix + program))
    for path in filter(None, paths):
        try:
            _git(checkout.folder, "cat-file", "-e", f"{commit}:{path}")
        except GitSaysNo:
            raise UsageError(
                f"{option} {commit[:SHOWN]} has no {path}: a revision holds only committed files; "
                "give an absolute path, or a command on PATH"
            ) from None


def words_for(checkout: Checkout, given: str, commit: str) -> str:
    """Describe a revision, or the files as they are, with the commit behind it."""
    if commit:
        return commit[:SHOWN] if commit.startswith(given) else f"{given} ({commit[:SHOWN]})"
    changes = " and uncommitted changes" if checkout.is_dirty else ""
    return f"{given} (at {commit_of(checkout, 'HEAD', 'HEAD')[:SHOWN]}{changes})"


@contextmanager
def work_tree(checkout: Checkout, commit: str, path: Path) -> Iterator[Path]:
    """Check the commit out below `path` while the block lasts; yield the script's folder."""
    _remove(checkout, path)
    try:
        # The user's hooks are not run: they may do anything, here or in the user's own checkout.
        quiet = ("-c", "core.hooksPath=/dev/null")
        add = ("worktree", "add", "--quiet", "--force", "--detach")
        _git(checkout.folder, *quiet, *add, str(path), commit)
        yield path / checkout.prefix
    except GitSaysNo as error:
        raise CannotHere(f"git cannot check out {commit[:SHOWN]} below {path}: {error}") from error
    finally:
        with undisturbed():
            _remove(checkout, path)


def _remove(checkout: Checkout, path: Path) -> None:
    """Remove this work tree only: `git worktree prune` would drop those on unmounted disks."""
    with suppress(GitSaysNo):
        _git(checkout.folder, "worktree", "remove", "--force", "--force", str(path))
    shutil.rmtree(path, ignore_errors=True)


def _nearest(checkout: Checkout, revision: str) -> str:
    with suppress(GitSaysNo):
        names = _git(checkout.folder, "for-each-ref", "--format=%(refname:short)").split()
        near = difflib.get_close_matches(revision, names, n=1)
        if near:
            return f"; the nearest is {near[0]}"
    return "; `git log --all --oneline` shows them all"


def _git(folder: Path, *arguments: str) -> str:
    variables = {name: value for name, value in os.environ.items() if name not in _LOCATION}
    try:
        done = subprocess.run(
            ("git", "-C", str(folder), *arguments),
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise CannotHere("comparing revisions needs git, which is not on PATH") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise GitSaysNo(lines[0].removeprefix("fatal: "))
    return done.stdout.strip()
