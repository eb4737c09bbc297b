"""Fill the hole by a model, on the smallest crop that shows enough of the surroundings, or on
tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from editproof.pipelines.config import InpaintConfig, ReferenceConfig
from editproof.pipelines.contract import Image, Mask, StageTrace
from editproof.pipelines.edit import Edit, Step
from editproof.pipelines.models import FillModel, get_model
from editproof.pipelines.models.fill import BatchFillModel, Crop, Hole
from editproof.pipelines.stages.tiling import join_tiles, tile_starts

Window = tuple[int, int, int, int]
"""y0, x0, y1, x1 in pixels, end-exclusive."""

LEAST_KNOWN = 0.25
"""A tile of which less than this share is known is shown more of the picture."""

STRUCTURE_SIGMA_PX = 4.0
"""Gaussian σ that parts structure (what is left of the picture by it) from texture (what it takes
away).
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A crop to fill, whole or tile by tile."""

    crop: Window
    tiles: tuple[tuple[Window, ...], ...] = ()
    """Rows of tiles that cover what is filled; none: the crop is one piece."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A hole to fill, and how."""

    image: Image
    hole: Hole
    soft: Mask
    """The mask with its soft edge."""
    config: ReferenceConfig
    seed: int = 0
    prompt: str = ""
    model: str = ""
    """Its name. Empty: `inpaint.model`."""
    context_px: int = 0
    """What the model sees around each part of the hole. 0: `inpaint.context_px`."""


@dataclass(frozen=True, slots=True, eq=False)
class FillResult:
    """A filled hole."""

    image: Image
    decision: str
    """What was done, in words."""
    steps: dict[int, Image] = field(default_factory=dict)
    """The picture after each denoising step that is kept, by the step's number."""


def inpaint(edit: Edit) -> Step:
    """Fill every pixel whose mask is above 0 with the model `inpaint.model`. All other pixels stay
    bit-equal.
    """
    if not edit.needs_inpainting:
        return Step(edit, edit.fill, "nothing to fill, says the pre-check")
    filled = edit.filled
    hole = edit.mask > 0 if filled is None else (edit.mask > 0) & ~filled
    start = edit.image if filled is None else edit.fill
    result = fill_hole(
        Job(start, hole, edit.mask, edit.config, edit.request.seed, edit.request.prompt)
    )
    within = tuple(
        StageTrace(f"step {step}", 0.0, "kept", picture)
        for step, picture in sorted(result.steps.items())
    )
    return Step(replace(edit, fill=result.image), result.image, result.decision, within)


def fill_hole(job: Job) -> FillResult:
    """The image with its hole filled.

    The result depends on the seed and on where each piece lies, not on how pieces are batched:
    BatchFillModel says how exactly. Raises ValueError where the whole picture is hole,
    ContractError where there is no such model.
    """
    if job.hole.all():
        raise ValueError("the whole picture is masked: there is nothing to fill it from")
    config = job.config.inpaint
    name = job.model or config.model
    crops = context_crops(job.hole, context_px=job.context_px or config.context_px)
    plans = [plan_crop(crop, job.hole, config) for crop in crops]
    steps: dict[int, Image] = {}
    model = get_model(name, config)
    fill = _fill_pieces(job, plans, model, steps)
    notes = [_describe_fill(name, job.hole, plans), *filter(None, [model.note])]
    if config.two_tier or config.refine_texture:
        textured = _fill_pieces(job, plans, get_model("patch", config), {})
        for crop in crops:
            _add_texture(fill[crop], textured[crop], job.hole[crop], config)
        notes += [name for name in ("two_tier", "refine_texture") if getattr(config, name)]
    return FillResult(fill, ", ".join(notes), steps)


def list_models(config: ReferenceConfig) -> list[FillModel]:
    """Every model that the settings may call."""
    names = [config.inpaint.model]
    if config.text.mode != "off":
        names += [config.text.flat_model, config.text.complex_model]
    if config.inpaint.two_tier or config.inpaint.refine_texture:
        names.append("patch")
    return [get_model(name, config.inpaint) for name in dict.fromkeys(names) if name]


