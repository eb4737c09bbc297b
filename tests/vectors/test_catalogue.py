"""Contact sheets and the export show what the vectors draw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from editproof.vectors import VECTORS, get_vector
from editproof.vectors.catalogue import SEED, contact_sheet, export_scenes


def test_a_sheet_has_a_column_for_every_rung() -> None:
    """Longer ladders make wider sheets; nothing is cut off."""
    one = contact_sheet(get_vector("logo"), size=64)
    assert len({contact_sheet(vector, size=64).height for vector in VECTORS[:3]}) == 1
    assert one.width > 5 * 160


def test_an_export_is_the_scene_in_plain_files(tmp_path: Path) -> None:
    """PNG and JSON say what the scene says, to 8 bits."""
    vector = get_vector("microprint")
    assert export_scenes([vector], tmp_path, size=64, scale=2) == len(vector.ladder)
    scene = vector.render(SEED, 64, step=2, scale=2)
    folder = tmp_path / "microprint" / "2"
    names = {path.stem for path in folder.glob("*.png")}
    assert {
        "input",
        "expected",
        "mask",
        "overlay",
        "edit",
        "ring",
        "keep",
        "seams",
        "protect-microprint",
    } == names
    assert np.array_equal(
        np.asarray(Pil.open(folder / "expected.png")), np.rint(scene.clean * 255).astype(np.uint8)
    )
    facts = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    assert facts["prompt"] == scene.prompt
    assert facts["parameters"] == dict(vector.ladder[1])
    assert len(facts["truth"]) == len(scene.truth)
