"""A history on a git branch: several machines, one bare repository."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from editproof.harness.history import branch as module
from editproof.harness.history.branch import PartBranch, find_branch
from editproof.harness.records.errors import DamagedError, IncompleteError, UsageError
from tests.harness.blame.made_commits import commit, git

NAMES = tuple(f"202601{day:02}T020000Z-0000000{day % 10}.parquet" for day in range(1, 10))


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with a commit on main."""
    bare = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    first = clone(bare, tmp_path / "first")
    commit(first, "one", code="x = 1")
    git(first, "push", "-q", "origin", "HEAD:main")
    return bare


def clone(bare: Path, folder: Path, *arguments: str) -> Path:
    """A machine's clone."""
    git(bare, "clone", "-q", *arguments, bare.as_uri(), str(folder))
    return folder


def open_branch(folder: Path) -> PartBranch:
    """The history as a new process opens it."""
    return PartBranch(folder, "nights")


def read(folder: Path, suite: str = "made") -> dict[str, bytes]:
    """All parts of a suite."""
    store = open_branch(folder)
    names = store.list_parts(suite)
    return dict(zip(names, store.read_parts(suite, names), strict=True))


def test_what_one_machine_writes_another_reads(remote: Path, tmp_path: Path) -> None:
    ours, theirs = (clone(remote, tmp_path / name) for name in ("ours", "theirs"))
    open_branch(ours).write_part("made", NAMES[0], b"a night\0of bytes\r\n")
    open_branch(ours).write_part("other", NAMES[1], b"2")
    assert read(theirs) == {NAMES[0]: b"a night\0of bytes\r\n"}
    assert open_branch(theirs).list_suites() == ("made", "other")


def test_the_users_branch_index_and_files_stay(remote: Path, tmp_path: Path) -> None:
    ours = clone(remote, tmp_path / "ours")
    (ours / "code.py").write_text("x = 2")
    git(ours, "add", "code.py")
    before = [git(ours, "status", "--porcelain"), git(ours, "branch"), git(ours, "log")]
    open_branch(ours).write_part("made", NAMES[0], b"1")
    assert before == [
        git(ours, "status", "--porcelain"), git(ours, "branch"), git(ours, "log"),
    ]  # fmt: skip
    assert not (ours / "made").exists()


def test_a_push_that_comes_second_is_put_on_top(remote: Path, tmp_path: Path) -> None:
    """Another machine pushes between our fetch and our push, twice."""
    ours, theirs = (clone(remote, tmp_path / name) for name in ("ours", "theirs"))

    class Slow(PartBranch):
        beaten = 0

        def _publish(self, commit: str, before: str) -> bool:
            if self.beaten < 2:
                open_branch(theirs).write_part("made", NAMES[self.beaten], b"theirs")
                self.beaten += 1
            return super()._publish(commit, before)

    Slow(ours, "nights").write_part("made", NAMES[5], b"ours")
    assert read(theirs) == {NAMES[0]: b"theirs", NAMES[1]: b"theirs", NAMES[5]: b"ours"}
    assert git(remote, "rev-list", "--count", "nights") == "3"
    assert git(remote, "rev-list", "--merges", "--count", "nights") == "0"


def test_machines_that_push_at_once_lose_nothing(remote: Path, tmp_path: Path) -> None:
    clones = [clone(remote, tmp_path / f"machine{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda pair: open_branch(pair[0]).write_part("made", pair[1], pair[1].encode()),
                zip(clones, NAMES, strict=False),
            )
        )
    assert read(clones[0]) == {name: name.encode() for name in NAMES[:4]}