def context_crops(hole: Hole, *, context_px: int) -> list[tuple[slice, slice]]:
    """The hole's parts, each with `context_px` around it; parts whose context touches share a
    crop.
    """
    if context_px >= max(hole.shape) and hole.any():
        return [(slice(0, hole.shape[0]), slice(0, hole.shape[1]))]
    reach = cv2.dilate(
        hole.astype(np.uint8), np.ones((2 * context_px + 1, 2 * context_px + 1), np.uint8)
    )
    count, _, boxes, _ = cv2.connectedComponentsWithStats(reach, connectivity=8)
    return [(slice(y, y + h), slice(x, x + w)) for x, y, w, h, _ in boxes[1:count].tolist()]


def plan_crop(crop: tuple[slice, slice], hole: Hole, config: InpaintConfig) -> Plan:
    """A crop as one piece where it is no larger than a tile, else its tiles; the grid of tiles is
    the picture's.
    """
    rows, columns = crop
    window = (rows.start, columns.start, rows.stop, columns.stop)
    if max(rows.stop - rows.start, columns.stop - columns.start) <= config.tile_px:
        return Plan(window)
    height, width = hole.shape
    size, overlap = config.tile_px, config.tile_overlap_px
    ys = [
        y for y in tile_starts(height, size_px=size, overlap_px=overlap) if _overlaps(y, size, rows)
    ]
    xs = [
        x
        for x in tile_starts(width, size_px=size, overlap_px=overlap)
        if _overlaps(x, size, columns)
    ]
    tiles = tuple(
        tuple((y, x, min(y + size, height), min(x + size, width)) for x in xs) for y in ys
    )
    return Plan(window, tiles)


