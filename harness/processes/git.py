"""Git, asked as a program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from editproof.harness.records.errors import UsageError

NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
"""A hook would run for whatever we do, and so would a watcher of files."""

KEPT = ("GIT_ASKPASS", "GIT_HTTP", "GIT_PROXY", "GIT_SSH", "GIT_SSL")
"""Variables that say how a remote is reached. Any other could name another repository, as a hook's
GIT_DIR does.
"""


class GitError(UsageError):
    """Git ended with an exit code that was not expected."""


def run_git(
    folder: Path,
    *arguments: str,
    codes: tuple[int, ...] = (0,),
    variables: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> str:
    """What git prints, without the spaces around it. Raises GitError where it ends with another
    exit code, or takes longer than `timeout_s`.
    """
    printed = ask_git(folder, *arguments, codes=codes, variables=variables, timeout_s=timeout_s)
    return printed.decode("utf-8", "replace").strip()


def ask_git(
    folder: Path,
    *arguments: str,
    codes: tuple[int, ...] = (0,),
    data: bytes = b"",
    variables: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> bytes:
    """What git prints. `data`: its standard input. Raises as `run_git`."""
    command = ["git", *NO_HOOKS, "-C", str(folder), *arguments]
    plain = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(KEPT)
    }
    plain |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **(variables or {})}
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, env=plain, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise GitError(
            f"git {arguments[0]} did not end within {timeout_s:g} s in {folder}"
        ) from error
    except OSError as error:
        raise UsageError(f"git could not be run: {error.strerror}. Install it") from error
    if done.returncode not in codes:
        printed = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
        raise GitError(f"git {arguments[0]} failed in {folder}: {printed.removeprefix('fatal: ')}")
    return done.stdout
