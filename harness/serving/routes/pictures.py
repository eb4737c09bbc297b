"""Pictures by the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from editproof.harness.serving.bodies import ForgottenAnswer, PictureAnswer, Sha256
from editproof.harness.serving.forgetting import forget_owner
from editproof.harness.serving.keys import Editor, Reader
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.reading import FILE
from editproof.harness.serving.service import Service, ServiceOf
from editproof.harness.serving.store import KEPT_TYPES, measure_picture, media_type_of, to_png

router = APIRouter(prefix="/v1/pictures", tags=["pictures"])

KINDS: dict[str, Any] = {kind: {} for kind in KEPT_TYPES}
"""The OpenAPI words for a picture as it was kept."""

AS_PICTURE = {
    "Cache-Control": "private, immutable, max-age=31536000",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""A browser takes what somebody sent for a picture only."""

Digest = Annotated[Sha256, Path(description="SHA-256 of the picture's bytes, in hexadecimal.")]


@router.delete("")
def delete_all(service: ServiceOf, caller: Editor) -> ForgottenAnswer:
    """Remove all pictures, masks, edits and jobs of whoever asks. Nothing brings them back. A
    picture that somebody else sent or made, too, stays theirs.
    """
    return forget_owner(service.database, service.pictures, caller.owner)


@router.put("/{sha256}", status_code=201, openapi_extra=FILE)
async def put_picture(
    sha256: Digest, request: Request, service: ServiceOf, caller: Editor
) -> PictureAnswer:
    """Keep a picture: PNG, JPEG, TIFF, WebP, or float32 H×W or H×W×3 in [0, 1] as `.npy`. What was
    there already stays.
    """
    data = await request.body()
    return await run_in_threadpool(keep_upload, service, caller.owner, sha256, data)


def keep_upload(service: Service, owner: str, sha256: str, data: bytes) -> PictureAnswer:
    """Keep bytes that must have that hash. Raises Problem 422 where they have another."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise Problem(
            422,
            "hash_differs",
            f"The body's SHA-256 is {found}, and the path says {sha256}.",
            field="sha256",
            remedy="Send the bytes that you hashed: `curl --data-binary @FILE`.",
            given=sha256,
            found=found,
        )
    height, width = measure_picture(data)
    service.pictures.put(data)
    service.hold(owner, [sha256])
    return PictureAnswer(sha256=sha256, width=width, height=height, media_type=media_type_of(data))


@router.get("/{sha256}", response_class=Response, responses={200: {"content": KINDS}})
def get_picture(
    sha256: Digest,
    service: ServiceOf,
    caller: Reader,
    form: Annotated[
        Literal["kept", "png"],
        Query(alias="as", description="`png`: rounded to 8 bits, to be looked at."),
    ] = "kept",
) -> Response:
    """The bytes that were kept."""
    service.check_holds(caller.owner, [sha256])
    data = service.pictures.read(sha256)
    headers = {**AS_PICTURE, "ETag": f'"{sha256}"'}
    if form == "png":
        return Response(to_png(data), media_type="image/png", headers=headers)
    return Response(data, media_type=media_type_of(data), headers=headers)
