"""The page about the failure families: what each draws, how it breaks, and its contact sheet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image as Pil

from editproof.harness.setup.pages import list_entry, wrap_sentences
from editproof.vectors.catalogue import contact_sheet
from editproof.vectors.scene import Param, Vector

INTRODUCTION = """# Failure families

`editproof vectors gallery docs/vectors.md` writes this page.

Each family is a ladder of steps, from trivial (left) to hopeless (right).
Only the steps of `hostile` are kinds of input, not degrees of one difficulty.
benchmarks/LADDERS.md says how far the reference pipeline gets.

The lowest row of each picture shows the regions:

- orange: `edit`, what must go
- yellow: `ring`, around the edit
- green: `protect`, what must survive
- pink: `seams`, where the borders of tiles fall
"""


def write_gallery(vectors: Iterable[Vector], page: Path) -> Path:
    """Write a Markdown page about these families; the pictures go into a folder named like it."""
    pictures = page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [INTRODUCTION]
    for vector in vectors:
        contact_sheet(vector).quantize(256, dither=Pil.Dither.FLOYDSTEINBERG).save(
            pictures / f"{vector.family}.png", optimize=True
        )
        parts.append(_describe_family(vector, f"{pictures.name}/{vector.family}.png"))
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def _describe_family(vector: Vector, picture: str) -> str:
    names = list(vector.units)
    rows = [
        f"| {step} | {' | '.join(_format_value(rung[name]) for name in names)} |"
        for step, rung in enumerate(vector.ladder, start=1)
    ]
    lines = [
        f"## {vector.family}\n",
        f"{wrap_sentences(vector.about)}\n",
        f"{wrap_sentences(f'**Look for:** {vector.damage}.')}\n",
        f"![{vector.family}: its steps, the easiest one left]({picture})\n",
        f"| step | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *rows,
        "",
        *(list_entry(name, f"{meaning}.") for name, meaning in vector.units.items()),
        "",
    ]
    return "\n".join(lines)


def _format_value(value: Param) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
