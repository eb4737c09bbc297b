"""The shapes that other clients speak: OpenAI's image edits, and IOPaint's inpainting.

An edit asked in either is recorded like any other. Fields that have no meaning here, such as
`quality` or `hd_strategy`, are not looked at.
"""

from __future__ import annotations

import io
import secrets
import time
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from PIL import Image as Pil
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from editproof.harness.serving.bodies import LONGEST_PROMPT, MAX_INT, MAX_SCALE, EditQuestion
from editproof.harness.serving.database import EditRecord
from editproof.harness.serving.engine import Watch
from editproof.harness.serving.keys import Caller, Editor, Reader
from editproof.harness.serving.making import Order, Timing, make_edit
from editproof.harness.serving.problems import OPENAI_PATH, Problem, request_id_of
from editproof.harness.serving.reading import check_body, parse_json
from editproof.harness.serving.routes.edits import picture_of
from editproof.harness.serving.service import Service, ServiceOf, pipeline_of
from editproof.harness.serving.store import media_type_of
from editproof.pipelines.adapters.errors import AnswerError
from editproof.pipelines.adapters.pictures import decode_data, encode_image
from editproof.pipelines.contract import Mask
from editproof.pipelines.reach import FILLS

router = APIRouter(tags=["foreign"])

MOST_PICTURES = 10
"""Of one request in OpenAI's shape."""

DEFAULT_SEED = 42
"""IOPaint's."""

KINDS = {"image/jpeg": "jpeg", "image/webp": "webp"}


class OpenAIFields(BaseModel):
    """What is read of a form in OpenAI's shape."""

    model_config = ConfigDict(extra="ignore")

    prompt: str = Field(default="", max_length=LONGEST_PROMPT)
    model: str = ""
    n: int = Field(default=1, ge=1, le=MOST_PICTURES)
    size: str = Field(default="auto", pattern=r"^(auto|\d{1,5}x\d{1,5})?$")
    output_format: Literal["png", "jpeg", "webp"] = "png"
    response_format: Literal["b64_json"] = "b64_json"
    seed: int = Field(default=0, ge=-MAX_INT, le=MAX_INT - MOST_PICTURES)


class IOPaintBody(BaseModel):
    """What is read of a body in IOPaint's shape."""

    model_config = ConfigDict(extra="ignore")

    image: str
    mask: str
    prompt: str = Field(default="", max_length=LONGEST_PROMPT)
    sd_seed: Annotated[int, Field(ge=-1, le=MAX_INT)] = DEFAULT_SEED


