"""A history on a branch of git, beside a hostile repository, a remote that is away, and deaths."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.history import branch as module
from editproof.harness.history.branch import PartBranch, find_branch
from editproof.harness.operations.project import find_commit, is_tracked
from editproof.harness.processes.git import GitError
from editproof.harness.records.errors import DamagedError, IncompleteError, UsageError
from tests.harness.blame.made_commits import commit, git
from tests.harness.history.test_branch import NAMES, clone, open_branch, read, remote  # noqa: F401

REFUSED = ("--upload-pack=touch x", "a..b", "a\nb", "a b", "", "/", "a/", "//a", "a.lock", "a~1",
           "a:b", "@{-1}", "*", "$(touch x)", "../x", ".x", "a\\b")  # fmt: skip
HOOKS = ("pre-push", "reference-transaction", "post-index-change", "pre-auto-gc", "fsmonitor")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cant_be_a_branch_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="names no branch"):
        find_branch(f"git:{name}")


@pytest.mark.parametrize("name", ["-x", "--upload-pack", "HEAD", "refs/heads/x"])
def test_no_name_is_an_option(remote: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    ours = clone(remote, tmp_path / "ours")
    PartBranch(ours, name).write_part("made", NAMES[0], b"1")
    assert git(remote, "for-each-ref", "--format=%(refname)").split() == sorted(
        ["refs/heads/main", f"refs/heads/{name}"]
    )


def test_nights_from_before_there_was_a_remote_stay(tmp_path: Path) -> None:
    """They are listed at once, and pushed with the next night."""
    git(tmp_path, "init", "-q", "-b", "main", "ours")
    ours = tmp_path / "ours"
    for name in NAMES[:2]:
        open_branch(ours).write_part("made", name, b"early")
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(ours, "remote", "add", "origin", str(tmp_path / "remote.git"))
    assert set(read(ours)) == set(NAMES[:2])
    open_branch(ours).write_part("made", NAMES[1], b"early")
    assert set(read(clone(tmp_path / "remote.git", tmp_path / "theirs"))) == set(NAMES[:2])


def test_nights_that_were_removed_at_the_remote_stay_here(
    remote: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    ours = clone(remote, tmp_path / "ours")
    open_branch(ours).write_part("made", NAMES[0], b"1")
    git(remote, "update-ref", "-d", "refs/heads/nights")
    open_branch(ours).write_part("made", NAMES[1], b"2")
    assert set(read(clone(remote, tmp_path / "theirs"))) == set(NAMES[:2])


def test_nights_that_the_remote_never_had_are_not_written_over(
    remote: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Two histories that do not know each other: which one counts is a person's to say."""
    theirs = clone(remote, tmp_path / "theirs")
    open_branch(theirs).write_part("made", NAMES[0], b"theirs")
    git(tmp_path, "init", "-q", "-b", "main", "ours")
    ours = tmp_path / "ours"
    open_branch(ours).write_part("made", NAMES[1], b"ours")
    before = git(ours, "rev-parse", "refs/editproof/nights")
    git(ours, "remote", "add", "origin", str(remote))
    with pytest.raises(IncompleteError, match=r"update-ref -d refs/editproof/nights.*import"):
        open_branch(ours).write_part("made", NAMES[2], b"ours")
    assert git(ours, "rev-parse", "refs/editproof/nights") == before
    git(ours, "update-ref", "-d", "refs/editproof/nights")
    assert set(read(ours)) == {NAMES[0]}


def test_a_lock_that_a_dead_git_left_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    open_branch(tmp_path).write_part("made", NAMES[0], b"1")
    lock = tmp_path / ".git" / "refs" / "editproof" / "nights.lock"
    lock.touch()
    with pytest.raises(IncompleteError, match=r"can't be changed: .*nights\.lock"):
        open_branch(tmp_path).write_part("made", NAMES[1], b"2")
    lock.unlink()
    open_branch(tmp_path).write_part("made", NAMES[1], b"2")
    assert set(read(tmp_path)) == set(NAMES[:2])


def test_a_lock_at_the_remote_is_named(
    remote: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0)
    ours = clone(remote, tmp_path / "ours")
    (remote / "refs" / "heads" / "nights.lock").touch()
    with pytest.raises(IncompleteError, match=r"or locked it, .*nights\.lock"):
        open_branch(ours).write_part("made", NAMES[0], b"1")


