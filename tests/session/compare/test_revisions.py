"""Revisions of a checkout: found, checked out beside it, and gone without a trace."""

import subprocess
from pathlib import Path

import pytest

from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.session.compare import revisions
from resnext_bench.session.compare.revisions import (
    Checkout,
    commit_of,
    open_checkout,
    require_committed,
    words_for,
    work_tree,
)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    done = subprocess.run(
        ("git", "-C", folder, *who, *arguments), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Two commits on the branch main: `sub/speed` is slow, then fast."""
    folder = tmp_path / "repo"
    (folder / "sub").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for speed in ("slow", "fast"):
        (folder / "sub" / "speed").write_text(speed)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", speed)
        git(folder, "tag", speed)
    return folder


def test_a_commit_has_its_files_beside_the_users(repo: Path, tmp_path: Path) -> None:
    (repo / "sub" / "speed").write_text("being edited")
    (repo / "new").write_text("untracked")
    before = git(repo, "status", "--porcelain", "--branch")
    checkout = open_checkout(repo / "sub")
    commit = commit_of(checkout, "slow", "--a-rev")
    with work_tree(checkout, commit, tmp_path / "tree") as folder:
        assert folder == tmp_path / "tree" / "sub"
        assert (folder / "speed").read_text() == "slow"
        assert git(folder, "rev-parse", "HEAD") == commit
    assert (repo / "sub" / "speed").read_text() == "being edited"
    assert git(repo, "status", "--porcelain", "--branch") == before
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    assert not (tmp_path / "tree").exists()


def test_it_is_removed_when_the_block_fails_or_was_killed(repo: Path, tmp_path: Path) -> None:
    checkout, path = open_checkout(repo), tmp_path / "tree"
    commit = commit_of(checkout, "HEAD", "--a-rev")
    git(repo, "worktree", "add", "--detach", str(path), "slow")  # as a killed program leaves it
    (path / "output").write_text("untracked")
    with pytest.raises(ValueError, match="fast"), work_tree(checkout, commit, path) as folder:
        raise ValueError((folder / "sub" / "speed").read_text())
    assert not path.exists()
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_hooks_of_the_user_are_not_run(repo: Path, tmp_path: Path) -> None:
    hook = repo / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    hook.chmod(0o755)
    checkout = open_checkout(repo)
    with work_tree(checkout, commit_of(checkout, "main", "--a-rev"), tmp_path / "tree"):
        assert not (tmp_path / "ran").exists()


def test_a_commit_that_cannot_be_checked_out(repo: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(CannotHere, match="git cannot check"),
        work_tree(open_checkout(repo), "0" * 40, tmp_path / "tree"),
    ):
        pass


@pytest.mark.parametrize("revision", ["mian", "--all", ""])
def test_an_unknown_revision_is_named(repo: Path, revision: str) -> None:
    with pytest.raises(UsageError, match=f"--b-rev {revision}: no such revision") as raised:
        commit_of(open_checkout(repo), revision, "--b-rev")
    assert revision != "mian" or "the nearest is main" in str(raised.value)


def test_what_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no git checkout .* --repo"):
        open_checkout(tmp_path)


def test_where_git_is_not_there(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotHere, match="git is needed"):
        open_checkout(repo)


def test_variables_of_a_hook_do_not_mislead(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert len(commit_of(open_checkout(repo), "main", "--a-rev")) == 40


def test_what_is_not_committed_is_said_before_the_start(repo: Path) -> None:
    (repo / "later").mkdir()
    (repo / "later" / "train").write_text("")
    commit = commit_of(open_checkout(repo), "HEAD", "--a-rev")
    require_committed(open_checkout(repo / "sub"), commit, "./speed", "revision HEAD")
    require_committed(open_checkout(repo), commit, "python", "revision HEAD")
    with pytest.raises(UsageError, match=r"has no later/train: .* absolute path"):
        require_committed(open_checkout(repo), commit, "later/train", "revision HEAD")
    with pytest.raises(UsageError, match="has no later"):
        require_committed(open_checkout(repo / "later"), commit, "python", "revision HEAD")


def test_a_revision_is_shown_by_name_and_commit(repo: Path) -> None:
    checkout = open_checkout(repo)
    commit = commit_of(checkout, "main", "--a-rev")
    short = commit[: revisions.SHOWN]
    assert words_for(checkout, "main", commit) == f"main ({short})"
    assert words_for(checkout, commit[:7], commit) == short
    assert words_for(checkout, "the files", "") == f"the files (at {short})"
    (repo / "sub" / "speed").write_text("being edited")
    expected = f"the files (at {short} and uncommitted changes)"
    assert words_for(Checkout(folder=repo, prefix=""), "the files", "") == expected
