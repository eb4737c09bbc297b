"""Parts on a branch of the project's git repository: `git:BRANCH`.

The branch has no working tree. It is read from, and written to, its copy under `refs/editproof/`,
which is fetched from and pushed to the remote `origin` where there is one. Another machine may
push in between. Then the night is put on top of what that machine pushed, and pushed again: two
nights are two files, so nothing can conflict.
"""

from __future__ import annotations

import random
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from editproof.harness.history.parts import is_part_name
from editproof.harness.processes.git import GitError, ask_git, run_git
from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records.errors import DamagedError, IncompleteError, UsageError

SCHEME = "git:"
REMOTE = "origin"
REMOTE_S = 300.0
"""How long the remote may take to answer."""
ATTEMPTS = 8
LONGEST_PAUSE_S = 0.5
"""Between two attempts, times their number: machines that pushed at once do not meet again."""
REJECTED = (
    "fetch first", "non-fast-forward", "lock ref", "failed to lock", "failed to update ref",
    "incorrect old value", "already exists",
)  # fmt: skip
"""What git says where another push was faster."""

WHO = {
    f"GIT_{who}_{what}": text
    for who in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "editproof"), ("EMAIL", "editproof@localhost"))
}
"""A machine of a CI often has no name of its own."""


def find_branch(setting: str) -> str | None:
    """The branch that a place names; None: it names none. Raises UsageError where it can't be a
    branch.
    """
    if not setting.startswith(SCHEME):
        return None
    branch = setting.removeprefix(SCHEME)
    try:
        run_git(Path.cwd(), "check-ref-format", f"refs/heads/{branch}")
    except GitError as error:
        raise UsageError(
            f"history = '{setting}' names no branch. Write git:BRANCH, such as git:nights"
        ) from error
    return branch