def test_a_remote_that_hangs_is_given_up(
    remote: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REMOTE_S", 0.5)
    ours = clone(remote, tmp_path / "ours")
    git(ours, "config", "protocol.ext.allow", "always")
    git(ours, "remote", "set-url", "origin", "ext::sleep 20")
    with pytest.raises(IncompleteError, match=r"ls-remote did not end within 0.5 s"):
        open_branch(ours).list_suites()


def test_what_a_remote_says_is_plain(remote: Path, tmp_path: Path) -> None:  # noqa: F811
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nprintf '\\033[31m\\n::error::pwned\\n' >&2; exit 1\n")
    hook.chmod(0o755)
    with pytest.raises(IncompleteError) as caught:
        open_branch(clone(remote, tmp_path / "ours")).write_part("made", NAMES[0], b"1")
    assert str(caught.value).isprintable()


def test_nothing_of_the_repository_runs(remote: Path, tmp_path: Path) -> None:  # noqa: F811
    """Neither hooks, nor a watcher of files, nor filters, nor aliases, nor a signer."""
    ours = clone(remote, tmp_path / "ours")
    marker, hooks = tmp_path / "marker", tmp_path / "hooks"
    hooks.mkdir()
    for folder in (hooks, ours / ".git" / "hooks"):
        for name in HOOKS:
            (folder / name).write_text(f"#!/bin/sh\necho {name} >>{marker}\nexit 1\n")
            (folder / name).chmod(0o755)
    (tmp_path / "attributes").write_text("* filter=x diff=x\n")
    run = f"echo config >>{marker}; cat"
    for name, value in {
        "core.hooksPath": str(hooks),
        "core.fsmonitor": str(hooks / "fsmonitor"),
        "core.attributesFile": str(tmp_path / "attributes"),
        "core.autocrlf": "true",
        "filter.x.clean": run,
        "filter.x.smudge": run,
        "diff.external": run,
        "alias.ls-tree": f"!{run}",
        "commit.gpgSign": "true",
        "gpg.program": str(hooks / "pre-push"),
    }.items():
        git(ours, "config", name, value)
    open_branch(ours).write_part("made", NAMES[0], b"1\r\n")
    assert read(ours) == {NAMES[0]: b"1\r\n"}
    assert not marker.exists()


def test_another_repository_in_the_environment_is_left_alone(
    remote: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a hook of that one: git sets these variables there."""
    ours, other = (clone(remote, tmp_path / name) for name in ("ours", "other"))
    (ours / "baseline").mkdir()
    (ours / "baseline" / "baseline.json").touch()
    made = commit(ours, "a baseline")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    open_branch(ours).write_part("made", NAMES[0], b"1")
    assert find_commit(ours) == made
    assert is_tracked(ours / "baseline")
    monkeypatch.undo()
    assert git(other, "for-each-ref", "refs/editproof") == ""


class DiedError(BaseException):
    """The process ends here."""


def test_a_death_at_any_call_of_git_loses_nothing(
    remote: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count_attempt: Callable[[str], None],
) -> None:
    """Earlier nights stay, and the next try adds the night."""
    ours = clone(remote, tmp_path / "ours")
    open_branch(ours).write_part("made", NAMES[0], b"0")
    real, calls = subprocess.run, 0
    for after in (False, True):
        for step in range(1, 20):
            left = step

            def dying(*words: Any, after: bool = after, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0 and not after:
                    raise DiedError
                done = real(*words, **options)
                if left == 0:
                    raise DiedError
                return done

            name = f"202602{step:02}T0{int(after)}0000Z-00000000.parquet"
            with monkeypatch.context() as patched:
                patched.setattr(subprocess, "run", dying)
                try:
                    open_branch(ours).write_part("made", name, b"1")
                except DiedError:
                    calls += 1
                else:
                    break
            known = set(read(ours))
            assert NAMES[0] in known
            open_branch(ours).write_part("made", name, b"1")
            assert set(read(ours)) == known | {name}
            count_attempt("deaths of a night on a branch")
    assert calls > 15


@pytest.mark.slow
def test_damaged_objects_are_said(tmp_path: Path, count_attempt: Callable[[str], None]) -> None:
    """Git knows each object's hash: no damage gives other bytes, or fewer nights."""
    git(tmp_path, "init", "-q", "-b", "main")
    for place, name in enumerate(NAMES[:3]):
        open_branch(tmp_path).write_part("made", name, bytes([place]) * 500)
    whole = read(tmp_path)
    for path in (tmp_path / ".git" / "objects").glob("??/*"):
        path.chmod(0o600)
        data = path.read_bytes()
        for place in (0, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
            with suppress(DamagedError, IncompleteError, GitError):
                assert read(tmp_path) == whole
            count_attempt("damaged objects of git")
        path.write_bytes(data)
