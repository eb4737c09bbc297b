"""The desk as a web application for one browser on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from editproof.harness.pictures import files
from editproof.harness.records.decisions import Place
from editproof.harness.records.errors import EditproofError
from editproof.harness.review.asking import find_request
from editproof.harness.review.bodies import (
    ApplyQuestion,
    CaseQuestion,
    DecisionQuestion,
    ReasonQuestion,
    RerunBody,
    describe_decisions,
    describe_desk,
    describe_others,
    describe_question,
    describe_rerun,
)
from editproof.harness.review.desk import Desk, Ruling, UnknownCaseError, apply_decisions
from editproof.harness.review.gateway import DeskGate, DeskKeys
from editproof.harness.review.keeping import CaseContent
from editproof.harness.review.pictures import DeskPictures, PictureKind
from editproof.harness.review.rerunning import RerunQuestion, Reruns
from editproof.harness.serving.problems import Problem, install_handlers

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}

AT_A_TIME = 2
"""Pictures that are made at a time: a decision never waits for a page full of them."""

NOT_KEPT = {"Cache-Control": "no-store"}
KEPT_BY_BROWSER = {"Cache-Control": "private, max-age=86400"}


def make_app(
    desk: Desk, reruns: Reruns, page: Mapping[str, bytes], keys: DeskKeys, port: int
) -> FastAPI:
    """The application. `page`: path -> content of `index.html` and of what lies beside it."""
    app = FastAPI(title="editproof review", docs_url=None, redoc_url=None)
    install_handlers(app)

    @app.exception_handler(EditproofError)
    async def on_refusal(request: Request, error: EditproofError) -> JSONResponse:
        problem = Problem(409, "not_possible", str(error), remedy="The message says what to do.")
        return problem.as_response(request.url.path, "")

    @app.exception_handler(OSError)
    async def on_disk(request: Request, error: OSError) -> JSONResponse:
        where = error.filename or "a file"
        problem = Problem(
            507,
            "disk",
            f"{where}: {error.strerror or error}.",
            remedy="Check the path, its permissions and the room on the disk.",
        )
        return problem.as_response(request.url.path, "")

    _add_page(app, page)
    _add_pictures(app, DeskPictures(desk))
    _add_decisions(app, desk)
    _add_cases(app, desk, reruns)
    _add_reruns(app, reruns)
    app.add_middleware(DeskGate, keys=keys, port=port)
    return app


def _add_page(app: FastAPI, page: Mapping[str, bytes]) -> None:
    @app.get("/")
    def get_index() -> Response:
        return _give_file(page, "index.html")

    @app.get("/static/{name}")
    def get_static(name: str) -> Response:
        return _give_file(page, f"static/{name}")


def _give_file(page: Mapping[str, bytes], path: str) -> Response:
    if path not in page:
        raise Problem(404, "not_found", f"There is no {path[:100]}.", remedy="Reload the desk.")
    kind = MEDIA_TYPES[f".{path.rpartition('.')[2]}"]
    return Response(page[path], media_type=kind, headers=NOT_KEPT)


def _add_pictures(app: FastAPI, pictures: DeskPictures) -> None:
    limiter = CapacityLimiter(AT_A_TIME)

    @app.get("/picture/{number}/{kind}")
    async def get_picture(
        number: int, kind: PictureKind, edge: Annotated[int, Query(ge=0)] = 0
    ) -> Response:
        try:
            data, media_type = await to_thread.run_sync(
                pictures.get, number, kind, edge, limiter=limiter
            )
        except (LookupError, UnknownCaseError):
            raise Problem(
                404, "no_picture", "The case does not have that picture.", remedy="Choose another."
            ) from None
        return Response(data, media_type=media_type, headers=KEPT_BY_BROWSER)


def _add_decisions(app: FastAPI, desk: Desk) -> None:
    known = _as_json(describe_desk(desk)).body

    @app.get("/api/desk")
    def get_desk() -> Response:
        return Response(known, media_type="application/json")

    @app.get("/api/decisions")
    def get_decisions(version: int = -1) -> Response:
        same = version == len(desk.read_decisions())
        return _as_json({"same": True} if same else describe_decisions(desk))

    @app.post("/api/decisions")
    def post_decision(question: DecisionQuestion) -> Response:
        decision = desk.decide(_make_ruling(desk, question))
        return _as_json(describe_decisions(desk, [case.id for case in decision.cases]))

    @app.post("/api/undo")
    def post_undo() -> Response:
        decision = desk.undo()
        here = [case.id for case in decision.cases if case.id in desk.numbers]
        return _as_json(describe_decisions(desk, here))

    @app.get("/api/answers")
    def get_answers() -> Response:
        return _as_json({"answers": [answer for _, answer in desk.list_answers()]})

    @app.post("/api/apply")
    def post_apply(question: ApplyQuestion) -> Response:
        if desk.read_only:
            raise Problem(
                403,
                "read_only",
                "This desk is for looking only.",
                remedy="Start it without --read-only.",
            )
        folder, count = apply_decisions(desk, question.reason)
        return _as_json({"baseline": str(folder), "cases": count})


def _add_cases(app: FastAPI, desk: Desk, reruns: Reruns) -> None:
    @app.get("/api/others")
    def get_others() -> Response:
        return _as_json(describe_others(desk))

    @app.get("/api/cases/{number}")
    def get_case(number: int) -> Response:
        return _as_json(describe_question(desk, reruns, number))

    @app.get("/api/cases/{number}/mask")
    def get_mask(number: int) -> Response:
        mask = find_request(desk.run, desk.find_case(number).case).request.mask
        if mask is None:
            raise Problem(404, "no_mask", "The case gives no mask.", remedy="Draw one.")
        return Response(files.encode_png(mask), media_type="image/png", headers=NOT_KEPT)

    @app.post("/api/cases")
    def post_case(question: CaseQuestion) -> Response:
        expected = None if question.rerun is None else reruns.find_whole(question.rerun)
        content = CaseContent(question.mask, question.prompt, question.settings, expected)
        kept = desk.keep_case(question.case, question.name, content)
        return _as_json({"folder": str(kept.folder), "mask": kept.mask})


def _add_reruns(app: FastAPI, reruns: Reruns) -> None:
    @app.get("/api/reruns")
    def get_reruns() -> Response:
        return _as_json({"reruns": [describe_rerun(one) for one in reruns.list_all()]})

    @app.post("/api/reruns")
    def post_rerun(body: RerunBody) -> Response:
        question = RerunQuestion(
            body.case, body.mask, body.prompt, body.seed, body.settings, body.small
        )
        return _as_json(describe_rerun(reruns.start(question)))

    @app.post("/api/reruns/{number}/cancel")
    def post_cancel(number: int) -> Response:
        return _as_json(describe_rerun(reruns.cancel(number)))

    @app.post("/api/reruns/{number}/forget")
    def post_forget(number: int) -> Response:
        return _as_json(describe_rerun(reruns.forget(number)))

    @app.post("/api/reruns/{number}/keep")
    def post_keep(number: int, question: ReasonQuestion) -> Response:
        return _as_json(describe_rerun(reruns.keep(number, question.reason)))

    @app.get("/api/reruns/{number}/picture")
    def get_rerun_picture(number: int) -> Response:
        data = reruns.find_picture(number).read_bytes()
        return Response(data, media_type="image/png", headers=KEPT_BY_BROWSER)


def _as_json(value: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _make_ruling(desk: Desk, question: DecisionQuestion) -> Ruling:
    numbers = dict.fromkeys(question.cases)
    if not all(0 <= number < len(desk.changes) for number in numbers):
        raise Problem(422, "unknown_case", "No case has that number.", remedy="Reload the desk.")
    place = question.place
    return Ruling(
        question.kind,
        tuple(desk.changes[number].case.id for number in numbers),
        question.reason,
        Place(place.x, place.y) if place else None,
        question.expires,
    )
