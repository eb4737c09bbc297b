"""`service:URL`: our own server as a pipeline, to the bit what its library gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from editproof.harness.serving.settings import Limits, ServiceSettings
from editproof.pipelines import reference
from editproof.pipelines.adapters.errors import ServiceError
from editproof.pipelines.adapters.service import OwnService
from editproof.pipelines.contract import ContractError, EditRequest, Image, Param, Status
from editproof.pipelines.loader import load, parse
from editproof.pipelines.swap import find_differing_stages, swap_stages
from editproof.vectors.families import thin_text
from tests.harness.serving.conftest import IMAGE, IMAGE_PNG, MASK, serve_in_thread


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that takes small pictures only."""
    limits = Limits(max_pixels=160 * 160)
    folder = tmp_path_factory.mktemp("small")
    with serve_in_thread(ServiceSettings(folder, port=0, limits=limits)) as url:
        yield url


def at(url: str, **table: Any) -> OwnService:
    pipeline = load(f"service:{json.dumps({'url': url, **table})}")
    assert isinstance(pipeline, OwnService)
    return pipeline


@pytest.mark.parametrize(
    "changes",
    [
        {"file": IMAGE_PNG},
        {"seed": 4, "scale": 2, "config": {"harmonise.grain": True}},
        {"strokes_subtract": MASK * 0.5, "protect": {"print": MASK}},
    ],
    ids=["file", "seeded", "strokes"],
)
def test_an_edit_is_the_librarys_to_the_bit(running: str, changes: dict[str, Any]) -> None:
    """Picture, status, settings and the decision of every stage."""
    pipeline = at(running, settings={"inpaint.model": "patch"})
    request = EditRequest(IMAGE, mask=MASK, **changes)
    direct = reference.build(**{"inpaint.model": "patch"})(request)
    result = pipeline(request)
    pipeline.close()
    assert direct.image is not None
    np.testing.assert_array_equal(result.image, direct.image)
    assert (result.status, result.reason) == (direct.status, direct.reason)
    assert dict(result.config) == dict(direct.config)
    assert [(one.name, one.decision) for one in result.stages[:-1]] == [
        (one.name, one.decision) for one in direct.stages
    ]
    assert result.stages[-1].name == "service"


def test_it_says_what_it_is(running: str) -> None:
    """Deterministic where its model is, and known by the server's fingerprint."""
    plain, patch = at(running), at(running, settings={"harmonise.grain": True})
    assert (plain.stochastic, patch.stochastic) == (False, True)
    assert plain.fingerprint != patch.fingerprint
    assert plain.capabilities.remote
    assert not plain.capabilities.needs_mask
    assert parse(f"service:{running}").reaches == f"send pictures to {running}/"
    for pipeline in (plain, patch):
        pipeline.close()


def test_a_refused_edit_is_an_outcome(running: str) -> None:
    pipeline = at(running)
    result = pipeline(EditRequest(IMAGE, mask=np.ones_like(MASK)))
    pipeline.close()
    assert result.status is Status.REFUSED
    assert "covers too much" in result.reason


def test_a_setting_that_opens_a_file_is_an_error(running: str) -> None:
    with pytest.raises(ServiceError, match="shipped models only"):
        at(running, settings={"inpaint.model": "spandrel:/etc/passwd"})


def draw_large() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A drawn scene that the small server does not take whole."""
    scene = thin_text.VECTOR.render(1, 320, step=1)
    return scene.input, scene.overlay


def compare_structure(image: Image, other: Image) -> np.ndarray[Any, Any]:
    """SSIM of every place, H×W×3."""
    from skimage.metrics import structural_similarity

    _, similarity = structural_similarity(image, other, channel_axis=2, data_range=1, full=True)
    return np.asarray(similarity)


def test_a_picture_past_the_limit_is_edited_in_tiles(small: str) -> None:
    """Outside of the mask it is the input to the bit; at the tiles' borders no seam can be seen."""
    image, mask = draw_large()
    request = EditRequest(image, mask=mask)
    whole = reference.build()(request)
    pipeline = at(small, overlap_px=32)
    tiled = pipeline(request)
    pipeline.close()
    assert whole.image is not None
    assert tiled.image is not None
    assert "tiles of up to 160 px, overlap 32 px" in tiled.stages[-1].decision
    similarity = compare_structure(whole.image, tiled.image)
    borders = np.zeros(mask.shape, bool)
    for start in (128, 256):
        borders[start : start + 32] = borders[:, start : start + 32] = True
    assert similarity[borders].mean() > 0.99
    near = cv2.dilate((mask > 0).astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    np.testing.assert_array_equal(tiled.image[~near], image[~near])


def test_tiles_need_room_for_their_overlap(small: str) -> None:
    image, mask = draw_large()
    pipeline = at(small, overlap_px=100)
    with pytest.raises(ContractError, match="overlap_px"):
        pipeline(EditRequest(image, mask=mask))
    pipeline.close()


def test_a_mask_of_the_whole_is_refused_before_it_is_cut(small: str) -> None:
    """A tile can't know how much of the picture is masked."""
    image, mask = draw_large()
    pipeline = at(small, overlap_px=32)
    refused = pipeline(EditRequest(image, mask=np.ones_like(mask)))
    pipeline.close()
    assert refused.status is Status.REFUSED
    assert refused.reason.startswith("coverage 1.000 > 0.12")


@pytest.mark.parametrize(
    "settings", [{}, {"order.upscale_first": True}], ids=["usual", "upscale_first"]
)
def test_its_stages_are_the_librarys(running: str, settings: dict[str, Param]) -> None:
    """None differs from that of the same pipeline here, and `blame` may swap any of them."""
    pipeline, local = at(running), reference.build()
    request = EditRequest(IMAGE, mask=MASK, scale=2, file=IMAGE_PNG, config=settings)
    assert find_differing_stages(local, pipeline, request) == ()
    swapped = swap_stages(local, pipeline, request, {"inpaint", "upscale"})
    pipeline.close()
    np.testing.assert_array_equal(swapped.image, local(request).image)


def test_the_stage_that_differs_is_found(running: str) -> None:
    pipeline = at(running, settings={"blend.mode": "hard"})
    request = EditRequest(IMAGE, mask=MASK)
    differing = find_differing_stages(reference.build(), pipeline, request)
    refused = EditRequest(IMAGE, mask=np.ones_like(MASK))
    swapped = swap_stages(reference.build(), pipeline, refused, {"check_mask"})
    pipeline.close()
    assert "blend" in differing
    assert not {"precheck", "detect", "refine_mask", "inpaint"} & set(differing)
    assert swapped.status is Status.REFUSED
