"""Text of others, made safe to show."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = re.compile(
    r"""
      \x1b [\]PX^_] [^\n]*? (?: \x07 | \x1b\\ | $)   # titles, links and other strings
    | (?: \x1b\[ | \x9b) [0-?]* [ -/]* [@-~]         # colours, movements of the cursor
    | \x1b [ -/]* [0-~]                               # the others
    """,
    re.VERBOSE | re.MULTILINE,
)
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_OLD_COMMAND = re.compile(r"##(?=\w*\[)")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They show what follows in another order than it is read in."""


def strip_control(text: str) -> str:
    """The text without what a terminal or a build server would take for a command.

    Line ends and tabs stay, control characters and escape sequences go, and `::error::` or
    `##[error]` at the start of a line gets a blank inside. What UTF-8 can't say becomes `?`.
    """
    if is_plain(text):
        return text
    text = _LINE_ENDS.sub("\n", _ESCAPES.sub("", text))
    text = text.encode("utf-8", "replace").decode()
    text = "".join(char for char in text if char in "\n\t" or _is_harmless(char))
    return _OLD_COMMAND.sub("## ", _COMMAND.sub(r"\1: ", text))


def is_plain(text: str) -> bool:
    """Whether a text certainly has nothing that `strip_control` would change; and so has no part of
    it.
    """
    return text.isascii() and text.isprintable() and "::" not in text and "##" not in text


def _is_harmless(char: str) -> bool:
    return unicodedata.category(char) != "Cc" and char not in _DIRECTIONS
