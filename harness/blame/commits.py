"""Commits of the user's repository, checked out one after the other into a worktree of their own.

`git bisect` chooses them: it knows merges and commits that can't be tried. Its state is the
worktree's, so the user's own branch, files and bisection are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from editproof.harness.processes.git import run_git
from editproof.harness.records.errors import UsageError, plain_line

Mark = Literal["good", "bad", "skip"]


PATH_SETTING = r"^submodule\..*\.path$"
HASH = re.compile(r"[0-9a-f]{40,64}")
CLEAN = "git reset -q --hard && git clean -qxffd"
"""In a submodule, after another commit."""


@dataclass(frozen=True, slots=True)
class CommitTree:
    """A worktree that goes from commit to commit."""

    folder: Path

    @property
    def commit(self) -> str:
        """What is checked out."""
        return run_git(self.folder, "rev-parse", "HEAD")

    @property
    def candidates(self) -> tuple[str, ...]:
        """Commits of which the first bad one is one, the newest first."""
        listed = run_git(
            self.folder, "rev-list", "refs/bisect/bad", "--not", "--glob=refs/bisect/good-*"
        )
        return tuple(listed.split())

    @property
    def is_done(self) -> bool:
        """Whether no candidate is left to try."""
        known = run_git(
            self.folder, "for-each-ref", "--format=%(objectname)", "refs/bisect"
        ).split()
        return set(self.candidates) <= set(known)

    def check_out(self, commit: str) -> None:
        """Check out a commit, and nothing that another one left behind."""
        self._clean()
        run_git(self.folder, "checkout", "-q", "--detach", commit)

    def start(self, good: str, bad: str) -> None:
        """Begin to look for the first bad commit, and check out the first one to try."""
        self._clean()
        run_git(self.folder, "bisect", "start", bad, good)

    def mark(self, mark: Mark) -> None:
        """Say what the commit is, and check out the next one to try."""
        self._clean()
        run_git(self.folder, "bisect", mark, codes=(0, 2))  # 2: all that are left were skipped

    def fill_submodules(self) -> None:
        """Check out the submodules of the commit: from the user's own clones of them, where there
        are any. Raises UsageError where one can't be had.
        """
        run_git(self.folder, "clean", "-qxffd")  # of a commit that had other submodules
        if (self.folder / ".gitmodules").is_file():
            settings = dict(self._list_own_clones())
            variables = {"GIT_CONFIG_COUNT": str(len(settings))}
            for number, (name, value) in enumerate(settings.items()):
                variables[f"GIT_CONFIG_KEY_{number}"] = name
                variables[f"GIT_CONFIG_VALUE_{number}"] = value
            update = ("submodule", "--quiet", "update", "--init", "--force", "--recursive")
            run_git(self.folder, *update, variables=variables)
            run_git(self.folder, "submodule", "--quiet", "foreach", "--recursive", CLEAN)

    def _list_own_clones(self) -> Iterator[tuple[str, str]]:
        """Settings for git that name, for each submodule, where the user's repository has it. They
        hold for one command, so nothing is written into the repository's settings.
        """
        asked = ("config", "-f", ".gitmodules", "--name-only", "--get-regexp", PATH_SETTING)
        names = run_git(self.folder, *asked, codes=(0, 1)).splitlines()
        common = self.folder / run_git(self.folder, "rev-parse", "--git-common-dir")
        for name in (line.removeprefix("submodule.").removesuffix(".path") for line in names):
            clone = common / "modules" / name
            yield f"submodule.{name}.active", "true"
            if clone.is_dir():
                yield f"submodule.{name}.url", str(clone.resolve())
                yield "protocol.file.allow", "always"  # else git clones from no folder

    def _clean(self) -> None:
        run_git(self.folder, "reset", "-q", "--hard")
        run_git(self.folder, "clean", "-qxffd")


@contextmanager
def open_tree(repository: Path, commit: str, folder: Path) -> Iterator[CommitTree]:
    """A worktree in a new folder, for as long as the block runs, however it ends."""
    try:
        run_git(repository, "worktree", "add", "-q", "--detach", str(folder), commit)
        yield CommitTree(folder)
    finally:
        run_git(repository, "worktree", "remove", "--force", str(folder), codes=(0, 128))


def find_repository(folder: Path) -> Path:
    """The top of the repository that holds a folder. Raises UsageError where none does."""
    top = run_git(folder, "rev-parse", "--show-toplevel", codes=(0, 128))
    if not top:
        raise UsageError(f"{folder} is not in a git repository. Run it in your repository")
    return Path(top).resolve()


def find_commits(repository: Path, good: str, bad: str) -> tuple[str, str]:
    """Both commits by their whole hash. Raises UsageError where one is unknown, or where the good
    one is not before the bad one.
    """
    first, last = (_find_commit(repository, name) for name in (good, bad))
    before = run_git(repository, "merge-base", first, last, codes=(0, 1))
    if before != first or first == last:
        raise UsageError(f"--good {good} must be an ancestor of --bad {bad}. Name another commit")
    return first, last


def _find_commit(repository: Path, name: str) -> str:
    asked = ("rev-parse", "-q", "--verify", f"{name}^{{commit}}")
    found = run_git(repository, *asked, codes=(0, 1, 128))
    if not HASH.fullmatch(found):  # a range has two, and what is left out a sign before it
        raise UsageError(f"{repository} has no commit {name!r}. `git log` lists its commits")
    return found


def describe_commit(repository: Path, commit: str) -> str:
    """`1a2b3c4d5e inpaint: a faster fill (Ada, 2026-11-02)`."""
    form = "--format=%h %s (%an, %as)"
    return plain_line(run_git(repository, "log", "-1", form, "--abbrev=10", commit))
