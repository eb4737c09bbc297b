"""Lists of pictures, edited alike."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response

from editproof.harness.serving.bodies import BulkAnswer, BulkQuestion, Id
from editproof.harness.serving.bulks import add_bulk, cancel_bulk, describe_bulk, find_bulk
from editproof.harness.serving.keys import Editor, Reader
from editproof.harness.serving.routes.jobs import RunnerOf
from editproof.harness.serving.service import ServiceOf

router = APIRouter(prefix="/v1/bulk", tags=["bulk"])


@router.post("", status_code=202)
def post_bulk(
    question: BulkQuestion,
    response: Response,
    service: ServiceOf,
    caller: Editor,
    runner: RunnerOf,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> BulkAnswer:
    """Edit a list of pictures, a job each. What is to go is found by class, and kept as candidate
    masks. A heavier model is used only where the result of a lighter one fails the check. The same
    `Idempotency-Key` gives the same bulk.
    """
    bulk = add_bulk(service, caller.owner, question, idempotency_key)
    runner.wake_soon()
    response.headers["Location"] = f"/v1/bulk/{bulk.id}"
    return describe_bulk(service, bulk)


@router.get("/{bulk_id}")
def get_bulk(bulk_id: Id, service: ServiceOf, caller: Reader) -> BulkAnswer:
    """How far a bulk is, each picture, and what was saved."""
    return describe_bulk(service, find_bulk(service, caller.owner, bulk_id))


@router.delete("/{bulk_id}")
def delete_bulk(bulk_id: Id, service: ServiceOf, caller: Editor) -> BulkAnswer:
    """Cancel what is left of a bulk. Edits that were made stay."""
    bulk = find_bulk(service, caller.owner, bulk_id)
    cancel_bulk(service, bulk)
    return describe_bulk(service, bulk)
