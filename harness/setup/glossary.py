"""The words of editproof, for `editproof explain TERM` and docs/glossary.md."""

from __future__ import annotations

from editproof.harness.records.glossary import GLOSSARY, terms
from editproof.harness.setup.pages import wrap_sentences

INTRODUCTION = """# Glossary

`editproof explain glossary --page docs/glossary.md` writes this page.
`editproof explain TERM` prints one entry.
"""


def find_term(text: str) -> str:
    """The term that a text means: itself, in any case of letters, or the one term that has it as a
    word. Empty: there is none, or there are several.
    """
    words = text.lower().split()
    named = [term for term in terms() if term.lower().split() == words]
    holding = [term for term in terms() if words and set(words) <= {*term.lower().split()}]
    return named[0] if named else holding[0] if len(holding) == 1 else ""


def page() -> str:
    """The glossary as a Markdown page."""
    parts = [INTRODUCTION]
    for heading, section in GLOSSARY.items():
        parts.append(f"## {heading}\n")
        parts += [f"### {term}\n\n{wrap_sentences(text)}\n" for term, text in section.items()]
    return "\n".join(parts)