def widen_tile(tile: Window, hole: Hole) -> Window:
    """The tile, made larger on every side until LEAST_KNOWN of it is known, or the whole picture is
    in it.
    """
    y0, x0, y1, x1 = tile
    step = max(1, (y1 - y0) // 4, (x1 - x0) // 4)
    while hole[y0:y1, x0:x1].mean() > 1 - LEAST_KNOWN and (y1 - y0, x1 - x0) != hole.shape:
        y0, x0 = max(y0 - step, 0), max(x0 - step, 0)
        y1, x1 = min(y1 + step, hole.shape[0]), min(x1 + step, hole.shape[1])
    return y0, x0, y1, x1


def derive_seed(seed: int, window: Window) -> int:
    """A seed for one place of the picture, from the edit's: 0 to 2³¹ - 1."""
    return int(np.random.SeedSequence((seed < 0, abs(seed), *window)).generate_state(1)[0] >> 1)


def _fill_pieces(
    job: Job, plans: Sequence[Plan], model: FillModel, steps: dict[int, Image]
) -> Image:
    """The image with its hole filled piece by piece; denoising steps that are kept are put into
    `steps`.
    """
    pieces = {
        window: widen_tile(window, job.hole)
        for plan in plans
        for window in _pieces(plan)
        if job.hole[_slices(window)].any()
    }
    results: dict[Window, Image] = {}
    for batch in group_windows(
        sorted(set(pieces.values())), payload_px=job.config.inpaint.payload_px
    ):
        results.update(zip(batch, _fill_batch(job, batch, model, steps), strict=True))
    fill = job.image.copy()
    for plan in plans:
        joined = _join_pieces(plan, job, pieces, results)
        inside = job.hole[_slices(plan.crop)]
        fill[_slices(plan.crop)][inside] = joined[inside]
    return fill


def group_windows(windows: Sequence[Window], *, payload_px: int) -> Iterator[list[Window]]:
    """Windows of one size together, up to `payload_px` at once, and at least one."""
    batch: list[Window] = []
    for window in sorted(windows, key=lambda window: (_size(window), window)):
        height, width = _size(window)
        if batch and (
            _size(batch[0]) != (height, width) or (len(batch) + 1) * height * width > payload_px
        ):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _fill_batch(
    job: Job, batch: Sequence[Window], model: FillModel, steps: dict[int, Image]
) -> list[Image]:
    crops = [_cut_crop(job, window) for window in batch]
    if isinstance(model, BatchFillModel) and not job.config.inpaint.keep_steps:
        return model.fill_many(crops, prompt=job.prompt)
    return [
        model(*crop, prompt=job.prompt, steps_callback=_make_step_callback(job, window, steps))
        for window, crop in zip(batch, crops, strict=True)
    ]


def _cut_crop(job: Job, window: Window) -> Crop:
    at = _slices(window)
    image, soft = (np.ascontiguousarray(plane[at]) for plane in (job.image, job.soft))
    return Crop(image, np.ascontiguousarray(job.hole[at]), soft, derive_seed(job.seed, window))


def _make_step_callback(
    job: Job, window: Window, steps: dict[int, Image]
) -> Callable[[int, Image], None]:
    def keep(step: int, picture: Image) -> None:
        whole = steps.setdefault(step, job.image.copy())
        whole[_slices(window)] = picture

    return keep


def _join_pieces(
    plan: Plan, job: Job, pieces: dict[Window, Window], results: dict[Window, Image]
) -> Image:
    """The crop, filled; outside the hole it may be anything."""

    def filled(tile: Window) -> Image:
        if tile not in pieces:
            return job.image[_slices(tile)]
        return results[pieces[tile]][_slices_within(pieces[tile], tile)]

    if not plan.tiles:
        return filled(plan.crop)
    top, left = plan.tiles[0][0][:2]
    bottom, right = plan.tiles[-1][-1][2:]
    join = job.config.tile.join
    rows = [
        (
            row[0][0] - top,
            join_tiles(
                ((tile[1] - left, filled(tile)) for tile in row), right - left, axis=1, join=join
            ),
        )
        for row in plan.tiles
    ]
    whole = join_tiles(rows, bottom - top, axis=0, join=join)
    return np.clip(whole[_slices_within((top, left, bottom, right), plan.crop)], 0, 1)


def _add_texture(fill: Image, textured: Image, hole: Hole, config: InpaintConfig) -> None:
    """Give a crop's fill, in place, the texture of another fill of the same hole."""
    if config.two_tier:
        fill[hole] = np.clip(_structure(fill) + textured - _structure(textured), 0, 1)[hole]
    if config.refine_texture:
        texture = textured - _structure(textured)
        fill[hole] = np.clip(fill + _missing_share(fill, texture, hole) * texture, 0, 1)[hole]


def _missing_share(fill: Image, texture: Image, hole: Hole) -> float:
    """How much of a texture, 0 to 1, brings a fill's high frequencies to the energy of those around
    the hole.
    """
    have = np.square(fill - _structure(fill))
    around, inside = float(have[~hole].mean()), float(have[hole].mean())
    energy = float(np.square(texture[hole]).mean())
    return float(np.sqrt(np.clip((around - inside) / energy, 0, 1))) if energy > 0 else 0.0


def _structure(image: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), STRUCTURE_SIGMA_PX), np.float32)


def _describe_fill(name: str, hole: Hole, plans: Sequence[Plan]) -> str:
    tiles = sum(len(row) for plan in plans for row in plan.tiles)
    in_tiles = f", {tiles} tiles" if tiles else ""
    return f"{name}: {int(hole.sum())} px in {len(plans)} crop{'s' * (len(plans) != 1)}{in_tiles}"


def _pieces(plan: Plan) -> list[Window]:
    return [tile for row in plan.tiles for tile in row] or [plan.crop]


def _overlaps(start: int, size: int, span: slice) -> bool:
    return bool(start < span.stop and start + size > span.start)


def _slices(window: Window) -> tuple[slice, slice]:
    y0, x0, y1, x1 = window
    return slice(y0, y1), slice(x0, x1)


def _slices_within(outer: Window, inner: Window) -> tuple[slice, slice]:
    """Where a window lies in a larger one."""
    top, left = outer[:2]
    y0, x0, y1, x1 = inner
    return slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)


def _size(window: Window) -> tuple[int, int]:
    y0, x0, y1, x1 = window
    return y1 - y0, x1 - x0
