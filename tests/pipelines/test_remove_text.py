"""Text is removed line by line, by what its ground is like and how sure it is; the policy comes
first.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from editproof.pipelines import (
    ContractError,
    EditRequest,
    EditResult,
    Image,
    Mask,
    Status,
    reference,
)
from editproof.pipelines.config import PolicyConfig, ReferenceConfig
from editproof.pipelines.edit import Edit, TextRegion
from editproof.pipelines.policy import Finding, PolicyError, apply_policy
from editproof.pipelines.stages.inpaint import inpaint
from editproof.pipelines.stages.remove_text import blur_surroundings, find_places, remove_text

SIZE = 120
RNG = np.random.default_rng(0)


def line(y0: int, y1: int, confidence: float = 0.9, text: str = "") -> TextRegion:
    return TextRegion(((20.0, y0), (100.0, y0), (100.0, y1), (20.0, y1)), confidence, text)


@pytest.fixture
def mask() -> Mask:
    """Two lines and something that is no text."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[20:30, 20:100:4] = mask[60:70, 20:100:4] = mask[100:110, 50:60] = 1
    return mask


@pytest.fixture
def image() -> Image:
    """Flat above, checked below."""
    image = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    y, x = np.mgrid[:SIZE, :SIZE]
    checks = ((y // 3 + x // 3) % 2).astype(np.float32)[..., None]
    image[45:85] = (0.2 + 0.6 * checks)[45:85]
    return image


def edit_of(
    image: Image, mask: Mask, regions: tuple[TextRegion, ...], **settings: str | float
) -> Edit:
    config = ReferenceConfig().with_settings(
        {f"text.{name}": value for name, value in settings.items()}
    )
    request = EditRequest(image, mask)
    return Edit(request, config, image=image, mask=mask, fill=image, blended=image, regions=regions)


def test_each_line_goes_its_way(image: Image, mask: Mask) -> None:
    """Flat ground, structured ground, unsure; the rest of the mask is left to the inpainter."""
    sure = edit_of(
        image,
        mask,
        (line(20, 30), line(60, 70)),
        mode="auto",
        flat_model="ns",
        complex_model="biharmonic",
    )
    step = remove_text(sure)
    assert step.decision == "lines: 1 complex, 1 flat"
    filled = step.edit.filled
    assert filled is not None
    assert np.array_equal(filled, (mask > 0) & (np.arange(SIZE) < 90)[:, None])
    assert np.array_equal(step.edit.fill[~filled], image[~filled])
    unsure = replace(sure, regions=(line(20, 30, 0.3), line(60, 70)))
    assert remove_text(unsure).decision == "lines: 1 blurred, 1 complex"


def test_the_inpainter_fills_the_rest_only(image: Image, mask: Mask) -> None:
    """What text removal filled stays as it is, to the bit."""
    after_text = remove_text(
        edit_of(image, mask, (line(20, 30), line(60, 70)), mode="auto", flat_model="ns")
    ).edit
    after = inpaint(after_text)
    filled = after_text.filled
    assert filled is not None
    assert after.decision.startswith("ns: 100 px in 1 crop")
    assert np.array_equal(after.edit.fill[filled], after_text.fill[filled])
    assert np.array_equal(after.edit.fill[mask == 0], image[mask == 0])


def test_an_unsure_line_is_blurred_not_invented() -> None:
    """No detail in it, and nothing of what is masked shines through."""
    ground = (
        np.full((SIZE, SIZE, 3), 0.4, np.float32)
        + np.linspace(0, 0.2, SIZE, dtype=np.float32)[:, None]
    )
    written, mask = ground.copy(), np.zeros((SIZE, SIZE), np.float32)
    mask[50:62, 20:100] = RNG.random((12, 80)) < 0.5
    written[mask > 0] = 1.0
    step = remove_text(edit_of(written, mask, (line(50, 62, 0.2),), mode="auto"))
    assert step.decision == "lines: 1 blurred"
    assert np.abs(step.edit.fill - ground)[mask > 0].max() < 0.02
    other = written.copy()
    other[mask > 0] = 0.0
    assert np.array_equal(
        blur_surroundings(other, mask > 0, sigma_px=6.0)[mask > 0],
        blur_surroundings(written, mask > 0, sigma_px=6.0)[mask > 0],
    )


def test_off_leaves_all_to_the_inpainter(image: Image, mask: Mask) -> None:
    for edit in (edit_of(image, mask, (line(20, 30),)), edit_of(image, mask, (), mode="auto")):
        step = remove_text(edit)
        assert step.edit.filled is None
        assert np.array_equal(step.edit.fill, image)


def test_places_share_no_pixel(mask: Mask) -> None:
    """Lines that overlap are told apart; each has the pixels of the mask in its box and as far
    around as it may reach.
    """
    first, second = find_places((line(18, 40), line(22, 66)), mask, reach_px=2)
    assert not (first & second).any()
    assert np.array_equal(first | second, (mask > 0) & (np.arange(SIZE) < 69)[:, None])


def test_text_goes_from_a_picture_without_a_mask() -> None:
    """The whole way, on a flat ground: what is left is the ground."""
    ground = np.full((200, 240, 3), 0.3, np.float32)
    result = reference.build(**{"text.mode": "auto"})(EditRequest(written_on(ground, "WELCOME")))
    assert result.image is not None
    assert "lines: 1 flat" in next(
        stage.decision for stage in result.stages if stage.name == "remove_text"
    )
    assert np.abs(result.image - ground).mean() < 0.003
    assert np.abs(result.image - ground).max() < 0.15


@pytest.mark.parametrize(
    "text", ["© J. Doe 2020", "STOCK PHOTO", "Copyright notice", "preview only", "(c) 2019 me"]
)
def test_what_claims_ownership_is_a_watermark(text: str, image: Image) -> None:
    findings = apply_policy(
        EditRequest(image), (line(20, 30, text=text),), PolicyConfig(review="watermark")
    )
    assert [finding.rule for finding in findings] == ["watermark"]
    assert repr(text) in findings[0].why


@pytest.mark.parametrize(
    "texts", [(), ("SALE",), ("Specimen", "Sample copy"), ("SALE", "SALE"), ("a", "a", "a")]
)
def test_other_text_is_none(texts: tuple[str, ...], image: Image) -> None:
    regions = tuple(line(10 * i, 10 * i + 8, text=text) for i, text in enumerate(texts))
    assert (
        apply_policy(
            EditRequest(image), regions, PolicyConfig(refuse="watermark", review="watermark")
        )
        == []
    )


def test_the_same_words_again_and_again_are_a_watermark(image: Image) -> None:
    regions = tuple(
        line(10 * i, 10 * i + 8, text=text)
        for i, text in enumerate(("Acme Pix", "ACME PIX", "acmepix"))
    )
    with pytest.raises(PolicyError, match="policy watermark: 'acmepix' stands in it 3 times"):
        apply_policy(EditRequest(image), regions, PolicyConfig(refuse="watermark"))


def test_sensitive_categories_are_the_settings_own(image: Image) -> None:
    config = PolicyConfig(review="category, watermark", categories="news, medical")
    flagged = apply_policy(EditRequest(image, metadata={"category": "medical"}), (), config)
    assert flagged == [Finding("category", "its category is 'medical'")]
    assert apply_policy(EditRequest(image, metadata={"category": "product"}), (), config) == []
    assert apply_policy(EditRequest(image), (), config) == []


def test_a_rule_that_is_none_is_named(image: Image) -> None:
    with pytest.raises(
        ContractError, match="no policy rule 'watermrk'; there are: watermark, category"
    ):
        apply_policy(EditRequest(image), (), PolicyConfig(refuse="watermrk"))


@pytest.mark.parametrize("masked", [True, False])
def test_the_pipeline_refuses_or_asks_for_review_with_the_rule_s_name(masked: bool) -> None:
    """Whether the caller masks the mark or the pipeline finds it."""
    image = written_on(np.full((200, 240, 3), 0.3, np.float32), "COPYRIGHT")
    given = (image.max(axis=-1) > 0.35).astype(np.float32) if masked else None

    def ask(action: str) -> EditResult:
        return reference.build(**{f"policy.{action}": "watermark"})(EditRequest(image, given))

    refused, reviewed = ask("refuse"), ask("review")
    assert (refused.status, refused.image) == (Status.REFUSED, None)
    assert refused.reason == "remove_text: policy watermark: 'COPYRIGHT' claims ownership"
    assert reviewed.status is Status.NEEDS_REVIEW
    assert "policy watermark: 'COPYRIGHT' claims ownership" in reviewed.reason
    assert reviewed.image is not None


def written_on(ground: Image, text: str) -> Image:
    pixels = np.round(ground * 255).astype(np.uint8)
    cv2.putText(
        pixels, text, (15, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (250, 250, 250), 2, cv2.LINE_AA
    )
    return pixels.astype(np.float32) / np.float32(255)
