"""Decode: read an asset that came as a file, so that later stages work on upright sRGB."""

from __future__ import annotations

from dataclasses import replace

from editproof.pipelines.contract import ContractError
from editproof.pipelines.edit import Edit, Step
from editproof.pipelines.files import UnreadablePictureError, decode_image


def decode(edit: Edit) -> Step:
    """Take the picture from the request's file, if there is one.

    Raises ContractError where the file can't be read.
    """
    if not edit.request.file:
        return Step(edit, None, "the request holds pixels")
    try:
        image, changes = decode_image(edit.request.file)
    except UnreadablePictureError as error:
        raise ContractError(f"request.file: {error}") from error
    if image.shape != edit.image.shape:
        raise ContractError(
            f"request.file shows {image.shape[:2]}, request.image is {edit.image.shape[:2]}"
        )
    request = replace(edit.request, image=image)
    return Step(
        replace(edit, request=request, image=image, fill=image, blended=image), image, changes
    )
