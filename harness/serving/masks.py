"""Masks as a contract: one mask is in force for an image, and nobody edits by another unawares."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from editproof.harness.serving.database import BoundMask, find_missing
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.reading import Q, ReadQuestion
from editproof.harness.serving.service import Service, pictures_of
from editproof.harness.serving.store import unknown_picture

EVERY = "*"

IN_FORCE = select(BoundMask.mask).where(
    BoundMask.owner == bindparam("owner"), BoundMask.image == bindparam("image")
)
IMAGE_OF = (
    select(BoundMask.image)
    .where(BoundMask.owner == bindparam("owner"), BoundMask.mask == bindparam("mask"))
    .limit(1)
)
"""Written once: every edit asks, and to write a query takes as long as to answer it."""

RELEASE = delete(BoundMask).where(
    BoundMask.owner == bindparam("owner"), BoundMask.image == bindparam("image")
)


def find_mask(service: Service, owner: str, image: str) -> str | None:
    """Hash of the mask that is in force for an image; None: there is none."""
    with service.database.reading() as session:
        return _find(session, owner, image)


def bind_mask(
    service: Service, owner: str, image: str, mask: str, *, if_match: str, if_none_match: str
) -> bool:
    """Put a mask in force for an image; gives whether there was none before.

    Another mask is replaced only by somebody who knows it: `if_match` must be its ETag, or `*`.
    Raises Problem 412 where it is not, and 428 where nothing was said of it.
    """
    with service.database.writing() as session:
        before = _find(session, owner, image)
        if if_none_match == EVERY and before is not None:
            raise _mismatch(412, image, mask, before)
        if before != mask or if_match:
            _check_match(image, mask, before, if_match)
        session.merge(BoundMask(owner=owner, image=image, mask=mask))
    return before is None


def release_mask(service: Service, owner: str, image: str, *, if_match: str) -> str | None:
    """Let no mask be in force for an image; gives the one that was.

    Raises Problem 412 where `if_match` is neither its ETag nor `*`, and 428 where it is empty.
    """
    with service.database.writing() as session:
        before = _find(session, owner, image)
        _check_match(image, None, before, if_match)
        session.execute(RELEASE, {"owner": owner, "image": image})
    return before


def settle_question(service: Service, owner: str, asked: ReadQuestion[Q]) -> Q:
    """The question with the mask that is to be used: the one that came along, the one in force, or
    none. So what somebody drew is never detected again.

    Raises Problem 404 where the owner does not hold one of its pictures. Raises Problem 409, with
    both hashes, where it names a mask that is not the one in force any more, or that is in force
    for another image.
    """
    question = asked.question
    image, mask = question.image, question.mask
    with service.database.reading() as session:
        if missing := find_missing(session, owner, pictures_of(question)):
            raise unknown_picture(missing[0])
        if "mask" in asked.sent:
            return question
        in_force = _find(session, owner, image)
        other = _find_image(session, owner, mask) if mask and in_force is None else None
    if mask and in_force and mask != in_force:
        raise Problem(
            409,
            "stale_mask",
            f"The mask {mask} is not in force for the image {image}: {in_force} is.",
            field="mask",
            remedy="Leave the mask out to use the one in force, or put yours in force first: PUT"
            " /v1/masks/{sha256} with If-Match.",
            given=mask,
            in_force=in_force,
        )
    if mask and other:
        raise Problem(
            409,
            "mask_of_another_image",
            f"The mask {mask} was made for the image {other}; this is {image}.",
            field="mask",
            remedy="Draw it again for this image, or put it in force for it: PUT"
            " /v1/masks/{sha256}.",
            made_for=other,
            image=image,
        )
    return question.model_copy(update={"mask": mask or in_force})


def etag_of(mask: str | None) -> str:
    """As the headers ETag and If-Match write it."""
    return f'"{mask}"'


def _find(session: Session, owner: str, image: str) -> str | None:
    return session.scalar(IN_FORCE, {"owner": owner, "image": image})


def _find_image(session: Session, owner: str, mask: str) -> str | None:
    """An image that the mask is in force for."""
    return session.scalar(IMAGE_OF, {"owner": owner, "mask": mask})


def _check_match(image: str, mask: str | None, before: str | None, if_match: str) -> None:
    """Raise Problem 412 or 428 where the caller does not know the mask that is in force."""
    if if_match and if_match not in {EVERY, etag_of(before)}:
        raise _mismatch(412, image, mask, before)
    if before is not None and not if_match:
        raise _mismatch(428, image, mask, before)


def _mismatch(status: int, image: str, mask: str | None, before: str | None) -> Problem:
    in_force = f"the mask {before} is" if before else "no mask is"
    return Problem(
        status,
        "mask_changed" if status == 412 else "precondition_needed",
        f"For the image {image} {in_force} in force.",
        field="If-None-Match" if before is None else "If-Match",
        remedy="Look at the mask in force, GET /v1/masks/{sha256}, then send its ETag as If-Match.",
        given=mask,
        in_force=before,
    )
