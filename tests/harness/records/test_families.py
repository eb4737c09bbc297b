"""Which families a name covers."""

from __future__ import annotations

import pytest

from editproof.harness.records.families import is_covered


@pytest.mark.parametrize(
    ("family", "names", "covered"),
    [
        ("logo", ["logo"], True),
        ("logo", ["logos"], False),
        ("brush/add", ["brush"], True),
        ("brush/add", ["brush/add", "logo"], True),
        ("brush/add", ["brush/remove"], False),
        ("brush", ["brush/add"], False),
        ("brushes/add", ["brush"], False),
    ],
)
def test_a_folder_covers_its_groups(family: str, names: list[str], covered: bool) -> None:
    assert is_covered(family, names) is covered
