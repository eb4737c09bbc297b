"""Edits that are made later: kept in the database, so that no accepted job is lost.

A job is `queued`, `running`, then `done`, `failed` or `cancelled`. One that ran when the server
ended runs again, and gives the same picture. Its edit has its id, so it is made once.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from editproof.harness.serving.bodies import EditQuestion, JobAnswer
from editproof.harness.serving.database import EditRecord, Job, hold_pictures
from editproof.harness.serving.engine import StoppedError, Watch
from editproof.harness.serving.forgetting import ENDED
from editproof.harness.serving.items import make_item
from editproof.harness.serving.making import Order, Timing, make_edit
from editproof.harness.serving.problems import Problem, explain_contract
from editproof.harness.serving.service import Service, pictures_of
from editproof.pipelines.contract import ContractError
from editproof.pipelines.files import UnreadablePictureError

POLL_S = 0.2
"""Between two looks at a job, for whoever follows it."""

HOLD_S = 8.0
"""How long a job belongs to a process that does not say that it lives."""

IDLE_S = 2.0
"""Between two looks for jobs that another process accepted."""

RETRY_AFTER_S = 30

log = structlog.get_logger()


class JobRunner:
    """Makes the jobs, the oldest first, beside the edits that somebody waits for."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._new = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._watch = Watch()
        self._job = ""
        """Id of the job that runs."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give up the job that runs, at its next stage: it is queued again."""
        self._watch.stop()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._job:
            _note(self._service, self._job, state="queued", held_until=0.0)

    def wake(self) -> None:
        """There is a new job."""
        self._new.set()

    def wake_soon(self) -> None:
        """The same from another thread."""
        self._loop.call_soon_threadsafe(self.wake)

    async def _run(self) -> None:
        while True:
            self._new.clear()
            job = await asyncio.to_thread(take_job, self._service)
            if job is not None:
                self._job = job.id
                holding = asyncio.create_task(_hold(self._service, job.id))
                try:
                    await self._make(job)
                finally:
                    holding.cancel()
                self._job = ""
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._new.wait(), IDLE_S)

    async def _make(self, job: Job) -> None:
        service = self._service
        watch = self._watch = Watch(lambda stage: _note(service, job.id, stage=stage))

        def work(watch: Watch) -> str | None:
            if has_edit(service, job.id):  # the server ended just after it was kept
                return job.id
            if job.bulk:
                return make_item(service, job, watch)
            question = EditQuestion.model_validate(job.question)
            order = Order(job.owner, f"job-{job.id}", question, edit_id=job.id)
            return make_edit(service, order, watch, Timing()).id

        changes: dict[str, Any]
        try:
            limit_s = service.settings.limits.job_timeout_s
            edit = await service.engine.run_queued(work, watch, limit_s)
            changes = {"state": "done", "edit": edit}
        except StoppedError:
            changes = {"state": "cancelled"}
        except Problem as problem:
            changes = _failed(job, problem)
        except (ContractError, UnreadablePictureError) as error:
            changes = _failed(job, explain_contract(error))
        except Exception:
            log.exception("job failed", job=job.id)
            changes = _failed(job, _internal_error())
        await asyncio.to_thread(_note, service, job.id, **changes)


def has_edit(service: Service, edit_id: str) -> bool:
    """Whether that edit was made."""
    with service.database.reading() as session:
        return session.get(EditRecord, edit_id) is not None


def add_job(
    service: Service, owner: str, question: EditQuestion, idempotency_key: str | None
) -> Job:
    """Keep a job. The same idempotency key gives the same job, however often it is sent.

    Raises Problem 409 where the key was used for another request, 429 where too many jobs wait.
    """
    asked = question.model_dump(mode="json")
    with service.database.writing() as session:
        before = _find_by_key(session, owner, idempotency_key)
        if before is not None:
            if before.question != asked:
                raise used_key(str(idempotency_key), before.id)
            return before
        check_room(service, session, owner, 1)
        job = Job(id=uuid.uuid4().hex, owner=owner, idempotency_key=idempotency_key, question=asked)
        session.add(job)
        hold_pictures(session, owner, pictures_of(question))
    return job


