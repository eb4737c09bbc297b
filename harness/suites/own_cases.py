"""A user's own cases: pictures in a folder, with what is known about the right answer.

Two layouts, whichever suits; NAME is the case's:

    CASES/NAME/input.png    CASES/NAME/mask.png    CASES/NAME/expected.png    CASES/NAME/case.toml
    CASES/input/NAME.png    CASES/mask/NAME.png    CASES/expected/NAME.png    CASES/case/NAME.toml

Only `input` must be there. `CASES/case.toml` says what holds for every case that does not say
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import DEEPEST

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
PARTS = ("input", "mask", "expected")
FACTS = "case.toml"


KEPT = "kept"
"""The part in place of `mask` where the mask's black is to be edited."""


@dataclass(frozen=True, slots=True)
class OwnCase:
    """The files of one case."""

    name: str
    parts: Mapping[str, Path]
    """`input`, and `mask` or KEPT and `expected` where they are there."""
    facts: tuple[Path, ...]
    """Its case.toml files, the most general first."""
    group: str = ""
    """The part of a set that it belongs to; empty: none."""
    prompt: str = ""
    """Its prompt in a file of prompts; empty: as `case.toml` says."""


def scan_cases(folder: Path) -> Iterator[OwnCase | UsageError]:
    """Every case of the folder, by name, and an error for each whose files do not fit together.
    Raises UsageError where there is none.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder of cases {folder}")
    scan = _scan_side_by_side if (folder / "input").is_dir() else _scan_case_folders
    empty = True
    for found in scan(folder):
        empty = False
        if isinstance(found, OwnCase) and not found.name.isprintable():
            yield UsageError(
                f"the case {found.name!r} in {folder} has a name that no table can show: rename it"
            )
        else:
            yield found
    if empty:
        raise UsageError(
            f"{folder} holds no cases: put a picture NAME/input.png (or .jpg, .tif, .webp) into it,"
            " and beside that mask.png and expected.png where you have them"
        )


def find_case(folder: Path, name: str) -> OwnCase:
    """The case of that name. Raises UsageError where it is gone."""
    if (folder / "input").is_dir():
        parts = {part: path for part in PARTS if (path := _find_picture(folder / part, name))}
        facts = folder / "case" / f"{name}.toml"
    else:
        parts = {part: path for part in PARTS if (path := _find_picture(folder / name, part))}
        facts = folder / name / FACTS
    if "input" not in parts:
        raise UsageError(f"the case {name} is not in {folder} any more: it has no input")
    return OwnCase(name, parts, tuple(path for path in (folder / FACTS, facts) if path.is_file()))


def _scan_side_by_side(folder: Path) -> Iterator[OwnCase | UsageError]:
    """`input/NAME.png`, `mask/NAME.png`, `expected/NAME.png`."""
    inputs = {path.stem for path in _list_pictures(folder / "input")}
    for part in PARTS[1:]:
        for path in _list_pictures(folder / part):
            if path.stem not in inputs:
                yield UsageError(
                    f"{path} belongs to no input: there is no {folder / 'input' / path.stem} with"
                    f" any of {_ENDINGS}"
                )
    for stem in sorted(inputs):
        yield _try_case(folder, stem)


def _scan_case_folders(folder: Path) -> Iterator[OwnCase | UsageError]:
    """`NAME/input.png`, `NAME/mask.png`, `NAME/expected.png`; names may have slashes."""
    for place in _walk_folders(folder, frozenset({folder.resolve()})):
        stems = {path.stem for path in _list_pictures(place)}
        if "input" in stems:
            yield _try_case(folder, place.relative_to(folder).as_posix())
        elif stems & {"mask", "expected"}:
            yield UsageError(
                f"{place} holds a mask or an expected picture, but no input with any of {_ENDINGS}"
            )


def _try_case(folder: Path, name: str) -> OwnCase | UsageError:
    try:
        return find_case(folder, name)
    except UsageError as error:
        return error


def _walk_folders(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Every folder below, links followed unless they lead back up. Raises UsageError where they
    lie more than DEEPEST within each other.
    """
    if len(above) > DEEPEST:
        raise UsageError(
            f"{str(folder)[:200]}… has more than {DEEPEST} folders within each other: cases are"
            " looked for down to there. Name a folder further down"
        )
    for place in sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    ):
        real = place.resolve()
        if real not in above:
            yield place
            yield from _walk_folders(place, above | {real})


_ENDINGS = ", ".join(PICTURES)


def _list_pictures(folder: Path) -> Iterator[Path]:
    """Pictures of a folder, sorted."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            yield path


def _find_picture(folder: Path, stem: str) -> Path | None:
    """The picture of that name, whatever its ending; None: there is none. Raises UsageError where
    there are two.
    """
    possible = [
        folder / f"{stem}{ending}" for lower in PICTURES for ending in (lower, lower.upper())
    ]
    found = [path for path in possible if path.is_file()]
    if len(found) > 1 and not all(path.samefile(found[0]) for path in found):
        raise UsageError(f"{found[0]} and {found[1]} have one name: rename or remove one")
    broken = [path for path in possible if path.is_symlink() and not path.exists()]
    if broken:
        raise UsageError(f"{broken[0]} is a link to a file that is not there")
    return found[0] if found else None
