"""Prompt files of sets of cases: JSON Lines, JSON or CSV, one row a case."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import read_file

MOST_BYTES = 1 << 26
ENDINGS = (".jsonl", ".json", ".csv")

KEY = "key"
"""Column of the key, where a JSON file has its rows under keys."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    where: str
    """`row 3 of prompts.csv`."""
    values: Mapping[str, str]
    """By column. What is neither text nor a number is left out."""


def read_rows(path: Path) -> Iterator[Row | UsageError]:
    """The rows of a prompt file; a line of JSON Lines that can't be read is an error among them.

    Raises UsageError where the file can't be read at all.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path} must end in {', '.join(ENDINGS)}: it says what is in the file")
    try:
        text = read_file(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text ({error}). Save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"the prompt file {path} can't be read: {error.strerror}") from error
    read = {".jsonl": _read_lines, ".json": _read_json, ".csv": _read_csv}[path.suffix.lower()]
    for number, found in read(text, path):
        if isinstance(found, UsageError):
            yield found
        elif not isinstance(found, Mapping):
            yield UsageError(f"row {number} of {path} must be an object with the columns as keys")
        else:
            values = {str(key): _write_text(value) for key, value in found.items()}
            yield Row(f"row {number} of {path.name}", values)


Numbered = Iterable[tuple[int, Any]]
"""Rows with their number from 1; an error in place of one that can't be read."""


def _read_lines(text: str, path: Path) -> Numbered:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, _parse_json(line, f"line {number} of {path}")
            except UsageError as error:
                yield number, error


def _read_json(text: str, path: Path) -> Numbered:
    """A list of rows, or rows under keys."""
    found = _parse_json(text, str(path))
    if isinstance(found, dict):
        found = [{KEY: key, **row} if isinstance(row, dict) else row for key, row in found.items()]
    if not isinstance(found, list):
        raise UsageError(f"{path} must hold a list of rows, or rows under keys")
    return enumerate(found, start=1)


def _read_csv(text: str, path: Path) -> Numbered:
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise UsageError(f"{path} is not valid CSV: {error}") from error
    return enumerate(
        ({key: value for key, value in row.items() if key is not None} for row in rows), start=1
    )


def _parse_json(text: str, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise UsageError(f"{where} is not valid JSON: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{where} is not valid JSON: it is nested too deeply") from error


def _write_text(value: object) -> str:
    """A cell as text; empty: it holds none."""
    return str(value) if isinstance(value, str | int | float) and value is not None else ""
