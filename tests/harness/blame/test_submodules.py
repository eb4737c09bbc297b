"""Commits whose code lies partly in a submodule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from editproof.harness.blame.commits import CommitTree, open_tree
from editproof.harness.records.errors import UsageError
from tests.harness.blame.made_commits import commit, git

FILES = ("-c", "protocol.file.allow=always")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A repository of two commits, which another has as a submodule."""
    folder = tmp_path / "library"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one", fill="AMOUNT = 1")
    commit(folder, "two", fill="AMOUNT = 2")
    return folder


@pytest.fixture
def repository(tmp_path: Path, library: Path) -> Path:
    """Three commits: the library's first, its second, and none of it."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, *FILES, "submodule", "--quiet", "add", "--name", "lib", library.as_uri(), "lib")
    git(folder / "lib", "checkout", "-q", "HEAD~1")
    commit(folder, "one", edit="x = 1")
    git(folder / "lib", "checkout", "-q", "main")
    commit(folder, "two", edit="x = 2")
    git(folder, "rm", "-q", "lib")
    commit(folder, "three", edit="x = 3")
    return folder


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Iterator[CommitTree]:
    """The worktree, at the first commit."""
    with open_tree(repository, git(repository, "rev-parse", "HEAD~2"), tmp_path / "tree") as tree:
        yield tree


def read(tree: CommitTree) -> str:
    """What the submodule has."""
    path = tree.folder / "lib" / "fill.py"
    return path.read_text() if path.is_file() else ""


def test_each_commit_has_its_own(tree: CommitTree, repository: Path) -> None:
    tree.fill_submodules()
    assert read(tree) == "AMOUNT = 1"
    (tree.folder / "lib" / "built.o").write_text("left behind")
    tree.check_out(git(repository, "rev-parse", "HEAD~1"))
    tree.fill_submodules()
    assert read(tree) == "AMOUNT = 2"
    assert not (tree.folder / "lib" / "built.o").exists()
    tree.check_out(git(repository, "rev-parse", "HEAD"))
    tree.fill_submodules()
    assert read(tree) == ""


def test_the_users_own_clone_is_enough(
    tree: CommitTree, repository: Path, library: Path, tmp_path: Path
) -> None:
    """Nothing is asked for over the network, and the repository's settings stay."""
    library.rename(tmp_path / "away")
    before = (repository / ".git" / "config").read_text()
    tree.fill_submodules()
    assert read(tree) == "AMOUNT = 1"
    assert (repository / ".git" / "config").read_text() == before


def test_the_worktree_is_removed_with_its_submodules(repository: Path, tmp_path: Path) -> None:
    with open_tree(repository, "HEAD~2", tmp_path / "tree") as tree:
        tree.fill_submodules()
    assert not (tmp_path / "tree").exists()
    assert git(repository, "worktree", "list").count("\n") == 0


def test_one_that_can_t_be_had_is_an_error(
    tree: CommitTree, repository: Path, library: Path, tmp_path: Path
) -> None:
    library.rename(tmp_path / "away")
    (repository / ".git" / "modules" / "lib").rename(tmp_path / "gone")
    with pytest.raises(UsageError, match="git submodule failed"):
        tree.fill_submodules()
