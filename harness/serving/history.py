"""Edits that were made: found, made again, and handed out as cases for the harness."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import cv2
import numpy as np

from editproof.harness.pictures.files import encode_png
from editproof.harness.serving.bodies import EditAnswer, EditQuestion
from editproof.harness.serving.budgets import report_stages
from editproof.harness.serving.database import EditRecord
from editproof.harness.serving.engine import Watch
from editproof.harness.serving.making import Order, Timing, make_edit
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.service import Service, pipeline_of
from editproof.harness.serving.store import media_type_of
from editproof.pipelines.array_file import MAGIC, decode_array
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import Param

ENDINGS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/tiff": "tif",
    "image/webp": "webp",
    "image/bmp": "bmp",
}

EXPORTED_AT = (1980, 1, 1, 0, 0, 0)
"""Of files in a zip, so that the same edit is the same zip."""


def find_edit(service: Service, owner: str, edit_id: str) -> EditRecord:
    """An edit of that owner. Raises Problem 404 where there is none."""
    with service.database.reading() as session:
        found = session.get(EditRecord, edit_id)
    if found is None or found.owner != owner:
        raise Problem(
            404,
            "unknown_edit",
            f"There is no edit {edit_id}.",
            remedy="Use an id that POST /v1/edit gave to this key.",
        )
    return found


def describe_edit(record: EditRecord) -> EditAnswer:
    """An edit, for whoever asked for it."""
    return EditAnswer(
        id=record.id,
        status=record.status,  # type: ignore[arg-type]
        reason=record.reason,
        image=record.image,
        made_at=record.made_at,
        seconds=record.seconds,
        request=record.question,
        found_mask=record.found_mask,
        fingerprint=record.fingerprint,
        request_id=record.request_id,
        stages=report_stages(record),
    )


def replay_edit(
    service: Service, owner: str, edit_id: str, request_id: str, watch: Watch, timing: Timing
) -> EditRecord:
    """Make an edit again with its own settings. Raises Problem 409 where its models, code or
    libraries are others by now, or the bytes are.
    """
    before = find_edit(service, owner, edit_id)
    question = EditQuestion.model_validate(before.question)
    now = pipeline_of(service.config_for(question.settings)).fingerprint
    if now != before.fingerprint:
        raise Problem(
            409,
            "model_changed",
            "The edit can't be made again: its models, code or libraries are others by now.",
            remedy="Use the picture that was kept, or edit again by POST /v1/edit.",
            before=before.fingerprint,
            now=now,
        )
    record = make_edit(service, Order(owner, request_id, question), watch, timing)
    if (record.image, record.status) != (before.image, before.status):
        raise Problem(
            409,
            "not_reproduced",
            "The same pipeline gave another picture: it is not deterministic on this machine.",
            remedy="Compare the two pictures, and look for what differs between the two runs.",
            before=before.image,
            now=record.image,
        )
    return record


def write_case(service: Service, record: EditRecord) -> bytes:
    """A zip with a folder for `editproof run --cases`: the input, the mask if there was one, and
    what was asked.
    """
    question = EditQuestion.model_validate(record.question)
    folder = f"edit-{record.id[:12]}"
    name, data = _name_input(service.pictures.read(question.image))
    files = {name: data}
    mask = question.mask or record.found_mask
    if mask and service.pictures.load_plane(mask).any():
        files["mask.png"] = encode_png(service.pictures.load_plane(mask))
    protect = {}
    for number, (feature, digest) in enumerate(sorted(question.protect.items())):
        protect[feature] = f"protect-{number}.png"
        files[protect[feature]] = encode_png(service.pictures.load_plane(digest))
    files["case.toml"] = _write_facts(question, protect).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}", EXPORTED_AT), data)
    return file.getvalue()


def _name_input(data: bytes) -> tuple[str, bytes]:
    """The file that came in; an array as a PNG of 16 bits."""
    if not data.startswith(MAGIC):
        return f"input.{ENDINGS.get(media_type_of(data), 'png')}", data
    levels = np.round(decode_array(data) * 65535).astype(np.uint16)
    return "input.png", bytes(cv2.imencode(".png", levels[..., ::-1])[1].tobytes())


def _write_facts(question: EditQuestion, protect: dict[str, str]) -> str:
    """A case.toml. Only settings that are not the defaults are written."""
    defaults = ReferenceConfig().as_settings()
    used: dict[str, Param] = {
        name: value for name, value in question.settings.items() if defaults.get(name) != value
    }
    facts: dict[str, Any] = {"prompt": question.prompt, "scale": question.scale}
    if question.mask is None:
        facts["give_mask"] = False
    lines = [f"{name} = {_write_value(value)}" for name, value in facts.items()]
    for name, table in (("config", used), ("metadata", question.metadata), ("protect", protect)):
        if table:
            lines += ["", f"[{name}]"]
            lines += [f"{json.dumps(key)} = {_write_value(one)}" for key, one in table.items()]
    return "\n".join(lines) + "\n"


def _write_value(value: Param) -> str:
    """A value as TOML: JSON's texts, numbers, true and false are TOML's, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
