"""Names of families: a drawn family's, a folder's, or `folder/group`."""

from __future__ import annotations

from collections.abc import Collection


def is_covered(family: str, names: Collection[str]) -> bool:
    """Whether one of the names is the family's, or that of the folder whose group it is. A drawn
    family's name has no slash.
    """
    return family in names or family.partition("/")[0] in names
