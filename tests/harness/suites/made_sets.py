"""Sets of cases as people publish them: small ones, made for the tests."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pil

SHAPE = (40, 60)


def write_picture(path: Path, level: int = 90, size: tuple[int, int] = SHAPE) -> Path:
    """A gradient of that height and width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]]
    pixels = np.dstack([y * 255 // size[0], x * 255 // size[1], np.full(size, level)])
    Pil.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def write_mask(path: Path, *, inverted: bool = False, marked: bool = True) -> Path:
    """A box of 10×20 in white on black."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 10:30] = 255 * marked
    Pil.fromarray(255 - mask if inverted else mask).save(path)
    return path


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """As the file's ending says; JSON with the rows under their keys, where they have such."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    else:
        keyed = {
            str(row["key"]): {column: cell for column, cell in row.items() if column != "key"}
            for row in rows
            if "key" in row
        }
        path.write_text(json.dumps(keyed or list(rows)), encoding="utf-8")
    return path