def _describe(media_type: str, kind: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI words for a body; a form has files, too."""
    schema = kind.model_json_schema()
    if media_type.startswith("multipart"):
        file = {"type": "string", "format": "binary"}
        schema["properties"] |= {"image": file, "mask": file}
        schema["required"] = ["image"]
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


@router.post(OPENAI_PATH, openapi_extra=_describe("multipart/form-data", OpenAIFields))
async def openai_edits(
    request: Request, response: Response, service: ServiceOf, caller: Editor
) -> dict[str, Any]:
    """OpenAI's `images/edits`, and `seed`: a form with `image`, `mask` (alpha 0 is edited) and
    `prompt`. Without a mask, what is transparent in the image is edited, or else what is detected.
    """
    async with request.form(max_files=MOST_PICTURES * 2) as form:
        words = {name: value for name, value in form.items() if isinstance(value, str)}
        fields = check_body(words, OpenAIFields)
        image = await _read_file(form.get("image", form.get("image[]")), "image")
        mask = await _read_file(form["mask"], "mask") if "mask" in form else None
    timing = Timing()

    def work(watch: Watch) -> list[tuple[EditRecord, str]]:
        question = _ask_as_openai(service, caller, fields, image, mask)
        questions = [
            question.model_copy(update={"seed": question.seed + number})
            for number in range(fields.n)
        ]
        return [_make(service, caller, request, one, watch, timing, fields) for one in questions]

    made = await service.engine.run(work)
    response.headers["Server-Timing"] = timing.header
    return {
        "created": int(time.time()),
        "output_format": fields.output_format,
        "data": [
            {
                "b64_json": picture,
                "edit": record.id,
                "status": record.status,
                "reason": record.reason,
            }
            for record, picture in made
        ],
    }


@router.get("/api/v1/model")
def iopaint_model(service: ServiceOf, _: Reader) -> dict[str, Any]:
    """The model in force, as IOPaint names it; `path` is the pipeline's fingerprint."""
    name = service.config.inpaint.model
    return {
        "name": name,
        "path": pipeline_of(service.config).fingerprint,
        "model_type": "inpaint",
        "need_prompt": False,
    }


@router.post(
    "/api/v1/inpaint",
    response_class=Response,
    openapi_extra=_describe("application/json", IOPaintBody),
    responses={200: {"content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}}}},
)
async def iopaint_inpaint(request: Request, service: ServiceOf, caller: Editor) -> Response:
    """IOPaint's `inpaint`: JSON with `image` and `mask` in base64, white is edited. The picture
    comes back in the format that it came in, with its seed in `X-Seed`.
    """
    body = check_body(parse_json(await request.body(), "the body"), IOPaintBody)
    seed = secrets.randbelow(MAX_INT) if body.sd_seed == -1 else body.sd_seed
    timing = Timing()

    def work(watch: Watch) -> tuple[EditRecord, Response]:
        image = _decode_base64(body.image, "image")
        drawn = _decode_base64(body.mask, "mask")
        service.pictures.check(drawn)
        mask = decode_white(drawn)
        question = EditQuestion(
            image=_keep(service, caller, image),
            mask=_keep_plane(service, caller, mask),
            prompt=body.prompt,
            seed=seed,
        )
        _check_same_size(service, question)
        order = Order(caller.owner, request_id_of(request), question)
        record = make_edit(service, order, watch, timing)
        kind = KINDS.get(media_type_of(image), "png")
        picture = encode_image(service.pictures.load_image(picture_of(record)), kind)
        return record, Response(picture.data, media_type=picture.media_type)

    record, answer = await service.engine.run(work)
    answer.headers.update(
        {
            "X-Seed": str(seed),
            "X-Edit-Status": record.status,
            "Location": f"/v1/edits/{record.id}",
            "Server-Timing": timing.header,
        }
    )
    return answer


def _make(
    service: Service,
    caller: Caller,
    request: Request,
    question: EditQuestion,
    watch: Watch,
    timing: Timing,
    fields: OpenAIFields,
) -> tuple[EditRecord, str]:
    """An edit, and its picture in base64."""
    record = make_edit(
        service, Order(caller.owner, request_id_of(request), question), watch, timing
    )
    image = service.pictures.load_image(picture_of(record))
    return record, encode_image(image, fields.output_format).base64


def _ask_as_openai(
    service: Service, caller: Caller, fields: OpenAIFields, image: bytes, mask: bytes | None
) -> EditQuestion:
    drawn = image if mask is None else mask
    service.pictures.check(drawn)
    plane = decode_transparent(drawn)
    if plane is None and mask is not None:
        raise Problem(
            400,
            "invalid_mask",
            "The mask has no transparency, which says what is edited.",
            field="mask",
            remedy="Send a PNG whose alpha is 0 where the picture is to be edited.",
        )
    question = EditQuestion(
        image=_keep(service, caller, image),
        mask=None if plane is None else _keep_plane(service, caller, plane),
        prompt=fields.prompt,
        seed=fields.seed,
        settings=_choose_model(service, fields.model),
    )
    if plane is not None:
        _check_same_size(service, question)
    height, width = service.pictures.load_image(question.image).shape[:2]
    return question.model_copy(update={"scale": find_scale(fields.size, height, width)})


def _choose_model(service: Service, model: str) -> dict[str, str | bool | int | float]:
    """The setting that a name of OpenAI's field means."""
    if not model or model == service.config.inpaint.model:
        return {}
    if model not in FILLS:
        raise Problem(
            404,
            "model_not_found",
            f"There is no model {model!r}.",
            field="model",
            remedy="Leave it out, or use one of GET /v1/models.",
        )
    return {"inpaint.model": model}


def find_scale(size: str, height: int, width: int) -> int:
    """How many times as large a result is asked for. Raises Problem where that is not a whole
    number.
    """
    if size in {"", "auto"}:
        return 1
    columns, rows = map(int, size.split("x"))
    scale = columns // width
    if not 1 <= scale <= MAX_SCALE or (columns, rows) != (width * scale, height * scale):
        raise Problem(
            400,
            "invalid_size",
            f"size is {size}, and the image is {width}x{height}.",
            field="size",
            remedy=f"Ask for auto, or for 1 to {MAX_SCALE} times the image's size.",
        )
    return scale


def decode_transparent(data: bytes) -> Mask | None:
    """A mask that is 1 where a picture is transparent; None: it is opaque, or has no alpha."""
    with Pil.open(io.BytesIO(data)) as picture:
        if not picture.has_transparency_data:
            return None
        alpha = np.asarray(picture.convert("RGBA").getchannel("A"), np.float32)
    mask: Mask = 1 - alpha / np.float32(255)
    return mask if mask.any() else None


def decode_white(data: bytes) -> Mask:
    """A mask that is 1 where a picture's luma is above 127, else 0, as IOPaint reads it."""
    with Pil.open(io.BytesIO(data)) as picture:
        return np.asarray(np.asarray(picture.convert("L")) > 127, np.float32)


async def _read_file(part: Any, name: str) -> bytes:
    if not isinstance(part, UploadFile):
        raise Problem(
            400,
            "missing_file",
            f"The form has no file {name!r}.",
            field=name,
            remedy="Send it as a file of the form.",
        )
    return await part.read()


def _decode_base64(text: str, name: str) -> bytes:
    try:
        return decode_data(text)
    except AnswerError:
        raise Problem(
            400,
            "bad_base64",
            f"{name} is not base64.",
            field=name,
            remedy="Send the file in base64, or as a data URL.",
        ) from None


def _keep(service: Service, caller: Caller, data: bytes) -> str:
    digest = service.pictures.put(data)
    service.hold(caller.owner, [digest])
    return digest


def _keep_plane(service: Service, caller: Caller, mask: Mask) -> str:
    digest = service.pictures.put_array(mask)
    service.hold(caller.owner, [digest])
    return digest


def _check_same_size(service: Service, question: EditQuestion) -> None:
    height, width = service.pictures.load_image(question.image).shape[:2]
    rows, columns = service.pictures.load_plane(str(question.mask)).shape
    if (height, width) != (rows, columns):
        raise Problem(
            400,
            "sizes_differ",
            f"The mask is {columns}x{rows}, and the image is {width}x{height}.",
            field="mask",
            remedy="Send a mask of the image's size.",
        )
