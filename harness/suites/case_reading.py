"""A user's own case: checked before the run, known by its files, and read as a request and a
reference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from editproof.harness.metrics.core.metric import Area, Image, Reference
from editproof.harness.records.errors import UsageError
from editproof.harness.suites.case_areas import mark_areas
from editproof.harness.suites.case_facts import MAX_SCALE, Facts, find_protect_files, read_facts
from editproof.harness.suites.fitting import OwnQuestion
from editproof.harness.suites.own_cases import KEPT, OwnCase
from editproof.harness.suites.picture_files import (
    format_size,
    read_bytes,
    read_or_explain,
)
from editproof.harness.suites.trust import Trust, check_inside, check_settings
from editproof.pipelines.contract import EditRequest, Mask
from editproof.pipelines.files import decode_image, decode_mask, read_mask_range, read_size
from editproof.vectors.scene import Box


def hash_case(own: OwnCase) -> str:
    """SHA-256 of everything that makes the case: another picture is another case."""
    state = hashlib.sha256()
    facts = read_facts(own)
    files = {
        **own.parts,
        **{f"protect {name}": path for name, path in find_protect_files(own, facts).items()},
    }
    for part, path in sorted(files.items()):
        state.update(part.encode() + b"\0" + hashlib.sha256(read_bytes(path)).digest())
    state.update(msgspec.json.encode(facts))
    return state.hexdigest()


def hash_request(own: OwnCase) -> str:
    """SHA-256 of what is asked beside the pictures."""
    return hashlib.sha256(msgspec.json.encode(read_facts(own))).hexdigest()[:16]


def check_trusted(own: OwnCase, folder: Path, trust: Trust) -> None:
    """Raise UsageError where the case uses a file outside the folder of cases, or asks for settings
    that load other models, and the user does not allow it.
    """
    facts = read_facts(own)
    check_settings(facts.config, trust, where=own.facts[-1] if own.facts else own.name)
    files = [*own.parts.values(), *own.facts, *find_protect_files(own, facts).values()]
    check_inside(files, folder, trust)


def check_case(own: OwnCase, scale: int) -> int:
    """Output pixels per input pixel; raise UsageError, naming the file, unless the case's files are
    pictures that fit.

    Looks at headers, and whether the mask marks anything, so that thousands of cases are checked
    before the first is run. `scale` is the suite's.
    """
    facts = read_facts(own)
    sizes = {
        part: read_or_explain(path, lambda path: read_size(read_bytes(path)))
        for part, path in own.parts.items()
    }
    sizes.setdefault("input", sizes.get("expected", (0, 0)))
    mask = _find_mask(own)
    if mask:
        _check_mask_size(own, sizes[mask], sizes["input"])
    if mask:
        _check_marks(own.parts[mask], inverted=mask == KEPT)
    for path in find_protect_files(own, facts).values():
        size = read_or_explain(path, lambda path: read_size(read_bytes(path)))
        if size != sizes["input"]:
            raise UsageError(
                f"{path} is {format_size(size)}; the input is {format_size(sizes['input'])}"
            )
    return _derive_scale(own, facts, sizes, scale)


def find_question(own: OwnCase) -> OwnQuestion:
    """What a case that was checked asks, whatever the pipeline. Looks at headers only."""
    facts = read_facts(own)
    shapes = {
        part: read_size(read_bytes(own.parts[part]))
        for part in ("input", "expected")
        if part in own.parts
    }
    height, width = shapes.get("input") or shapes["expected"]
    fixed = ""
    if "expected" in shapes:
        fixed = f"its expected picture is at ×{max(shapes['expected'][0] // height, 1)}"
    elif facts.scale:
        fixed = f"its case.toml asks for ×{facts.scale}"
    has_mask = bool(_find_mask(own))
    return OwnQuestion(
        gives_mask=has_mask and facts.give_mask,
        knows_mask=has_mask,
        has_prompt=bool(facts.prompt),
        needs_scale=fixed,
        shape=(height, width),
    )


def read_case(
    own: OwnCase, scale: int, *, given_mask: bool = False
) -> tuple[EditRequest, Reference]:
    """What the pipeline is asked, and what is known about the right answer.

    `scale` is the case's. `given_mask`: the mask is handed over though the case says to give none.
    Without a mask nothing is known about regions but `all`; without
    `expected` only what needs no right answer can be measured. A case without an input, whose edits
    exist already, asks for the right answer. Raises UsageError naming the file.
    """
    facts = read_facts(own)
    start = own.parts.get("input", own.parts.get("expected", Path()))
    file = read_bytes(start)
    image, _ = read_or_explain(start, lambda _: decode_image(file))
    mask = _read_mask(own)
    expected = (
        read_or_explain(own.parts["expected"], lambda path: decode_image(read_bytes(path))[0])
        if "expected" in own.parts
        else None
    )
    sizes = {"input": image.shape[:2]} | (
        {} if expected is None else {"expected": expected.shape[:2]}
    )
    scale = _derive_scale(own, facts, sizes, scale)
    if mask is not None:
        _check_mask_size(own, mask.shape, image.shape[:2])
    request = EditRequest(
        image=image,
        mask=mask if facts.give_mask or given_mask else None,
        prompt=facts.prompt,
        scale=scale,
        config=facts.config,
        metadata=facts.metadata,
        file=file,
    )
    reference = Reference(
        areas=mark_areas(image.shape, mask, scale, _mark_protected(own, facts, image)),
        expected=None if expected is None else round_to_levels(expected),
        input=image if "input" in own.parts else None,
        boxes=tuple(Box(box.kind, box.label, *box.box) for box in facts.boxes),
        scale=scale,
    )
    return request, reference


def _find_mask(own: OwnCase) -> str:
    """The part that is the mask: `mask`, or KEPT; empty: there is none."""
    return next((part for part in ("mask", KEPT) if part in own.parts), "")


def _check_mask_size(own: OwnCase, size: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Raise UsageError where the mask has another size than the picture that it belongs to."""
    if size != wanted:
        lead = own.parts.get("input")
        whole = "input" if lead and lead != own.parts.get("expected") else "expected picture"
        raise UsageError(
            f"{own.parts[_find_mask(own)]} is {format_size(size)}; the {whole} is"
            f" {format_size(wanted)}. Give it a mask of the same size"
        )