def test_old_nights_are_removed_on_top_of_what_others_push(remote: Path, tmp_path: Path) -> None:
    ours, theirs = (clone(remote, tmp_path / name) for name in ("ours", "theirs"))
    for name in NAMES[:3]:
        open_branch(ours).write_part("made", name, b"1")
    store = open_branch(theirs)
    assert len(store.list_parts("made")) == 3
    open_branch(ours).write_part("made", NAMES[3], b"2")
    store.remove_parts("made", NAMES[:2])
    store.remove_parts("made", NAMES[:2])
    store.remove_parts("made", ())
    assert read(ours) == {NAMES[2]: b"1", NAMES[3]: b"2"}
    assert git(remote, "rev-list", "--count", "nights") == "5"


def test_who_is_always_beaten_says_so(
    remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0)
    monkeypatch.setattr(PartBranch, "_publish", lambda *_: False)
    with pytest.raises(IncompleteError, match=r"was not pushed: others pushed to nights"):
        open_branch(clone(remote, tmp_path / "ours")).write_part("made", NAMES[0], b"1")


def test_the_same_night_is_there_once(remote: Path, tmp_path: Path) -> None:
    ours = clone(remote, tmp_path / "ours")
    for _ in range(2):
        open_branch(ours).write_part("made", NAMES[0], b"1")
    assert git(remote, "rev-list", "--count", "nights") == "1"


def test_a_shallow_clone_of_a_ci_reads_and_writes(remote: Path, tmp_path: Path) -> None:
    full = clone(remote, tmp_path / "full")
    for name in NAMES[:3]:
        open_branch(full).write_part("made", name, b"1")
    shallow = clone(remote, tmp_path / "shallow", "--depth=1")
    open_branch(shallow).write_part("made", NAMES[3], b"2")
    assert len(read(shallow)) == 4
    assert git(shallow, "rev-list", "--count", "refs/editproof/nights") == "2"
    assert len(read(full)) == 4


def test_without_a_remote_the_branch_is_local(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    open_branch(tmp_path).write_part("made", NAMES[0], b"1")
    open_branch(tmp_path).write_part("made", NAMES[1], b"2")
    assert read(tmp_path) == {NAMES[0]: b"1", NAMES[1]: b"2"}


def test_an_empty_history_has_no_suite(remote: Path, tmp_path: Path) -> None:
    store = open_branch(clone(remote, tmp_path / "ours"))
    assert store.list_suites() == ()
    assert store.list_parts("made") == ()


def test_a_part_that_is_gone_is_damage(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    open_branch(tmp_path).write_part("made", NAMES[0], b"1")
    with pytest.raises(DamagedError, match="on the branch nights can't be read"):
        list(open_branch(tmp_path).read_parts("made", [NAMES[1]]))


def test_a_remote_that_is_away_says_what_to_check(remote: Path, tmp_path: Path) -> None:
    ours = clone(remote, tmp_path / "ours")
    remote.rename(tmp_path / "away.git")
    with pytest.raises(IncompleteError, match=r"nights can't be fetched.* Check the remote origin"):
        open_branch(ours).list_suites()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_remote_that_refuses_says_so(remote: Path, tmp_path: Path) -> None:
    ours = clone(remote, tmp_path / "ours")
    (remote / "objects").chmod(0o500)
    try:
        with pytest.raises(IncompleteError, match="can't be pushed"):
            open_branch(ours).write_part("made", NAMES[0], b"1")
    finally:
        (remote / "objects").chmod(0o700)


def test_a_hook_that_refuses_is_no_race(remote: Path, tmp_path: Path) -> None:
    """It is said at once, and not tried again and again."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho protected branch >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(IncompleteError, match=r"can't be pushed: .*protected branch"):
        open_branch(clone(remote, tmp_path / "ours")).write_part("made", NAMES[0], b"1")


def test_outside_a_repository_it_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs a git repository: .*`git init`"):
        open_branch(tmp_path).list_suites()


def test_a_setting_names_a_branch() -> None:
    assert find_branch("git:nights") == "nights"
    assert find_branch("history") is None
    assert find_branch("s3://bucket/history") is None
    for wrong in ("git:", "git:a b", "git:../x", "git:-x~"):
        with pytest.raises(UsageError, match="names no branch"):
            find_branch(wrong)
