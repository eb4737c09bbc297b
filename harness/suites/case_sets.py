"""Cases of a set whose files are found by patterns, with or without a file of prompts.

Every row of the prompt file is a case, or without one every input is. The other files of a case
are found by the same fields.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from editproof.harness.records.errors import UsageError, plain_line
from editproof.harness.records.suites import CaseFolder
from editproof.harness.suites.case_patterns import GROUP, NAME, Pattern, check_patterns
from editproof.harness.suites.case_prompts import Row, read_rows
from editproof.harness.suites.own_cases import FACTS, KEPT, OwnCase
from editproof.harness.suites.trust import Trust, check_inside

_NOT_IN_A_GROUP = re.compile(r"[^\w\[\],=+ .-]+")
LONGEST_GROUP = 60


def scan_set(folder: CaseFolder, trust: Trust) -> Iterator[OwnCase | UsageError]:
    """Every case of the set, and an error for each that can't be found, or for a pattern that finds
    nothing.

    Raises UsageError where the folder does not exist, or where the set is read from outside the
    folder and the user does not allow it.
    """
    patterns = check_patterns(folder, f"folders.{folder.name}")
    base = Path(folder.path)
    if not base.is_dir():
        raise UsageError(f"there is no folder of cases {base}")
    places = {part: _Places(pattern, base, trust) for part, pattern in patterns.items()}
    lead = "input" if "input" in places else "expected"
    rows = _read_prompts(folder, trust) if folder.prompts else _list_inputs(places[lead], base)
    faults = 0
    for found in _build_cases(folder, places, lead, rows):
        faults += isinstance(found, UsageError)
        yield found
    for part, place in places.items():
        if not (place.has_found or faults):
            yield UsageError(
                f"{base} holds no file that fits {part} = {getattr(folder, part)!r}. A field such"
                " as {name} stands for a part of a name, * for anything in a name, and **/ for any"
                " folders"
            )


@dataclass(frozen=True)
class _Located:
    path: Path
    values: Mapping[str, str]
    """What the fields of its pattern stand for."""


class _Places:
    """The files of one part of a set."""

    def __init__(self, pattern: Pattern, base: Path, trust: Trust) -> None:
        self.pattern, self._base = pattern, base
        self._trust = trust
        self.has_found = False

    @cached_property
    def all(self) -> tuple[_Located, ...]:
        """Every file that fits the pattern."""
        check_inside([self._base / self.pattern.start], self._base, self._trust)
        return tuple(_Located(*found) for found in self.pattern.find_files(self._base))

    def find(self, values: Mapping[str, str]) -> _Located | None:
        """The file of a row; None: there is none. Raises UsageError where there are two."""
        known = [field for field in self.pattern.fields if field in values]
        if not all(values[field] for field in known):
            return None
        if len(known) == len(self.pattern.fields) and not self.pattern.is_wild:
            path = self._base / self.pattern.fill(values)
            found = [_Located(path, values)] if _is_file(path) else []
        else:
            found = self._index(tuple(known)).get(tuple(values[field] for field in known), [])
        if len(found) > 1:
            raise UsageError(
                f"{found[0].path} and {found[1].path} both fit the pattern {self.pattern.text!r}:"
                " write more of the path into it"
            )
        self.has_found |= bool(found)
        return found[0] if found else None

    def _index(self, fields: tuple[str, ...]) -> dict[tuple[str, ...], list[_Located]]:
        if fields not in self._indexes:
            index = self._indexes.setdefault(fields, {})
            for one in self.all:
                index.setdefault(tuple(one.values[field] for field in fields), []).append(one)
        return self._indexes[fields]

    @cached_property
    def _indexes(self) -> dict[tuple[str, ...], dict[tuple[str, ...], list[_Located]]]:
        return {}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() or path.is_symlink()  # a broken link is named when it is read
    except (OSError, ValueError):  # a cell that can't be the name of a file
        return False


def _list_inputs(place: _Places, base: Path) -> Iterator[Row]:
    for one in place.all:
        yield Row(str(one.path.relative_to(base)), one.values)


def _read_prompts(folder: CaseFolder, trust: Trust) -> Iterator[Row | UsageError]:
    """The rows, their name and group under `name` and `group`."""
    path = Path(folder.path) / folder.prompts
    check_inside([path], Path(folder.path), trust)
    rows = list(read_rows(path))
    columns = dict.fromkeys(column for row in rows if isinstance(row, Row) for column in row.values)
    if not rows:
        raise UsageError(f"the prompt file {path} has no rows")
    wanted = {"name_column": folder.name_column, "prompt_column": folder.prompt_column}
    wanted |= {"group_column": folder.group_column} if folder.group_column else {}
    for setting, column in wanted.items():
        if columns and column not in columns:
            raise UsageError(
                f"{path} has no column {column!r}; it has: {', '.join(columns)}. Choose one with"
                f" {setting}"
            )
    for row in rows:
        yield row if isinstance(row, UsageError) else _name_row(row, folder)


def _name_row(row: Row, folder: CaseFolder) -> Row:
    values = {**row.values, NAME: row.values.get(folder.name_column, "")}
    if folder.group_column:
        values[GROUP] = row.values.get(folder.group_column, "")
    return Row(row.where, values)


def _build_cases(
    folder: CaseFolder,
    places: Mapping[str, _Places],
    lead: str,
    rows: Iterator[Row | UsageError],
) -> Iterator[OwnCase | UsageError]:
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        if isinstance(row, UsageError):
            yield row
            continue
        try:
            own = _build_case(folder, places, lead, row)
        except UsageError as error:
            yield error
            continue
        before = seen.setdefault((own.group, own.name), row.where)
        yield (
            own
            if before == row.where
            else UsageError(
                f"{before} and {row.where} are both called {own.name!r}: choose a column or a"
                " pattern that tells them apart"
            )
        )


def _build_case(folder: CaseFolder, places: Mapping[str, _Places], lead: str, row: Row) -> OwnCase:
    for part, place in places.items():
        unknown = [field for field in place.pattern.fields if field not in row.values]
        if unknown and unknown != [GROUP]:
            raise UsageError(f"{row.where} has no column {unknown[0]!r}, which {part} names")
    found = {part: place.find(row.values) for part, place in places.items()}
    first = found[lead]
    name = row.values[NAME]
    if not name or not name.isprintable():
        raise UsageError(f"{row.where} has the name {name!r}, which no table can show")
    if first is None:
        raise UsageError(
            f"{row.where} ({name}) has no {lead}: no file fits {getattr(folder, lead)!r}"
        )
    for part, place in places.items():
        named = [field for field in place.pattern.fields if field not in {NAME, GROUP}]
        if found[part] is None and any(row.values.get(field) for field in named):
            raise UsageError(
                f"{row.where} ({name}) names a {part} that is not there: no file fits"
                f" {getattr(folder, part)!r}"
            )
    base = Path(folder.path)
    for one in found.values():
        if one and not os.path.relpath(one.path, base).isprintable():
            raise UsageError(f"{one.path} has a name that no table can show: rename it")
    mask = KEPT if folder.mask_means_edit == "black" else "mask"
    return OwnCase(
        name,
        {mask if part == "mask" else part: one.path for part, one in found.items() if one},
        (base / FACTS,) if (base / FACTS).is_file() else (),
        group=_clean_group({**first.values, **row.values}.get(GROUP, "")),
        prompt=plain_line(row.values.get(folder.prompt_column, "")) if folder.prompts else "",
    )


def _clean_group(text: str) -> str:
    """A group as a part of a family's name: other characters become dashes."""
    return _NOT_IN_A_GROUP.sub("-", text).strip(" .-")[:LONGEST_GROUP].rstrip(" .-")
