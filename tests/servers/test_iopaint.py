"""The real IOPaint, as it is on PyPI, with its `cv2` model. `nox -s servers` starts it, and names
its URL in EDITPROOF_IOPAINT.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from editproof.pipelines.adapters.errors import ServiceError
from editproof.pipelines.adapters.iopaint import IOPaint
from editproof.pipelines.adapters.names import name_table
from editproof.pipelines.adapters.pictures import encode_image, encode_mask
from editproof.pipelines.contract import EditRequest, check_result
from editproof.pipelines.loader import load

URL = os.environ.get("EDITPROOF_IOPAINT", "")

pytestmark = pytest.mark.skipif(not URL, reason="no server: `nox -s servers` starts one")


@pytest.fixture(scope="module")
def server() -> Iterator[IOPaint]:
    """The pipeline at the server."""
    pipeline = load(f"iopaint:{URL}")
    assert isinstance(pipeline, IOPaint)
    yield pipeline
    pipeline.close()


def request_of(height: int = 96, width: int = 128, **changes: Any) -> EditRequest:
    """Noise with a square to edit."""
    noise = np.random.default_rng(3).integers(0, 256, (height, width, 3))
    image = (noise / 255).astype(np.float32)
    mask = np.zeros((height, width), np.float32)
    mask[height // 4 : height // 2, width // 4 : width // 2] = 1
    return EditRequest(**{"image": image, "mask": mask, "seed": 7, **changes})


def levels(image: Any) -> Any:
    return np.rint(image * 255).astype(int)


def test_it_says_what_it_is(server: IOPaint) -> None:
    assert server.fingerprint
    assert not server.stochastic
    stated = server.capabilities
    assert (stated.keeps_outside, stated.needs_mask, stated.concurrency) == (True, True, 1)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (65, 97), (8, 8), (500, 900)])
def test_only_the_mask_is_edited(server: IOPaint, height: int, width: int) -> None:
    """At sizes that are no multiple of anything, and where the server crops."""
    request = request_of(height, width)
    result = check_result(request, server(request))
    assert result.image is not None
    assert request.mask is not None
    changed = (levels(result.image) != levels(request.image)).any(axis=2)
    assert not changed[request.mask == 0].any()
    assert changed[request.mask == 1].mean() > 0.9
    assert result.config["model"] == "cv2"


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_empty_and_full_masks_come_back_as_they_were(server: IOPaint, fill: float) -> None:
    """With nothing outside the mask, OpenCV has nothing to fill it from, and leaves it."""
    request = request_of(mask=np.full((96, 128), fill, np.float32))
    result = check_result(request, server(request))
    assert (levels(result.image) == levels(request.image)).all()


def test_the_seed_does_not_matter(server: IOPaint) -> None:
    first, second = (server(request_of(seed=seed)).image for seed in (1, 2))
    assert first is not None
    assert second is not None
    assert (first == second).all()


@pytest.mark.parametrize(("kind", "keeps"), [("png", True), ("webp", False), ("jpeg", False)])
def test_the_answer_is_in_the_inputs_format(kind: str, keeps: bool) -> None:
    fields = {"adapter": "iopaint", "url": URL, "image_format": kind}
    pipeline = load(name_table(fields, "pipelines.mine").locate(Path("/")))
    assert isinstance(pipeline, IOPaint)
    request = request_of()
    result = check_result(request, pipeline(request))
    pipeline.close()
    assert result.stages[0].decision.startswith(kind.upper())
    assert request.mask is not None
    outside = (levels(result.image) == levels(request.image))[request.mask == 0]
    assert bool(outside.all()) == keeps


def test_it_repeats_the_seed(server: IOPaint) -> None:
    request = request_of()
    assert request.mask is not None
    body = {
        "image": encode_image(request.image).base64,
        "mask": encode_mask(request.mask, "white", request.image).base64,
        "sd_seed": 77,
    }
    answer = httpx2.post(f"{URL}/api/v1/inpaint", json=body)
    assert answer.headers["x-seed"] == "77"
    assert answer.headers["content-type"] == "image/png"


def test_what_it_can_not_read_is_its_own_error(server: IOPaint) -> None:
    body = {
        "image": encode_image(request_of().image).base64,
        "mask": base64.b64encode(b"not a picture").decode(),
    }
    with pytest.raises(ServiceError, match=r"answered 500 \(request \w+\): .*UnidentifiedImage"):
        server.client.ask("POST", "api/v1/inpaint", json=body)
