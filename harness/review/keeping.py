"""A case of the desk, with a mask that somebody drew, kept as a new case of one's own."""

from __future__ import annotations

import hashlib
import json
import os
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
from editproof.harness.records.json_files import sweep_partial_folders, write_atomically
from editproof.harness.records.vocabulary import Param
from editproof.pipelines.contract import Mask
from editproof.pipelines.files import UnreadablePictureError, decode_mask, read_size

OTHER_SIZE = "the mask must be as large as the input. Draw it again"

TAKEN = "there is a case {} already. Choose another name"

PARTIAL = ".editproof-"
"""The name of a case begins so until it is whole: hidden folders are no cases."""

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
    """Write a case folder for `editproof run --cases`, whole or not at all: the input as it is, the
    mask as an 8-bit PNG, 0 or 255 a pixel, the right answer where it is known, the prompt and the
    settings.

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
        raise UsageError(TAKEN.format(folder))
    data = _encode_mask(content.mask, source)
    sweep_partial_folders(cases, PARTIAL)
    partial = cases / f"{PARTIAL}{folder.name}.{os.getpid()}"
    try:
        write_atomically(partial / "input.png", source.read_bytes())
        write_atomically(partial / "mask.png", data)
        if content.expected:
            write_atomically(partial / "expected.png", content.expected.read_bytes())
        write_atomically(partial / "case.toml", _format_facts(content).encode())
        _move(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return KeptCase(folder, hashlib.sha256(data).hexdigest())


def _move(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError as error:
        if not folder.exists():
            raise
        raise UsageError(TAKEN.format(folder)) from error  # another desk was faster


def read_mask(data: bytes, size: tuple[int, int]) -> Mask:
    """A mask that was drawn over an input of that height and width. The file's header is read
    first: a small file may hold more pixels than the memory does. Raises UsageError where the mask
    has another size, or can't be read.
    """
    try:
        if read_size(data) != size:
            raise UsageError(OTHER_SIZE)
        return decode_mask(data)
    except UnreadablePictureError as error:
        raise UsageError(f"the mask can't be read: {error}") from error


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
    width, height = png_size(source) or (0, 0)
    drawn = read_mask(mask, (height, width)) >= 0.5
    if not drawn.any():
        raise UsageError("The mask is empty. Brush over what is to be replaced")
    return encode_png(drawn.astype(np.float32))
