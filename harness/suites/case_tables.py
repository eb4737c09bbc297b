"""`[folders]` of a suite: a path, or a table that says where the files of a set lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from editproof.harness.records.errors import UsageError
from editproof.harness.records.suites import CaseFolder, MaskColour
from editproof.harness.suites.case_patterns import check_patterns


class FolderTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[folders.NAME]`; `CaseFolder` says what each field means."""

    folder: str
    """Relative to the suite's file."""
    input: str = ""
    mask: str = ""
    expected: str = ""
    prompts: str = ""
    prompt_column: str = "prompt"
    name_column: str = "name"
    group_column: str = ""
    mask_means_edit: MaskColour = "white"


def make_case_folder(name: str, written: str | FolderTable, base: Path) -> CaseFolder:
    """The folder of cases that a suite in `base` names. Raises UsageError on a pattern that makes
    no sense.
    """
    table = FolderTable(written) if isinstance(written, str) else written
    fields = {key: value for key, value in msgspec.structs.asdict(table).items() if key != "folder"}
    path = (base / Path(table.folder).expanduser()).resolve()
    folder = CaseFolder(name=name, path=str(path), **fields)
    check_patterns(folder, f"folders.{name}")
    if folder.expected and not folder.input:
        raise UsageError(
            f"folders.{name} needs input, in addition to expected: what is to be edited"
        )
    return folder


def has_groups(folder: CaseFolder | FolderTable | str) -> bool:
    """Whether the folder's cases may be in groups."""
    return not isinstance(folder, str) and (bool(folder.group_column) or "{group}" in folder.input)


def narrow_folder(folder: CaseFolder, families: Sequence[str]) -> CaseFolder | None:
    """The folder with those of its groups that are named as `folder/group`; None: none is, nor the
    folder.
    """
    if folder.name in families:
        return folder
    groups = [
        family.partition("/")[2] for family in families if family.startswith(f"{folder.name}/")
    ]
    return replace(folder, groups=tuple(groups)) if groups else None
