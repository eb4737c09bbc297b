"""A case of the desk, with a mask that somebody drew, kept as a new case of one's own."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from editproof.harness.pictures.files import encode_png
from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import png_size
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.vocabulary import Param
from editproof.pipelines.files import UnreadablePictureError, decode_mask, read_size

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,59}")


class KeptCase(NamedTuple):
    """Where a new case lies."""

    folder: Path
    mask: str
    """SHA-256 of `mask.png`."""


class CaseContent(NamedTuple):
    """What a new case asks, beside its input."""

    mask: bytes
    """A picture file as large as the input: white where it is to be replaced."""
    prompt: str = ""
    settings: Mapping[str, Param] = MappingProxyType({})
    """Settings for the pipeline, by dotted name."""
    expected: Path | None = None
    """The picture that is the right answer, as a stored PNG; None: it is not known."""


def keep_case(cases: Path, name: str, source: Path, content: CaseContent) -> KeptCase:
    """Write a case folder for `editproof run --cases`: the input as it is, the mask as an 8-bit
    PNG, 0 or 255 a pixel, the right answer where it is known, the prompt and the settings.

    Raises UsageError on a name that is taken or can't be a folder's, and on a mask that is empty or
    not as large as the input.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:80]!r} can't be the name of a case: use letters, digits, spaces, _ and -, 60"
            " at most"
        )
    folder = cases / name.strip()
    if folder.exists():
        raise UsageError(f"there is a case {folder} already. Choose another name")
    data = _encode_mask(content.mask, source)
    folder.mkdir(parents=True)
    try:
        shutil.copyfile(source, folder / "input.png")
        write_atomically(folder / "mask.png", data)
        if content.expected:
            shutil.copyfile(content.expected, folder / "expected.png")
        write_atomically(folder / "case.toml", _format_facts(content).encode())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return KeptCase(folder, hashlib.sha256(data).hexdigest())


def _format_facts(content: CaseContent) -> str:
    """A case.toml."""
    lines = [f"prompt = {_format_value(content.prompt)}"]
    if content.settings:
        lines += ["", "[config]"]
    lines += [f"{_format_value(key)} = {_format_value(v)}" for key, v in content.settings.items()]
    return "\n".join(lines) + "\n"


def _format_value(value: Param) -> str:
    """A value as TOML has it, which is as JSON has it but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _encode_mask(mask: bytes, source: Path) -> bytes:
    """The mask as the contract has it: 1 where the picture is to be replaced, else 0."""
    try:
        width, height = png_size(source) or (0, 0)
        if read_size(mask) != (height, width):
            raise UsageError("the mask must be as large as the input. Draw it again")
        drawn = decode_mask(mask) >= 0.5
    except UnreadablePictureError as error:
        raise UsageError(f"the mask can't be read: {error}") from error
    if not drawn.any():
        raise UsageError("the mask is empty. Brush over what is to be replaced")
    return encode_png(drawn.astype(np.float32))
