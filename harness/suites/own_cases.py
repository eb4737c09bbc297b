"""A user's own cases: pictures in a folder, with what is known about the right answer.

Two layouts, whichever suits; NAME is the case's:

    CASES/NAME/input.png    CASES/NAME/mask.png    CASES/NAME/expected.png    CASES/NAME/case.toml
    CASES/input/NAME.png    CASES/mask/NAME.png    CASES/expected/NAME.png    CASES/case/NAME.toml

Only `input` must be there. `CASES/case.toml` says what holds for every case that does not say
otherwise.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from editproof.harness.metrics.core.metric import Area, Areas, Image, Reference
from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import DEEPEST, read_file
from editproof.harness.records.types import Param
from editproof.harness.suites.settings import convert, read_toml
from editproof.harness.suites.trust import Trust, check_settings
from editproof.pipelines.contract import EditRequest, Mask
from editproof.pipelines.files import UnreadablePictureError, decode_image, decode_mask, read_size
from editproof.vectors.regions import border, partition_image
from editproof.vectors.scene import Box

T = TypeVar("T")

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
PARTS = ("input", "mask", "expected")
FACTS = "case.toml"
MAX_SCALE = 8
MAX_INT = 2**63 - 1
MOST_PICTURE_BYTES = 1 << 29


class BoxFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of `[[boxes]]`: what is written or drawn where."""

    label: str
    box: tuple[int, int, int, int]
    """y0, x0, y1, x1 in pixels of the input, end-exclusive."""
    kind: str = "text"


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case.toml."""

    prompt: str = ""
    scale: int = 0
    """Output pixels per input pixel; 0: as `expected` is larger than `input`, or else the suite's.
    """
    give_mask: bool = True
    """Whether the pipeline is given the mask, or must find out itself what to replace."""
    config: dict[str, Param] = {}
    """Settings for the pipeline, by dotted name."""
    metadata: dict[str, Param] = {}
    protect: dict[str, tuple[int, int, int, int] | str] = {}
    """What must survive, by name: a box (y0, x0, y1, x1 in pixels of the input), or a mask's file
    beside this one.
    """
    boxes: tuple[BoxFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnCase:
    """The files of one case."""

    name: str
    parts: Mapping[str, Path]
    """`input`, and `mask` and `expected` where they are there."""
    facts: tuple[Path, ...]
    """Its case.toml files, the most general first."""


def find_cases(folder: Path) -> tuple[OwnCase, ...]:
    """Every case of the folder, by name. Raises UsageError where there is none, or where files do
    not fit together.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder of cases {folder}")
    found = tuple(
        _find_side_by_side(folder) if (folder / "input").is_dir() else _find_case_folders(folder)
    )
    if not found:
        raise UsageError(
            f"{folder} holds no cases: put a picture NAME/input.png (or .jpg, .tif, .webp) into it,"
            " and beside that mask.png and expected.png where you have them"
        )
    for own in found:
        if not own.name.isprintable():
            raise UsageError(
                f"the case {own.name!r} in {folder} has a name that no table can show: rename it"
            )
    return found


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


def hash_case(own: OwnCase) -> str:
    """SHA-256 of everything that makes the case: another picture is another case."""
    state = hashlib.sha256()
    facts = _read_facts(own)
    files = {
        **own.parts,
        **{f"protect {name}": path for name, path in _find_protect_files(own, facts).items()},
    }
    for part, path in sorted(files.items()):
        state.update(part.encode() + b"\0" + hashlib.sha256(_read_bytes(path)).digest())
    state.update(msgspec.json.encode(facts))
    return state.hexdigest()


def hash_request(own: OwnCase) -> str:
    """SHA-256 of what is asked beside the pictures."""
    return hashlib.sha256(msgspec.json.encode(_read_facts(own))).hexdigest()[:16]


def check_trusted(own: OwnCase, folder: Path, trust: Trust) -> None:
    """Raise UsageError where the case uses a file outside the folder of cases, or asks for settings
    that load other models, and the user does not allow it.
    """
    facts = _read_facts(own)
    check_settings(facts.config, trust, where=own.facts[-1] if own.facts else own.name)
    if trust.everything or trust.cases:
        return
    inside = folder.resolve()
    files = [*own.parts.values(), *own.facts, *_find_protect_files(own, facts).values()]
    for path in files:
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(inside):
            raise UsageError(
                f"{path} leads out of the folder of cases {inside}, to {real}. Copy the file into"
                " it, or allow it with --trust, or with trust_cases = true in your editproof.toml"
            )


