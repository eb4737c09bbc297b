"""Each stage of the reference pipeline alone. What it hands on goes by hash, so the next stage may
run on another machine. With `Accept: image/png` the answer is what the stage made, in 8 bits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from editproof.harness.serving.bodies import StageAnswer, StageQuestion
from editproof.harness.serving.engine import Watch
from editproof.harness.serving.keys import Editor
from editproof.harness.serving.making import Timing
from editproof.harness.serving.masks import settle_question
from editproof.harness.serving.reading import PNG, describe_body, read_question, wants_png
from editproof.harness.serving.service import ServiceOf
from editproof.harness.serving.staging import run_stage
from editproof.harness.serving.store import to_png
from editproof.pipelines.adapters.service_stages import path_of
from editproof.pipelines.reference import STAGES

router = APIRouter(prefix="/v1", tags=["stages"])


def _serve(name: str) -> Callable[..., Awaitable[Response]]:
    async def stage(request: Request, service: ServiceOf, caller: Editor) -> Response:
        asked = await read_question(request, service, caller, StageQuestion)
        timing = Timing()

        def work(watch: Watch) -> StageAnswer:
            watch.enter(name)
            question = settle_question(service, caller.owner, asked)
            return run_stage(service, caller.owner, name, question, timing)

        answer = await service.engine.run(work)
        headers = {"Server-Timing": timing.header}
        if answer.artefact is None or not wants_png(request):
            return Response(
                answer.model_dump_json(), media_type="application/json", headers=headers
            )
        data = await run_in_threadpool(to_png, service.pictures.read(answer.artefact))
        return Response(data, media_type="image/png", headers=headers)

    return stage


for _name, _stage in STAGES:
    router.add_api_route(
        f"/{path_of(_name)}",
        _serve(_name),
        methods=["POST"],
        name=_name,
        description=_stage.__doc__,
        response_model=StageAnswer,
        responses={200: PNG},
        openapi_extra=dict(describe_body(StageQuestion)),
    )