def _read_mask(own: OwnCase) -> Mask | None:
    part = _find_mask(own)
    if not part:
        return None
    mask = read_or_explain(own.parts[part], lambda path: decode_mask(read_bytes(path)))
    return 1 - mask if part == KEPT else mask


def _check_marks(path: Path, *, inverted: bool) -> None:
    """Raise UsageError where the mask marks nothing."""
    low, high = read_or_explain(path, lambda path: read_mask_range(read_bytes(path)))
    if round(255 * (1 - low if inverted else high)) < 1:
        raise UsageError(
            f"{path} is all {'white' if inverted else 'black'}: the mask marks nothing to edit."
            f" {'Black' if inverted else 'White'} must mark it"
        )


def _derive_scale(
    own: OwnCase, facts: Facts, sizes: Mapping[str, tuple[int, ...]], scale: int
) -> int:
    """Output pixels per input pixel. Raises UsageError where `expected` has another size."""
    height, width = sizes["input"][:2]
    if "expected" not in sizes:
        return facts.scale or scale
    asked = facts.scale or max(sizes["expected"][0] // height, 1)
    if tuple(sizes["expected"][:2]) != (height * asked, width * asked) or asked > MAX_SCALE:
        raise UsageError(
            f"{own.parts['expected']} is {format_size(sizes['expected'])}; it must be the input's"
            f" {format_size((height, width))}"
            + (f" times {facts.scale}" if facts.scale else f", or that times 2 to {MAX_SCALE}")
        )
    return asked


def _mark_protected(own: OwnCase, facts: Facts, image: Image) -> Area:
    """Everything that must survive, at the input's size."""
    protect = np.zeros(image.shape[:2], bool)
    for name in facts.protect:
        protect |= _read_protected(own, facts, name, image)
    return protect


def _read_protected(own: OwnCase, facts: Facts, name: str, image: Image) -> Area:
    """Where something must survive, at the input's size."""
    area = facts.protect[name]
    if isinstance(area, str):
        path = find_protect_files(own, facts)[name]
        return np.asarray(read_or_explain(path, lambda path: decode_mask(read_bytes(path))) > 0)
    y0, x0, y1, x1 = area
    if not (0 <= y0 < y1 <= image.shape[0] and 0 <= x0 < x1 <= image.shape[1]):
        raise UsageError(
            f"{own.facts[-1]}: protect.{name} is {list(area)}; it must be y0, x0, y1, x1 inside"
            f" {format_size(image.shape)}"
        )
    box = np.zeros(image.shape[:2], bool)
    box[y0:y1, x0:x1] = True
    return box


def round_to_levels(image: Image) -> Image:
    """To 8 bits, as the pictures that are compared with it."""
    return np.asarray(np.round(image * 255) / 255, np.float32)