def check_case(own: OwnCase, scale: int) -> int:
    """Output pixels per input pixel; raise UsageError, naming the file, unless the case's files are
    pictures that fit.

    Looks at headers only, so that thousands of cases are checked before the first is run. `scale`
    is the suite's.
    """
    facts = _read_facts(own)
    sizes = {
        part: _read_or_explain(path, lambda path: read_size(_read_bytes(path)))
        for part, path in own.parts.items()
    }
    if "mask" in sizes and sizes["mask"] != sizes["input"]:
        raise UsageError(
            f"{own.parts['mask']} is {_format_size(sizes['mask'])}; the input is"
            f" {_format_size(sizes['input'])}"
        )
    for path in _find_protect_files(own, facts).values():
        size = _read_or_explain(path, lambda path: read_size(_read_bytes(path)))
        if size != sizes["input"]:
            raise UsageError(
                f"{path} is {_format_size(size)}; the input is {_format_size(sizes['input'])}"
            )
    return _derive_scale(own, facts, sizes, scale)


def read_case(own: OwnCase, scale: int) -> tuple[EditRequest, Reference]:
    """What the pipeline is asked, and what is known about the right answer.

    `scale` is the suite's. Without a mask nothing is known about regions but `all`; without
    `expected` only what needs no right answer can be measured. Raises UsageError naming the file.
    """
    facts = _read_facts(own)
    file = _read_bytes(own.parts["input"])
    image, _ = _read_or_explain(own.parts["input"], lambda _: decode_image(file))
    mask = (
        _read_or_explain(own.parts["mask"], lambda path: decode_mask(_read_bytes(path)))
        if "mask" in own.parts
        else None
    )
    expected = (
        _read_or_explain(own.parts["expected"], lambda path: decode_image(_read_bytes(path))[0])
        if "expected" in own.parts
        else None
    )
    sizes = {"input": image.shape[:2]} | (
        {} if expected is None else {"expected": expected.shape[:2]}
    )
    scale = _derive_scale(own, facts, sizes, scale)
    if mask is not None and mask.shape != image.shape[:2]:
        raise UsageError(
            f"{own.parts['mask']} is {_format_size(mask.shape)}; the input is"
            f" {_format_size(image.shape)}"
        )
    request = EditRequest(
        image=image,
        mask=mask if facts.give_mask else None,
        prompt=facts.prompt,
        scale=scale,
        config=facts.config,
        metadata=facts.metadata,
        file=file,
    )
    reference = Reference(
        areas=_mark_areas(own, facts, image, mask, scale),
        expected=None if expected is None else _round_to_levels(expected),
        input=image,
        boxes=tuple(Box(box.kind, box.label, *box.box) for box in facts.boxes),
        scale=scale,
    )
    return request, reference


def _find_side_by_side(folder: Path) -> Iterator[OwnCase]:
    """`input/NAME.png`, `mask/NAME.png`, `expected/NAME.png`."""
    inputs = _index_by_stem(folder / "input")
    for part in PARTS[1:]:
        for stem, path in _index_by_stem(folder / part).items():
            if stem not in inputs:
                raise UsageError(
                    f"{path} belongs to no input: there is no {folder / 'input' / stem} with any of"
                    f" {_ENDINGS}"
                )
    for stem in inputs:
        yield find_case(folder, stem)


def _find_case_folders(folder: Path) -> Iterator[OwnCase]:
    """`NAME/input.png`, `NAME/mask.png`, `NAME/expected.png`; names may have slashes."""
    for place in _walk_folders(folder, frozenset({folder.resolve()})):
        stems = {path.stem for path in place.iterdir() if path.suffix.lower() in PICTURES}
        if "input" in stems:
            yield find_case(folder, place.relative_to(folder).as_posix())
        elif stems & {"mask", "expected"}:
            raise UsageError(
                f"{place} holds a mask or an expected picture, but no input with any of {_ENDINGS}"
            )


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


