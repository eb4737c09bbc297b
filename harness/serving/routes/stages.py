"""Each stage of the reference pipeline alone. What it hands on goes by hash, so the next stage may
run on another machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from editproof.harness.serving.bodies import StageAnswer, StageQuestion
from editproof.harness.serving.engine import Watch
from editproof.harness.serving.keys import Editor
from editproof.harness.serving.making import Timing
from editproof.harness.serving.masks import use_mask_in_force
from editproof.harness.serving.reading import describe_body, read_question
from editproof.harness.serving.service import ServiceOf, pictures_of
from editproof.harness.serving.staging import run_stage
from editproof.pipelines.adapters.service_stages import path_of
from editproof.pipelines.reference import STAGES

router = APIRouter(prefix="/v1", tags=["stages"])


def _serve(name: str) -> Callable[..., Awaitable[StageAnswer]]:
    async def stage(
        request: Request, response: Response, service: ServiceOf, caller: Editor
    ) -> StageAnswer:
        asked = await read_question(request, service, caller, StageQuestion)
        timing = Timing()

        def work(watch: Watch) -> StageAnswer:
            watch.enter(name)
            service.check_holds(caller.owner, pictures_of(asked.question))
            question = use_mask_in_force(service, caller.owner, asked)
            return run_stage(service, caller.owner, name, question, timing)

        answer = await service.engine.run(work)
        response.headers["Server-Timing"] = timing.header
        return answer

    return stage


for _name, _stage in STAGES:
    router.add_api_route(
        f"/{path_of(_name)}",
        _serve(_name),
        methods=["POST"],
        name=_name,
        description=_stage.__doc__,
        openapi_extra=dict(describe_body(StageQuestion)),
    )
