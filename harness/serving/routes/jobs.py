"""Edits that are made later, with their progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from editproof.harness.serving.bodies import EditQuestion, Id, JobAnswer
from editproof.harness.serving.database import Job
from editproof.harness.serving.jobs import (
    JobRunner,
    add_job,
    cancel_job,
    describe_job,
    find_job,
    follow_job,
)
from editproof.harness.serving.keys import Editor, Reader
from editproof.harness.serving.masks import settle_question
from editproof.harness.serving.reading import describe_body, read_question
from editproof.harness.serving.service import ServiceOf

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


def _runner_of(request: Request) -> JobRunner:
    runner: JobRunner = request.app.state.jobs
    return runner


RunnerOf = Annotated[JobRunner, Depends(_runner_of)]


@router.post("", status_code=202, openapi_extra=dict(describe_body(EditQuestion)))
async def post_job(
    request: Request,
    response: Response,
    service: ServiceOf,
    caller: Editor,
    runner: RunnerOf,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> JobAnswer:
    """Ask for an edit that is made later, as POST /v1/edit does. The same `Idempotency-Key` gives
    the same job, however often it is sent.
    """
    asked = await read_question(request, service, caller, EditQuestion)

    def keep() -> Job:
        question = settle_question(service, caller.owner, asked)
        service.config_for(question.settings)  # what is wrong now would be wrong later
        return add_job(service, caller.owner, question, idempotency_key)

    job = await run_in_threadpool(keep)
    runner.wake()
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return describe_job(job)


@router.get("/{job_id}")
def get_job(job_id: Id, service: ServiceOf, caller: Reader) -> JobAnswer:
    """How far a job is."""
    return describe_job(find_job(service, caller.owner, job_id))


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def get_events(job_id: Id, service: ServiceOf, caller: Reader) -> StreamingResponse:
    """A job's progress as server-sent events, one for each change, until it has ended."""
    await run_in_threadpool(find_job, service, caller.owner, job_id)

    async def write() -> AsyncIterator[str]:
        async for job in follow_job(service, caller.owner, job_id):
            yield f"event: {job.state}\ndata: {job.model_dump_json()}\n\n"

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(write(), media_type="text/event-stream", headers=headers)


@router.delete("/{job_id}")
def delete_job(job_id: Id, service: ServiceOf, caller: Editor) -> JobAnswer:
    """Cancel a job: at once where it waits, before its next stage where it runs."""
    return describe_job(cancel_job(service, caller.owner, job_id))
