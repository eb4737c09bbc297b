"""A drawn mask, kept as a new case: what is written, and what is refused."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from editproof.harness.pictures.files import encode_png
from editproof.harness.records.errors import UsageError
from editproof.harness.records.vocabulary import Param
from editproof.harness.review.keeping import CaseContent, keep_case
from editproof.harness.suites.case_facts import read_facts
from editproof.harness.suites.own_cases import FACTS, OwnCase, scan_cases
from editproof.pipelines.files import decode_mask
from tests.harness.made import texture

DRAWN = np.zeros((64, 64), np.float32)
DRAWN[10:20, 30:50] = 1
MASK = encode_png(DRAWN)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    path.write_bytes(encode_png(texture()))
    return path


def test_a_case_is_kept(source: Path, tmp_path: Path) -> None:
    """The input as it is, the mask in 0 and 255, and the prompt, whatever it says."""
    prompt = 'remove "this"\n[protect]\x7f'
    kept = keep_case(tmp_path / "cases", "price tag 1", source, CaseContent(MASK, prompt))
    assert (kept.folder / "input.png").read_bytes() == source.read_bytes()
    data = (kept.folder / "mask.png").read_bytes()
    assert kept.mask == hashlib.sha256(data).hexdigest()
    assert np.array_equal(decode_mask(data), DRAWN)
    assert tomllib.loads((kept.folder / FACTS).read_text()) == {"prompt": prompt}


def test_a_case_with_its_right_answer(source: Path, tmp_path: Path) -> None:
    """The settings that made it, and the picture, as `editproof run --cases` reads them."""
    settings: dict[str, Param] = {"inpaint.model": "ns", "mask.dilate_px": 3, "blend.x": 1e-05}
    content = CaseContent(MASK, "", {**settings, "harmonise.grain": True}, source)
    kept = keep_case(tmp_path / "cases", "tag", source, content)
    assert (kept.folder / "expected.png").read_bytes() == source.read_bytes()
    (own,) = scan_cases(tmp_path / "cases")
    assert isinstance(own, OwnCase)
    assert read_facts(own).config == {**settings, "harmonise.grain": True}
    assert set(own.parts) == {"input", "mask", "expected"}


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\\b", "-x", "x" * 61, "tag\n"])
def test_names_that_lead_elsewhere(source: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can't be the name of a case"):
        keep_case(tmp_path / "cases", name, source, CaseContent(MASK))
    assert not (tmp_path / "cases").exists()


def test_nothing_is_written_over(source: Path, tmp_path: Path) -> None:
    keep_case(tmp_path / "cases", "tag", source, CaseContent(MASK))
    with pytest.raises(UsageError, match="there is a case"):
        keep_case(tmp_path / "cases", "tag", source, CaseContent(MASK))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (encode_png(np.zeros((64, 64), np.float32)), "The mask is empty"),
        (encode_png(np.ones((32, 64), np.float32)), "as large as the input"),
        (b"no picture", "can't be read"),
        (b"", "can't be read"),
    ],
)
def test_masks_that_mark_nothing(source: Path, tmp_path: Path, mask: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        keep_case(tmp_path / "cases", "tag", source, CaseContent(mask))
    assert not (tmp_path / "cases" / "tag").exists()
