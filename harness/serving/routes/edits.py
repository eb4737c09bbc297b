"""Whole edits: made, looked at, made again."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from editproof.harness.serving.bodies import BudgetsAnswer, EditAnswer, EditQuestion, Id
from editproof.harness.serving.budgets import report_budgets
from editproof.harness.serving.database import EditRecord
from editproof.harness.serving.engine import Watch
from editproof.harness.serving.history import describe_edit, find_edit, replay_edit, write_case
from editproof.harness.serving.keys import Caller, Editor, Reader, wants_page
from editproof.harness.serving.making import Order, Timing, make_edit
from editproof.harness.serving.masks import settle_question
from editproof.harness.serving.pages import HEADERS, write_edit_page
from editproof.harness.serving.problems import Problem, request_id_of
from editproof.harness.serving.reading import PNG, describe_body, read_question, wants_png
from editproof.harness.serving.service import Service, ServiceOf
from editproof.harness.serving.store import to_png

VARY = {"Vary": "Accept"}

router = APIRouter(prefix="/v1", tags=["edits"])


@router.post(
    "/edit",
    openapi_extra=dict(describe_body(EditQuestion)),
    response_model=EditAnswer,
    responses={200: PNG},
)
async def edit(request: Request, service: ServiceOf, caller: Editor) -> Response:
    """Make an edit. With `Accept: image/png` the answer is the picture, rounded to 8 bits."""
    with_timing = Timing()
    record = await ask_edit(request, service, caller, with_timing)
    headers = {
        "Server-Timing": with_timing.header,
        "Location": f"/v1/edits/{record.id}",
        "X-Edit-Status": record.status,
    }
    if not wants_png(request):
        body = describe_edit(record).model_dump_json()
        return Response(body, media_type="application/json", headers=headers)
    data = await run_in_threadpool(to_png, service.pictures.read(picture_of(record)))
    return Response(data, media_type="image/png", headers=headers)


async def ask_edit(
    request: Request, service: Service, caller: Caller, timing: Timing
) -> EditRecord:
    """Read the question, and make the edit when it is its turn."""
    asked = await read_question(request, service, caller, EditQuestion)

    def work(watch: Watch) -> EditRecord:
        question = settle_question(service, caller.owner, asked)
        order = Order(caller.owner, request_id_of(request), question)
        return make_edit(service, order, watch, timing)

    return await service.engine.run(work)


def picture_of(record: EditRecord) -> str:
    """Hash of an edit's picture. Raises Problem 422 where the edit was refused."""
    if record.image is None:
        raise Problem(
            422,
            "edit_refused",
            record.reason,
            remedy="Change what the reason names, or keep the picture as it is.",
            edit=record.id,
        )
    return record.image


@router.get(
    "/edits/{edit_id}",
    response_model=EditAnswer,
    responses={200: {"content": {"text/html": {}}}},
)
def get_edit(edit_id: Id, request: Request, service: ServiceOf, caller: Reader) -> Response:
    """How an edit was made: every setting, seed, fingerprint, decision and time. A browser gets a
    page, and asks for the key as a password.
    """
    edit = describe_edit(find_edit(service, caller.owner, edit_id))
    if wants_page(request):
        return HTMLResponse(write_edit_page(edit), headers=HEADERS)
    return Response(edit.model_dump_json(), media_type="application/json", headers=VARY)


@router.post("/edits/{edit_id}/replay")
async def replay(
    edit_id: Id, request: Request, response: Response, service: ServiceOf, caller: Editor
) -> EditAnswer:
    """Make an edit again: the same bytes, or 409 where models, code or libraries are others."""
    timing = Timing()
    request_id = request_id_of(request)
    record = await service.engine.run(
        lambda watch: replay_edit(service, caller.owner, edit_id, request_id, watch, timing)
    )
    response.headers["Server-Timing"] = timing.header
    return describe_edit(record)


@router.get(
    "/edits/{edit_id}/case",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)
def get_case(edit_id: Id, service: ServiceOf, caller: Reader) -> Response:
    """The edit as a case for `editproof run --cases`: a zip with a folder of its own."""
    record = find_edit(service, caller.owner, edit_id)
    headers = {"Content-Disposition": f'attachment; filename="edit-{record.id}.zip"'}
    return Response(write_case(service, record), media_type="application/zip", headers=headers)


@router.get("/budgets")
def get_budgets(service: ServiceOf, caller: Reader) -> BudgetsAnswer:
    """How often each stage kept its `budget_ms` in the caller's latest edits."""
    return report_budgets(service, caller.owner)
