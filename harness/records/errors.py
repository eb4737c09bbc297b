"""The errors that editproof raises on purpose, and the exit code of each.

EditproofError
├── UsageError        what was asked for is not valid: exit 2
│   └── DamagedError  a file is not what was written
└── IncompleteError   it could not be done or judged: exit 3
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.plain_text import strip_control

LONGEST = 2000
"""Characters of a message: a foreign name in it may be of any length."""


class EditproofError(Exception):
    """Something that a person must act on. The message is one line: what, where, what to do
    next. Whatever foreign text is in it, it holds no control characters.
    """

    exit_code: ExitCode

    def __init__(self, message: str) -> None:
        line = plain_line(message)
        if len(line) > LONGEST:  # its end says what to do
            line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
        super().__init__(line)


class UsageError(EditproofError):
    """A name, a file or a setting that is not valid."""

    exit_code = ExitCode.USAGE


class DamagedError(UsageError):
    """A file of ours is not what was written: damaged, or of another version."""


class IncompleteError(EditproofError):
    """A run that could not be done or judged."""

    exit_code = ExitCode.INCOMPLETE


def join_one_line(error: BaseException) -> str:
    """What somebody else's code raised: its kind and its message."""
    return plain_line(f"{type(error).__name__}: {error}")


def plain_line(text: str) -> str:
    """A foreign text in one line, without control characters."""
    plain = strip_control(text)
    return " ".join(plain.split()) if "\n" in plain or "\t" in plain else plain


def unknown_name_error(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist: with the nearest that does, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names) or 'none'}"
    return UsageError(f"there is no {kind} {name!r}; {hint}")
