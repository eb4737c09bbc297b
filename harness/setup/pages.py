"""How a page of the documentation is laid out: one sentence a line, in 100 columns."""

from __future__ import annotations

import re
import textwrap

COLUMNS = 100
"""Width of a page's lines. A longer sentence goes on in the next line."""

_SENTENCE_END = re.compile(r"(?<=[.?!])(?<!e\.g\.)(?<!i\.e\.)\s+")


def wrap_sentences(text: str, *, indent: str = "") -> str:
    """Put each sentence on a line of its own; `indent` goes before every line but the first."""
    lines = [
        line
        for sentence in _SENTENCE_END.split(text.strip())
        for line in textwrap.wrap(
            sentence, COLUMNS - len(indent), break_long_words=False, break_on_hyphens=False
        )
    ]
    return f"\n{indent}".join(lines)


def list_entry(name: str, text: str, *, marker: str = "-") -> str:
    """Write a list entry about a name, a sentence a line. `marker`: `-`, or a number and a dot."""
    return f"{marker} " + wrap_sentences(f"`{name}`: {text}", indent=" " * (len(marker) + 1))
