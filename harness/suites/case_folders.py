"""Folders of cases: which cases there are, whether each can be run, and a case's files again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
from editproof.harness.records.suites import CaseFolder
from editproof.harness.records.wording import count_noun
from editproof.harness.suites.case_patterns import check_patterns
from editproof.harness.suites.case_reading import check_case, check_trusted
from editproof.harness.suites.case_sets import scan_set
from editproof.harness.suites.own_cases import FACTS, OwnCase, find_case, scan_cases
from editproof.harness.suites.trust import NO_TRUST, Trust

MOST_LISTED = 20
"""Bad cases that an error lists."""


def list_cases(
    folder: CaseFolder, scale: int, trust: Trust = NO_TRUST
) -> list[tuple[OwnCase, int]]:
    """Every case of the folder that is to be run, with its output pixels per input pixel.

    `scale` is the suite's. Raises UsageError where there is none, or where files can't be used: all
    of them at once, as notes of the error.
    """
    ready: list[tuple[OwnCase, int]] = []
    faults: list[str] = []
    groups: set[str] = set()
    for found in _scan(folder, trust):
        try:
            own = _require_case(found)
            groups.add(own.group)
            if not folder.groups or own.group in folder.groups:
                check_trusted(own, Path(folder.path), trust)
                ready.append((own, check_case(own, scale)))
        except UsageError as error:
            faults.append(str(error))
    faults = list(dict.fromkeys(faults))
    if faults:
        raise _make_error(folder, faults, len(ready) + len(faults))
    for group in folder.groups:
        if group not in groups:
            raise UsageError(
                f"{folder.name} has no group {group!r}; it has:"
                f" {', '.join(sorted(groups - {''})) or 'none'}"
            )
    return ready


def list_families(folder: CaseFolder, trust: Trust = NO_TRUST) -> tuple[str, ...]:
    """The families of the folder's cases that are to be run, in order; no file is opened but that
    of the prompts.
    """
    if not (folder.input or folder.expected):
        return (folder.name,)
    found = [one for one in _scan(folder, trust) if isinstance(one, OwnCase)]
    return tuple(
        dict.fromkeys(
            name_family(folder, own)
            for own in found
            if not folder.groups or own.group in folder.groups
        )
    )


def name_family(folder: CaseFolder, own: OwnCase) -> str:
    """The family of a case: the folder's name, or `folder/group`."""
    return f"{folder.name}/{own.group}" if own.group else folder.name


def describe_files(folder: CaseFolder, own: OwnCase) -> dict[str, str]:
    """What `find_files` needs to find the case again: part -> path relative to the folder. Empty
    where its name is enough.
    """
    if not (folder.input or folder.expected):
        return {}
    return {
        part: Path(os.path.relpath(path, folder.path)).as_posix()
        for part, path in own.parts.items()
    }


def find_files(case: Case) -> OwnCase:
    """The files of a case that was listed before. Raises UsageError where they are gone."""
    folder = Path(case.folder)
    if not case.files:
        return find_case(folder, case.own)
    parts = {part: folder / path for part, path in case.files.items()}
    gone = [path for path in parts.values() if not path.is_file()]
    if gone:
        raise UsageError(f"the case {case.scene} is not there any more: {gone[0]} is gone")
    facts = (folder / FACTS,) if (folder / FACTS).is_file() else ()
    return OwnCase(case.own, parts, facts, prompt=case.prompt)


def _scan(folder: CaseFolder, trust: Trust) -> Iterator[OwnCase | UsageError]:
    if check_patterns(folder, f"folders.{folder.name}"):
        return scan_set(folder, trust)
    return scan_cases(Path(folder.path))


def _require_case(found: OwnCase | UsageError) -> OwnCase:
    if isinstance(found, UsageError):
        raise found
    return found


def _make_error(folder: CaseFolder, faults: list[str], count: int) -> UsageError:
    """One fault as it is; of several a list."""
    if len(faults) == 1:
        return UsageError(faults[0])
    error = UsageError(
        f"{len(faults)} of {count_noun(count, 'case')} in {folder.path} can't be used"
    )
    for fault in faults[:MOST_LISTED]:
        error.add_note(fault)
    if len(faults) > MOST_LISTED:
        error.add_note(f"and {len(faults) - MOST_LISTED} more")
    return error
