"""The commits that are tried, and what stays behind: nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from editproof.harness.blame.commits import (
    Mark,
    describe_commit,
    find_commits,
    find_repository,
    open_tree,
)
from editproof.harness.records.errors import UsageError
from tests.harness.blame.made_commits import commit, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def make_line(repository: Path, length: int) -> list[str]:
    """So many commits, one after the other; each holds its number."""
    return [commit(repository, f"number {n}", number=str(n)) for n in range(length)]


def look_for(
    repository: Path, commits: Sequence[str], judge: Callable[[str], Mark]
) -> tuple[tuple[str, ...], list[str]]:
    """The candidates that are left between the first and the last commit, and which were tried."""
    tried = []
    with open_tree(repository, commits[0], repository.parent / "tree") as tree:
        tree.start(commits[0], commits[-1])
        while not tree.is_done:
            (tree.folder / "number.py").write_text("what a build has written")
            tried.append(tree.commit)
            tree.mark(judge(tree.commit))
        found = tree.candidates
    return found, tried


def test_one_of_64_commits_is_found_in_six_steps(repository: Path) -> None:
    commits = make_line(repository, 65)
    for first_bad in (1, 20, 64):
        bad = set(commits[first_bad:])
        found, tried = look_for(repository, commits, lambda one: "bad" if one in bad else "good")  # noqa: B023 - it is called in the loop
        assert found == (commits[first_bad],)
        assert len(tried) <= 6


def test_commits_that_can_t_be_tried_are_gone_round(repository: Path) -> None:
    commits = make_line(repository, 17)

    def judge(one: str) -> Mark:
        number = commits.index(one)
        return "skip" if number in {7, 8, 9} else "bad" if number >= 12 else "good"

    assert look_for(repository, commits, judge)[0] == (commits[12],)


def test_where_they_hide_the_first_bad_one_it_is_one_of_several(repository: Path) -> None:
    commits = make_line(repository, 17)

    def judge(one: str) -> Mark:
        number = commits.index(one)
        return "skip" if number in {7, 8, 9} else "bad" if number > 9 else "good"

    assert look_for(repository, commits, judge)[0] == tuple(commits[10:6:-1])


def test_a_merge_is_looked_through(repository: Path) -> None:
    start = commit(repository, "start", number="0")
    git(repository, "checkout", "-q", "-b", "side")
    guilty = commit(repository, "side", other="1")
    git(repository, "checkout", "-q", "main")
    commit(repository, "main", number="1")
    git(repository, "merge", "-q", "--no-ff", "-m", "merge", "side")
    merged = git(repository, "rev-parse", "HEAD")

    def judge(one: str) -> Mark:
        return "bad" if "other.py" in git(repository, "ls-tree", "--name-only", one) else "good"

    assert look_for(repository, [start, merged], judge)[0] == (guilty,)


@pytest.mark.parametrize("end", [None, KeyboardInterrupt, ValueError])
def test_nothing_is_left_behind(
    repository: Path, tmp_path: Path, end: type[BaseException] | None
) -> None:
    """Neither worktree nor state; and the user's branch and changes are as they were."""
    commits = make_line(repository, 5)
    (repository / "number.py").write_text("not committed yet")
    with (
        pytest.raises(end) if end else nullcontext(),
        open_tree(repository, commits[0], tmp_path / "tree") as tree,
    ):
        tree.start(commits[0], commits[-1])
        if end:
            raise end
    assert not (tmp_path / "tree").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert git(repository, "for-each-ref", "refs/bisect") == ""
    assert git(repository, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert (repository / "number.py").read_text() == "not committed yet"


def test_a_hook_s_repository_is_not_taken(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_line(repository, 2)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert find_repository(repository) == repository.resolve()


def test_both_ends_must_lie_on_one_way(repository: Path) -> None:
    first, last = make_line(repository, 2)
    assert find_commits(repository, "HEAD~1", "main") == (first, last)
    assert "number 1 (Ada, " in describe_commit(repository, last)
    for good, bad in (("main", "HEAD~1"), ("main", "main")):
        with pytest.raises(UsageError, match="must be an ancestor of --bad"):
            find_commits(repository, good, bad)
    with pytest.raises(UsageError, match="has no commit 'nowhere'"):
        find_commits(repository, "nowhere", "main")


def test_without_a_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not in a git repository"):
        find_repository(tmp_path)