def used_key(idempotency_key: str, before: str) -> Problem:
    """409: the key was used for another request."""
    return Problem(
        409,
        "idempotency_key_used",
        f"The Idempotency-Key {idempotency_key!r} was used for another request.",
        field="Idempotency-Key",
        remedy="Send a new key with each new request.",
        before=before,
    )


def find_job(service: Service, owner: str, job_id: str) -> Job:
    """A job of that owner. Raises Problem 404 where there is none."""
    with service.database.reading() as session:
        found = session.get(Job, job_id)
    if found is None or found.owner != owner:
        raise Problem(
            404,
            "unknown_job",
            f"There is no job {job_id}.",
            remedy="Use an id that POST /v1/jobs gave to this key.",
        )
    return found


def take_job(service: Service) -> Job | None:
    """The oldest job that waits, or whose process has ended. It runs from now on. A picture of a
    bulk comes after all single jobs. None: no job waits.
    """
    now = time.time()
    left = (Job.state == "running") & (Job.held_until < now)
    waits = (
        select(Job.id)
        .where((Job.state == "queued") | left)
        .order_by(Job.bulk.is_not(None), Job.made_at)
        .limit(1)
    )
    with service.database.reading() as session:
        if session.scalar(waits) is None:
            return None
    with service.database.writing() as session:
        taken = session.scalars(
            update(Job)
            .where(Job.id == waits.scalar_subquery())
            .values(state="running", attempts=Job.attempts + 1, held_until=now + HOLD_S)
            .returning(Job)
        )
        return taken.first()


async def _hold(service: Service, job_id: str) -> None:
    """Say again and again that this process makes the job."""
    while True:
        await asyncio.sleep(HOLD_S / 4)
        await asyncio.to_thread(_note, service, job_id, held_until=time.time() + HOLD_S)


def cancel_job(service: Service, owner: str, job_id: str) -> Job:
    """End a job: at once where it waits, before its next stage where it runs."""
    find_job(service, owner, job_id)
    with service.database.writing() as session:
        session.execute(
            update(Job).where(Job.id == job_id, Job.state.not_in(ENDED)).values(state="cancelled")
        )
    return find_job(service, owner, job_id)


async def follow_job(service: Service, owner: str, job_id: str) -> AsyncIterator[JobAnswer]:
    """A job each time that it has changed, until it has ended."""
    last = None
    while True:
        job = describe_job(await asyncio.to_thread(find_job, service, owner, job_id))
        if job != last:
            yield job
        if job.state in ENDED:
            return
        last = job
        await asyncio.sleep(POLL_S)


def describe_job(job: Job) -> JobAnswer:
    """A job, for whoever asked for it."""
    return JobAnswer(
        id=job.id,
        state=job.state,  # type: ignore[arg-type]
        stage=job.stage,
        attempts=job.attempts,
        edit=job.edit,
        problem=job.problem,
    )


def _failed(job: Job, problem: Problem) -> dict[str, Any]:
    told = problem.as_json(f"/v1/jobs/{job.id}", f"job-{job.id}")
    return {"state": "failed", "problem": told}


def _internal_error() -> Problem:
    return Problem(
        500,
        "internal_error",
        "The server failed at this job; its log has the reason.",
        remedy="Report it with the job's id.",
    )


def _find_by_key(session: Session, owner: str, key: str | None) -> Job | None:
    if key is None:
        return None
    query = select(Job).where(Job.owner == owner, Job.idempotency_key == key)
    return session.scalars(query).first()


def check_room(service: Service, session: Session, owner: str, more: int) -> None:
    """Raise Problem 429 where so many more jobs would be too many."""
    most = service.settings.limits.jobs
    waiting = select(func.count()).where(Job.owner == owner, Job.state.not_in(ENDED))
    count = session.scalar(waiting) or 0
    if count + more > most:
        service.metrics.turned_away.inc()
        raise Problem(
            429,
            "too_many_jobs",
            f"{count} jobs wait already; at most {most} may, and {more} more are asked for.",
            remedy="Wait until some have ended.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
            limit=most,
        )


def _note(service: Service, job_id: str, **changes: Any) -> bool:
    """Change a job that runs; gives whether it still does. Somebody may have cancelled it."""
    with service.database.writing() as session:
        running = update(Job).where(Job.id == job_id, Job.state == "running")
        return session.scalars(running.values(**changes).returning(Job.id)).first() is not None