class PartBranch:
    """Parts on a branch: `SUITE/NIGHT.parquet`. It is fetched once for all that is read. Raises
    UsageError where the folder lies in no repository, and IncompleteError where the remote can't be
    reached.
    """

    def __init__(self, folder: Path, branch: str) -> None:
        """`folder`: any folder of the repository."""
        self._folder = folder
        self._branch = branch
        self._is_fetched = False
        self._is_unknown = False
        """Whether there is a remote, and it does not have the branch."""
        self._refusal = ""
        """What git said of the last push that came too late."""

    def list_suites(self) -> tuple[str, ...]:
        """Suites that have a part, in the order of the alphabet."""
        return tuple(sorted({suite for suite, _ in self._list_all()}))

    def list_parts(self, suite: str) -> tuple[str, ...]:
        """Names of a suite's parts, the oldest first."""
        return tuple(sorted(name for own, name in self._list_all() if own == suite))

    def read_parts(self, suite: str, names: Sequence[str]) -> Iterator[bytes]:
        """Read parts whole, in that order. Raises DamagedError where one is gone."""
        for name in names:
            try:
                yield ask_git(self._folder, "cat-file", "blob", f"{self._ref}:{suite}/{name}")
            except GitError as error:
                raise DamagedError(
                    f"{suite}/{name} on the branch {self._branch} can't be read: {error}"
                ) from error

    def write_part(self, suite: str, name: str, data: bytes) -> None:
        """Write a part, and push it. Raises IncompleteError where the remote does not take it."""
        blob = ask_git(self._folder, "hash-object", "-w", "--stdin", data=data).decode().strip()
        self._change(f"night {suite}/{name}", {f"{suite}/{name}": blob})

    def remove_parts(self, suite: str, names: Sequence[str]) -> None:
        """Remove parts, as far as they are there, and push that. Raises as `write_part`."""
        if names:
            self._change(f"{suite}: old nights", {f"{suite}/{name}": "" for name in names})

    def _change(self, message: str, blobs: Mapping[str, str]) -> None:
        """Change these files, on top of whatever others push meanwhile. No blob: it is removed."""
        for attempt in range(1, ATTEMPTS + 1):
            before = self._fetch()
            commit = self._commit(before, message, blobs)
            is_there = commit == before and not self._is_unknown
            if is_there or self._publish(commit, before):
                return
            time.sleep(random.uniform(0, LONGEST_PAUSE_S) * attempt)
        raise IncompleteError(
            f"'{message}' was not pushed: others pushed to {self._branch}, or locked it, before"
            f" each of {ATTEMPTS} attempts. {self._refusal}. `editproof history add` tries again"
        )

    @property
    def _ref(self) -> str:
        return f"refs/editproof/{self._branch}"

    def _list_all(self) -> list[tuple[str, str]]:
        found = self._find_commit() if self._is_fetched else self._fetch()
        if not found:
            return []
        listed = run_git(self._folder, "ls-tree", "-r", "--name-only", "-z", self._ref)
        split = (path.rpartition("/") for path in listed.split("\0"))
        return [(suite, name) for suite, _, name in split if suite and is_part_name(name)]

    def _fetch(self) -> str:
        """Bring the branch here; the commit that it is at. Empty: the branch does not exist.

        Where the remote does not have it, the nights that lie here count, and are pushed with the
        next one: it may be that they were added before there was a remote.
        """
        if self._has_remote():
            name = f"refs/heads/{self._branch}"
            try:
                known = self._ask_remote("ls-remote", REMOTE, name)
                if known and known.split()[0] != self._find_commit():
                    cut = self._cut()
                    forced = "+" if cut else ""  # what is cut off has no parents to compare
                    fetched = f"{forced}{name}:{self._ref}"
                    self._ask_remote("fetch", "--no-tags", *cut, REMOTE, fetched)
            except GitError as error:
                raise IncompleteError(self._explain_fetch(error)) from error
            self._is_unknown = not known
        self._is_fetched = True
        return self._find_commit()

    def _explain_fetch(self, error: GitError) -> str:
        if "non-fast-forward" in str(error):
            return (
                f"the branch {self._branch} of {REMOTE} does not have the nights that {self._ref}"
                f" has here. Forget those with `git update-ref -d {shlex.quote(self._ref)}`, then"
                " add their runs with `editproof history import RUN …`"
            )
        return f"the branch {self._branch} can't be fetched: {error}. Check the remote {REMOTE}"

    def _ask_remote(self, *arguments: str) -> str:
        return run_git(self._folder, *arguments, timeout_s=REMOTE_S)

    def _find_commit(self) -> str:
        return run_git(self._folder, "rev-parse", "-q", "--verify", self._ref, codes=(0, 1))

    def _has_remote(self) -> bool:
        try:
            return REMOTE in run_git(self._folder, "remote").split()
        except GitError as error:
            raise UsageError(
                f"history = '{SCHEME}{self._branch}' needs a git repository: {self._folder} is not"
                " in one. Make one with `git init`, or name a folder"
            ) from error

    def _cut(self) -> tuple[str, ...]:
        """A repository without its own history does not need the branch's."""
        is_shallow = run_git(self._folder, "rev-parse", "--is-shallow-repository") == "true"
        return ("--depth=1",) if is_shallow else ()

    def _commit(self, before: str, message: str, blobs: Mapping[str, str]) -> str:
        """A commit on top of that one with these files; that one itself, where it has them."""
        lines = "".join(
            f"100644 {blob}\t{path}\0" if blob else f"0 {'0' * 40}\t{path}\0"
            for path, blob in blobs.items()
        )
        with scratch_folder() as scratch:
            index = {"GIT_INDEX_FILE": str(scratch.path / "index")} | WHO
            if before:
                ask_git(self._folder, "read-tree", before, variables=index)
            wanted = ("update-index", "--add", "-z", "--index-info")
            ask_git(self._folder, *wanted, data=lines.encode(), variables=index)
            tree = ask_git(self._folder, "write-tree", variables=index).decode().strip()
        if before and run_git(self._folder, "rev-parse", f"{before}^{{tree}}") == tree:
            return before
        parent = ("-p", before) if before else ()
        made = ask_git(self._folder, "commit-tree", tree, *parent, "-m", message, variables=WHO)
        return made.decode().strip()

    def _publish(self, commit: str, before: str) -> bool:
        """Push a commit; False: another was pushed meanwhile."""
        if self._has_remote():
            target = f"{commit}:refs/heads/{self._branch}"
            try:
                self._ask_remote("push", "-q", "--no-verify", REMOTE, target)
            except GitError as error:
                if any(word in str(error) for word in REJECTED):
                    self._refusal = str(error)
                    return False
                raise IncompleteError(
                    f"the branch {self._branch} can't be pushed: {error}. Check the remote"
                    f" {REMOTE}; `editproof history add` tries again"
                ) from error
        return self._move(commit, before)

    def _move(self, commit: str, before: str) -> bool:
        try:
            run_git(self._folder, "update-ref", self._ref, commit, before)
        except GitError as error:
            if self._has_remote():
                return True  # it is pushed; another process has fetched it, or will
            if self._find_commit() == before:  # no other process was faster
                raise IncompleteError(
                    f"the branch {self._branch} can't be changed: {error}. `editproof history add`"
                    " tries again"
                ) from error
            return False
        return True
