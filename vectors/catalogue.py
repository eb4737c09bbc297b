"""Show the catalogue to people and to other programs: contact sheets, and PNG and JSON files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from editproof.vectors.drawing.layers import FONTS
from editproof.vectors.drawing.region_picture import paint_regions
from editproof.vectors.scene import Image, Mask, Scene, Vector

SEED = 7
TILE_PX = 168
GAP_PX = 10
LABEL_PX = 26
HEAD_PX = 22
PASSEPARTOUT = (226, 226, 230)
ROWS = ("input", "given mask", "expected", "regions")


def contact_sheet(vector: Vector, *, size: int = 256) -> Pil.Image:
    """Draw a family's whole ladder, the easiest step left.

    The rows are the input, the given mask, the right answer and the regions.
    """
    scenes = [vector.render(SEED, size, step=step) for step in range(1, len(vector.ladder) + 1)]
    width = LABEL_PX * 4 + len(scenes) * (TILE_PX + GAP_PX)
    sheet = Pil.new("RGB", (width, HEAD_PX + len(ROWS) * (TILE_PX + GAP_PX)), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(
        str(FONTS / "Roboto-Regular.ttf"), 14, layout_engine=ImageFont.Layout.BASIC
    )
    for row, name in enumerate(ROWS):
        pen.text(
            (4, HEAD_PX + row * (TILE_PX + GAP_PX) + TILE_PX // 2), name, "black", font, anchor="lm"
        )
    for column, scene in enumerate(scenes):
        x = LABEL_PX * 4 + column * (TILE_PX + GAP_PX)
        pen.text((x, HEAD_PX // 2), _heading(vector, column + 1), "black", font, anchor="lm")
        for row, picture in enumerate(_tiles(scene)):
            sheet.paste(picture, (x, HEAD_PX + row * (TILE_PX + GAP_PX)))
    return sheet


def export_scenes(
    vectors: Iterable[Vector], folder: Path, *, size: int = 256, scale: int = 2
) -> int:
    """Write every step as plain files for other harnesses, one folder each; return their number.

    Each folder has `input.png`, `expected.png`, `overlay.png`, `edit.png`, `ring.png`, `keep.png`,
    `protect-NAME.png` and `seams.png`, and `mask.png` where a mask is given. `scene.json` has the
    prompt, the seed, the parameters and what was drawn where. `as-sent.*` is the input's own file,
    where its encoding is what makes the scene hard.
    """
    count = 0
    for vector in vectors:
        for step in range(1, len(vector.ladder) + 1):
            scene = vector.render(SEED, size, step=step, scale=scale)
            _export_scene(vector, step, scene, folder / vector.family / str(step))
            count += 1
    return count


def _export_scene(vector: Vector, step: int, scene: Scene, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    planes = {
        "overlay": scene.overlay,
        "edit": scene.edit,
        "ring": scene.ring,
        "keep": scene.keep,
        "seams": scene.seams,
    }
    planes |= {f"protect-{name}": mask for name, mask in scene.protect.items()}
    if scene.mask is not None:
        planes["mask"] = scene.mask
    for name, picture in {"input": scene.input, "expected": scene.clean, **planes}.items():
        _picture(picture).save(folder / f"{name}.png")
    if scene.file:
        with Pil.open(io.BytesIO(scene.file)) as stored:
            (folder / f"as-sent.{str(stored.format).lower()}").write_bytes(scene.file)
    facts = {
        "family": vector.family,
        "version": vector.version,
        "step": step,
        "seed": SEED,
        "scale": scene.scale,
        "prompt": scene.prompt,
        "parameters": dict(vector.ladder[step - 1]),
        "config": dict(scene.config),
        "metadata": dict(scene.metadata),
        "truth": [
            {
                "kind": box.kind,
                "label": box.label,
                "y0": box.y0,
                "x0": box.x0,
                "y1": box.y1,
                "x1": box.x1,
            }
            for box in scene.truth
        ],
    }
    (folder / "scene.json").write_text(
        json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8"
    )


def _heading(vector: Vector, step: int) -> str:
    """Name the step, and its kind in a family whose steps are kinds of input."""
    kind = (
        ""
        if vector.graded
        else f": {next(iter(vector.ladder[step - 1].values()))}".replace("_", " ")
    )
    return f"step {step}{kind}"


def _tiles(scene: Scene) -> list[Pil.Image]:
    mask = Pil.new("L", (TILE_PX, TILE_PX), 128) if scene.mask is None else _tile(scene.mask)
    if scene.mask is None:
        font = ImageFont.truetype(
            str(FONTS / "Roboto-Regular.ttf"), 14, layout_engine=ImageFont.Layout.BASIC
        )
        ImageDraw.Draw(mask).text(
            (TILE_PX // 2, TILE_PX // 2), "to be detected", 255, font, anchor="mm"
        )
    return [_tile(scene.input), mask, _tile(scene.clean), _tile(_regions(scene))]


def _regions(scene: Scene) -> Image:
    protect = np.zeros_like(scene.edit)
    for mask in scene.protect.values():
        np.maximum(protect, mask, out=protect)
    planes = {"ring": scene.ring, "edit": scene.edit, "seams": scene.seams, "protect": protect}
    return paint_regions(scene.clean, {region: plane > 0 for region, plane in planes.items()})


def _tile(picture: Image | Mask) -> Pil.Image:
    """Fit the picture into the middle of a tile."""
    whole = _picture(picture)
    share = TILE_PX / max(whole.size)
    width, height = (max(round(edge * share), 1) for edge in whole.size)
    smooth = Pil.Resampling.LANCZOS if share < 4 else Pil.Resampling.NEAREST
    tile = Pil.new("RGB", (TILE_PX, TILE_PX), PASSEPARTOUT)
    tile.paste(
        whole.resize((width, height), smooth), ((TILE_PX - width) // 2, (TILE_PX - height) // 2)
    )
    return tile


def _picture(picture: Image | Mask) -> Pil.Image:
    return Pil.fromarray(np.round(picture * 255).astype(np.uint8))
