"""The mask that is in force for an image."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from editproof.harness.serving.bodies import CandidatesAnswer, Kind, MaskAnswer
from editproof.harness.serving.candidates import list_candidates, put_candidate
from editproof.harness.serving.keys import Caller, Editor, Reader
from editproof.harness.serving.masks import (
    bind_mask,
    etag_of,
    find_mask,
    release_mask,
)
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.reading import FILE
from editproof.harness.serving.routes.pictures import Digest
from editproof.harness.serving.service import Service, ServiceOf

router = APIRouter(prefix="/v1/masks", tags=["masks"])


@router.put("/{sha256}", openapi_extra=FILE, responses={201: {"model": MaskAnswer}})
async def put_mask(
    sha256: Digest,
    request: Request,
    response: Response,
    service: ServiceOf,
    caller: Editor,
    if_match: Annotated[str, Header()] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> MaskAnswer:
    """Put a mask in force for the image of that hash: the body is the mask's file. To replace
    another one, send its ETag as `If-Match`.
    """
    data = await request.body()

    def bind() -> tuple[MaskAnswer, bool]:
        mask = _keep_mask(service, caller, sha256, data)
        is_first = bind_mask(
            service, caller.owner, sha256, mask, if_match=if_match, if_none_match=if_none_match
        )
        return MaskAnswer(image=sha256, mask=mask), is_first

    answer, is_first = await run_in_threadpool(bind)
    response.status_code = 201 if is_first else 200
    response.headers["ETag"] = etag_of(answer.mask)
    return answer


@router.get("/{sha256}")
def get_mask(sha256: Digest, response: Response, service: ServiceOf, caller: Reader) -> MaskAnswer:
    """Which mask is in force for the image of that hash."""
    mask = find_mask(service, caller.owner, sha256)
    if mask is None:
        raise _no_mask(sha256)
    response.headers["ETag"] = etag_of(mask)
    return MaskAnswer(image=sha256, mask=mask)


@router.delete("/{sha256}")
def delete_mask(
    sha256: Digest,
    service: ServiceOf,
    caller: Editor,
    if_match: Annotated[str, Header()] = "",
) -> MaskAnswer:
    """Put no mask in force for the image of that hash: edits of it detect again. Send the mask's
    ETag as `If-Match`. The mask itself stays.
    """
    mask = release_mask(service, caller.owner, sha256, if_match=if_match)
    if mask is None:
        raise _no_mask(sha256)
    return MaskAnswer(image=sha256, mask=mask)


def _no_mask(image: str) -> Problem:
    return Problem(
        404,
        "unknown_mask",
        f"No mask is in force for the image {image}.",
        remedy="Put one in force: PUT /v1/masks/{sha256}.",
    )


def _keep_mask(service: Service, caller: Caller, image: str, data: bytes) -> str:
    """Keep the mask, which must be of the image's size."""
    service.check_holds(caller.owner, [image])
    mask = service.pictures.put(data)
    sizes = service.pictures.load_image(image).shape[:2], service.pictures.load_plane(mask).shape
    if sizes[0] != sizes[1]:
        raise Problem(
            422,
            "sizes_differ",
            f"The mask is {sizes[1][1]}×{sizes[1][0]}, and the image {sizes[0][1]}×{sizes[0][0]}.",
            field="mask",
            remedy="Send a mask of the image's size.",
        )
    service.hold(caller.owner, [mask])
    return hashlib.sha256(data).hexdigest()


@router.get("/{sha256}/candidates")
def get_candidates(sha256: Digest, service: ServiceOf, caller: Reader) -> CandidatesAnswer:
    """What might go from the image of that hash: the masks of each class that are known."""
    service.check_holds(caller.owner, [sha256])
    candidates = list_candidates(service, caller.owner, sha256)
    return CandidatesAnswer(image=sha256, candidates=candidates)


@router.put("/{sha256}/candidates/{kind}", openapi_extra=FILE)
async def put_class(
    sha256: Digest, kind: Kind, request: Request, service: ServiceOf, caller: Editor
) -> CandidatesAnswer:
    """Keep where objects of a class are in the image of that hash: the body is the mask's file. So
    a bulk finds what you, or a program of yours, have found.
    """
    data = await request.body()

    def put() -> CandidatesAnswer:
        mask = _keep_mask(service, caller, sha256, data)
        put_candidate(service, caller.owner, sha256, kind, mask)
        candidates = list_candidates(service, caller.owner, sha256)
        return CandidatesAnswer(image=sha256, candidates=candidates)

    return await run_in_threadpool(put)
