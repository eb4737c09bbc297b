"""How a page of the documentation is laid out: one sentence a line, in 100 columns."""

from __future__ import annotations

import re
import textwrap

COLUMNS = 100
"""Width of a page's lines. A longer sentence goes on in the next line."""

_LEAD = re.compile(r"(?: *(?:- |\d+\. )| *)")
"""What a line begins with: its indent, and the mark of a list entry."""

_SENTENCE_END = re.compile(r"(?<=[.?!])(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)(?<!eq\.)\s+")


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


def wrap_lines(text: str) -> str:
    """Wrap the sentences of a whole page; headings, tables and code stay as they are."""
    lines, is_code = [], False
    for line in text.split("\n"):
        is_code ^= line.startswith("```")
        if is_code or not line or line.startswith(("#", "|", "```", "<", "!")):
            lines.append(line)
            continue
        lead = _LEAD.match(line)[0]  # type: ignore[index]
        lines.append(lead + wrap_sentences(line.removeprefix(lead), indent=" " * len(lead)))
    return "\n".join(lines)


def list_entry(name: str, text: str, *, marker: str = "-") -> str:
    """Write a list entry about a name, a sentence a line. `marker`: `-`, or a number and a dot."""
    return f"{marker} " + wrap_sentences(f"`{name}`: {text}", indent=" " * (len(marker) + 1))
