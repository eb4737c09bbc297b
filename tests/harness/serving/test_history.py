"""What was done is known, can be done again, and becomes a case for the harness."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editproof.harness.serving.database import EditRecord
from editproof.harness.serving.making import make_edit
from editproof.harness.serving.service import pipeline_of
from editproof.harness.suites.case_reading import check_case, read_case
from editproof.harness.suites.own_cases import OwnCase, scan_cases
from editproof.pipelines import reference
from editproof.pipelines.contract import EditRequest, Param
from editproof.pipelines.files import decode_image
from tests.harness.serving.conftest import (
    IMAGE,
    IMAGE_NPY,
    IMAGE_PNG,
    MASK,
    MASK_PNG,
    Server,
    Start,
)

FILES = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}
"""What is asked in most tests."""

SETTINGS: dict[str, Param] = {"inpaint.model": "patch", "harmonise.grain": True}

ASKED = {
    "seed": "7",
    "scale": "2",
    "settings": json.dumps(SETTINGS),
    "metadata": json.dumps({"criticality": "high"}),
}


def test_an_edit_is_recorded_whole(server: Server) -> None:
    """Settings, seed, fingerprint, decisions, times, and the id that the logs have."""
    made = server.client.post("/v1/edit", files=FILES, data=ASKED, headers={"X-Request-ID": "r-1"})
    record = server.client.get(made.headers["location"]).json()
    assert record == made.json()
    direct = reference.build(**SETTINGS)
    assert record["fingerprint"] == direct.fingerprint
    request = EditRequest(
        IMAGE, mask=MASK, seed=7, scale=2, metadata={"criticality": "high"}, file=IMAGE_PNG
    )
    assert record["request"]["settings"] == dict(direct(request).config)
    assert (record["request"]["seed"], record["request_id"]) == (7, "r-1")
    assert all(stage["ms"] >= 0 and stage["decision"] for stage in record["stages"])


def test_a_replay_gives_the_same_bytes(server: Server) -> None:
    made = server.client.post("/v1/edit", files=FILES, data=ASKED).json()
    again = server.client.post(f"/v1/edits/{made['id']}/replay")
    assert again.status_code == 200, again.text
    assert again.json()["image"] == made["image"]
    assert again.json()["id"] != made["id"]
    assert server.client.post("/v1/edits/none/replay").json()["code"] == "unknown_edit"


def test_an_edit_outlives_its_server(start: Start) -> None:
    """Another server of the same folder knows it, and makes it again."""
    made = start().client.post("/v1/edit", files=FILES, data=ASKED).json()
    later = start()
    assert later.client.get(f"/v1/edits/{made['id']}").json() == made
    replayed = later.client.post(f"/v1/edits/{made['id']}/replay").json()
    assert replayed["image"] == made["image"]


def test_a_model_that_changed_is_409(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both fingerprints; another picture of the same model is 409, too."""
    made = server.client.post("/v1/edit", files=FILES).json()
    path = f"/v1/edits/{made['id']}/replay"
    config = server.service.config_for(made["request"]["settings"])
    with monkeypatch.context() as changed:
        changed.setitem(vars(pipeline_of(config)), "fingerprint", "another")
        answer = server.client.post(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "model_changed")
    assert (answer.json()["before"], answer.json()["now"]) == (made["fingerprint"], "another")

    def change(*given: Any) -> EditRecord:
        record = make_edit(*given)
        record.image = "0" * 64
        return record

    monkeypatch.setattr("editproof.harness.serving.history.make_edit", change)
    assert server.client.post(path).json()["code"] == "not_reproduced"


def unpack(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    (case,) = folder.iterdir()
    return case


def test_a_bad_edit_becomes_a_case(server: Server, tmp_path: Path) -> None:
    """The file that came in, its mask, and what was asked beside the defaults."""
    made = server.client.post("/v1/edit", files=FILES, data=ASKED).json()
    answer = server.client.get(f"/v1/edits/{made['id']}/case")
    assert answer.headers["content-type"] == "application/zip"
    case = unpack(answer.content, tmp_path / "cases")
    assert (case / "input.png").read_bytes() == IMAGE_PNG
    np.testing.assert_array_equal(decode_image((case / "mask.png").read_bytes())[0][..., 0], MASK)
    facts = (case / "case.toml").read_text()
    assert "scale = 2\n" in facts
    assert '"inpaint.model" = "patch"' in facts
    assert '"criticality" = "high"' in facts
    assert "mask.dilate_px" not in facts
    assert answer.content == server.client.get(f"/v1/edits/{made['id']}/case").content


def test_floats_become_a_case_of_sixteen_bits(server: Server, tmp_path: Path) -> None:
    """A mask that was found, and not given, serves measuring only."""
    image = server.put(IMAGE_NPY)
    made = server.edit(image=image, strokes_add=server.put(MASK_PNG)).json()
    case = unpack(server.client.get(f"/v1/edits/{made['id']}/case").content, tmp_path / "cases")
    pixels = decode_image((case / "input.png").read_bytes())[0]
    np.testing.assert_allclose(pixels, IMAGE, atol=0.5 / 65535)
    assert "give_mask = false" in (case / "case.toml").read_text()
    assert (case / "mask.png").is_file()


def test_the_case_runs_in_the_harness(server: Server, tmp_path: Path) -> None:
    """`editproof run --cases` reads it, and asks the pipeline the same."""
    made = server.client.post("/v1/edit", files=FILES, data=ASKED).json()
    unpack(server.client.get(f"/v1/edits/{made['id']}/case").content, tmp_path / "cases")
    (own,) = scan_cases(tmp_path / "cases")
    assert isinstance(own, OwnCase)
    check_case(own, 1)
    request, _ = read_case(own, 1)
    assert request.scale == 2
    assert dict(request.config) == SETTINGS
    np.testing.assert_array_equal(request.image, IMAGE)
    assert request.mask is not None
    np.testing.assert_array_equal(request.mask, MASK)
