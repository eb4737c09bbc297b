"""Pages whose sections are written by different measurements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def write_section(page: Path, title: str, lines: Iterable[str]) -> None:
    """Write a section of a Markdown page, `## title`, in place of the one of that title, or at the
    page's end.
    """
    heading = f"## {title}"
    section = "\n".join([heading, "", *lines])
    text = page.read_text() if page.is_file() else ""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    titles = [part.partition("\n")[0] for part in parts]
    if heading in titles:
        parts[titles.index(heading)] = section
    else:
        parts.append(section)
    page.write_text("\n\n".join(part.strip() for part in parts if part.strip()) + "\n")