def _index_by_stem(folder: Path) -> dict[str, Path]:
    """Pictures of a folder by name without ending, sorted. Raises UsageError where two share a
    name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            if path.stem in found:
                raise UsageError(
                    f"{found[path.stem]} and {path} have one name: rename or remove one"
                )
            found[path.stem] = path
    return found


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


def _read_facts(own: OwnCase) -> Facts:
    """The case's own words, over those of the whole folder."""
    table: dict[str, Any] = {}
    for path in own.facts:
        table |= read_toml(path)
    facts = convert(table, Facts, own.facts[-1] if own.facts else own.name)
    for name, value in (*facts.config.items(), *facts.metadata.items()):
        if isinstance(value, int) and abs(value) > MAX_INT:
            raise UsageError(f"{own.facts[-1]}: {name} is a number of more than 64 bits")
    if not 0 <= facts.scale <= MAX_SCALE:
        raise UsageError(f"{own.facts[-1]}: scale must be 1 to {MAX_SCALE}; it is {facts.scale}")
    return facts


def _find_protect_files(own: OwnCase, facts: Facts) -> dict[str, Path]:
    """Masks of what must survive, by name; they lie beside the case's toml."""
    named = {name: area for name, area in facts.protect.items() if isinstance(area, str)}
    for name, area in named.items():
        if not area or "\0" in area:
            raise UsageError(f"{own.facts[-1]}: protect.{name} is {area!r}, which names no file")
    return {name: own.facts[-1].parent / area for name, area in named.items()}


def _derive_scale(
    own: OwnCase, facts: Facts, sizes: Mapping[str, tuple[int, ...]], scale: int
) -> int:
    """Output pixels per input pixel. Raises UsageError where `expected` is of no such size."""
    height, width = sizes["input"][:2]
    if "expected" not in sizes:
        return facts.scale or scale
    asked = facts.scale or max(sizes["expected"][0] // height, 1)
    if tuple(sizes["expected"][:2]) != (height * asked, width * asked) or asked > MAX_SCALE:
        raise UsageError(
            f"{own.parts['expected']} is {_format_size(sizes['expected'])}; it must be the input's"
            f" {_format_size((height, width))}"
            + (f" times {facts.scale}" if facts.scale else f", or that times 2 to {MAX_SCALE}")
        )
    return asked


def _mark_areas(own: OwnCase, facts: Facts, image: Image, mask: Mask | None, scale: int) -> Areas:
    """The regions; `edit`, `ring` and `keep` are empty where no mask tells them, `seams` always,
    `border` never.
    """
    nowhere = np.zeros((image.shape[0] * scale, image.shape[1] * scale), bool)
    edit = ring = keep = nowhere
    if mask is not None:
        levels = np.rint(mask * 255).astype(np.uint8)
        found = partition_image(levels.repeat(scale, axis=0).repeat(scale, axis=1), scale)
        edit, ring, keep = (part > 0 for part in (found.edit, found.ring, found.keep))
    protect = nowhere.copy()
    for name in facts.protect:
        protect |= (
            _read_protected(own, facts, name, image).repeat(scale, axis=0).repeat(scale, axis=1)
        )
    return {
        "all": ~nowhere,
        "edit": edit,
        "ring": ring,
        "keep": keep,
        "protect": protect & ~edit,
        "seams": nowhere,
        "border": border(image.shape[0] * scale, image.shape[1] * scale, scale),
    }


def _read_protected(own: OwnCase, facts: Facts, name: str, image: Image) -> Area:
    """Where something must survive, at the input's size."""
    area = facts.protect[name]
    if isinstance(area, str):
        path = _find_protect_files(own, facts)[name]
        return np.asarray(_read_or_explain(path, lambda path: decode_mask(_read_bytes(path))) > 0)
    y0, x0, y1, x1 = area
    if not (0 <= y0 < y1 <= image.shape[0] and 0 <= x0 < x1 <= image.shape[1]):
        raise UsageError(
            f"{own.facts[-1]}: protect.{name} is {list(area)}; it must be y0, x0, y1, x1 inside"
            f" {_format_size(image.shape)}"
        )
    box = np.zeros(image.shape[:2], bool)
    box[y0:y1, x0:x1] = True
    return box


def _round_to_levels(image: Image) -> Image:
    """To 8 bits, as the pictures that are compared with it."""
    return np.asarray(np.round(image * 255) / 255, np.float32)


def _read_or_explain(path: Path, read: Callable[[Path], T]) -> T:
    """What `read` gives; UsageError naming the file where it is no picture."""
    try:
        return read(path)
    except UnreadablePictureError as error:
        raise UsageError(f"{path}: {error}") from error


def _read_bytes(path: Path) -> bytes:
    try:
        return read_file(path, MOST_PICTURE_BYTES)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error


def _format_size(shape: Iterable[int]) -> str:
    height, width, *_ = shape
    return f"{width}×{height}"
