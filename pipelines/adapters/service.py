"""Our own server: `service:http://127.0.0.1:8077`, which `editproof serve` started.

Pictures go there and come back as float32, so an edit is to the bit what the server's own library
gives. A picture beyond the server's limits is cut into tiles that overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np

from editproof.pipelines.adapters.base import STAGE, Service
from editproof.pipelines.adapters.errors import AnswerError
from editproof.pipelines.adapters.fields import ServerFields, read_table
from editproof.pipelines.adapters.pictures import encode_image
from editproof.pipelines.adapters.service_stages import Pictures, bind_stage, pack_request
from editproof.pipelines.array_file import encode_array
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import (
    ContractError,
    EditRequest,
    EditResult,
    Image,
    Mask,
    Param,
    StageTrace,
    Status,
)
from editproof.pipelines.edit import Edit, Pixels
from editproof.pipelines.files import decode_image
from editproof.pipelines.reference import Program, ReferencePipeline, order_stages
from editproof.pipelines.routing import parse_tiers
from editproof.pipelines.stages.tiling import join_tiles, tile_starts

PIXEL_BYTES = 12
HEADER_BYTES = 256


class Fields(ServerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told."""

    url: str
    scales: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    needs_mask: bool = False
    settings: dict[str, str | bool | int | float] = msgspec.field(default_factory=dict)
    """Settings of the reference pipeline by dotted name. What is not named is as the server has
    it."""
    max_request_mib: int = 0
    """Largest body that is sent; 0: what the server takes. A gateway before it may take less."""
    overlap_px: int = 64
    """Overlap of tiles, where a picture is too large to be sent whole."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_request_mib < 0 or self.overlap_px < 0:
            raise ValueError("max_request_mib and overlap_px must be 0 or above")

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """`service:URL`"""
        return {"url": target}

    @property
    def address(self) -> str:
        """The server's URL."""
        return self.url.rstrip("/") + "/"


class _Limits(NamedTuple):
    """What the server takes in one request, and what comes back in one answer."""

    body_bytes: int
    pixels: int
    answer_bytes: int

    def largest_px(self, scale: int) -> int:
        """Edge of the largest square that can be sent and come back."""
        sent = (self.body_bytes - HEADER_BYTES) // PIXEL_BYTES
        got = (self.answer_bytes - HEADER_BYTES) // PIXEL_BYTES // scale**2
        return int(max(0, min(sent, got, self.pixels)) ** 0.5)


class OwnService(Service[Fields]):
    """A running server."""

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        asked = self.client.ask("POST", "v1/pipeline", json={"settings": fields.settings})
        stated = _require_table(asked.json(), fields.address)
        limits = stated["limits"]
        self._settings: Mapping[str, Param] = stated["settings"]
        self._limits = _Limits(
            (fields.max_request_mib or limits["max_body_mib"]) << 20,
            min(limits["max_pixels"], limits["max_output_pixels"]),
            fields.max_answer_mib << 20,
        )
        self.fingerprint = self.identify({"fingerprint": stated["fingerprint"]})
        self.stochastic = fields.stochastic and bool(stated["stochastic"])

    def make_edit(self, request: EditRequest) -> EditResult:
        """Ask for one edit, in tiles where it is too large for one."""
        file = self._pack_image(request)
        if file is not None:
            return self._edit_whole(request, file)
        return self._edit_tiles(request)

    def _pack_image(self, request: EditRequest) -> bytes | None:
        """The image as it is sent; None: it is too large to be sent without losses."""
        height, width = request.image.shape[:2]
        answer_bytes = height * width * request.scale**2 * PIXEL_BYTES + HEADER_BYTES
        if height * width > self._limits.pixels or answer_bytes > self._limits.answer_bytes:
            return None
        if request.file and len(request.file) <= self._limits.body_bytes:
            return request.file
        if height * width * PIXEL_BYTES + HEADER_BYTES <= self._limits.body_bytes:
            return encode_array(request.image)
        small = encode_image(request.image).data
        is_exact = len(small) <= self._limits.body_bytes and np.array_equal(
            decode_image(small)[0], request.image
        )
        return small if is_exact else None

    def _edit_whole(self, request: EditRequest, file: bytes) -> EditResult:
        pictures = Pictures(self.client)
        body = {
            **pack_request(request, pictures.put_file(file), pictures),
            "settings": {**self.fields.settings, **request.config},
        }
        answer = self.client.ask("POST", "v1/edit", json=body)
        made = _require_table(answer.json(), answer.url)
        stages = tuple(
            StageTrace(str(one["name"]), float(one["ms"]) / 1000, str(one["decision"]))
            for one in made["stages"]
        )
        whole = StageTrace(STAGE, 0.0, f"edit {made['id']}")
        return EditResult(
            None if made["image"] is None else pictures.get(made["image"]),
            Status(made["status"]),
            str(made["reason"]),
            (*stages, whole),
            dict(made["request"]["settings"]),
        )

    def _edit_tiles(self, request: EditRequest) -> EditResult:
        """The same tile by tile, joined octave by octave where tiles overlap."""
        size, overlap = self._limits.largest_px(request.scale), self.fields.overlap_px
        if size <= 2 * overlap:
            raise ContractError(
                f"{self.fields.address} takes tiles of at most {size} px, which can't overlap by"
                f" {overlap} px. Set a smaller overlap_px, or let the server take more"
            )
        if why := self._find_too_much(request):
            return self.refuse(why)
        height, width = (edge * request.scale for edge in request.image.shape[:2])
        made: list[EditResult] = []
        changed = np.zeros(request.image.shape[:2], bool)

        def edit_row(y: int) -> Image:
            tiles = self._edit_row(request, y, size, made, changed)
            return join_tiles(tiles, width, axis=1, join="pyramid")

        rows = (
            (y * request.scale, edit_row(y))
            for y in tile_starts(request.image.shape[0], size_px=size, overlap_px=overlap)
        )
        image = np.clip(join_tiles(rows, height, axis=0, join="pyramid"), 0, 1)
        if request.scale == 1:  # joining spreads what changed a little
            image = np.where(changed[..., None], image, request.image)
        review = [one.reason for one in made if one.status is not Status.DONE]
        decision = f"{len(made)} tiles of up to {size} px, overlap {overlap} px"
        return EditResult(
            image,
            Status.NEEDS_REVIEW if review else Status.DONE,
            "; ".join(dict.fromkeys(review)),
            (StageTrace(STAGE, 0.0, decision),),
            {**self._settings, **request.config},
        )

    def _edit_row(
        self, request: EditRequest, y: int, size: int, made: list[EditResult], changed: Pixels
    ) -> Iterator[tuple[int, Image]]:
        """A row of tiles, each with where it starts in the result. Results are appended to `made`,
        and pixels that changed are marked.
        """
        overlap = self.fields.overlap_px
        for x in tile_starts(request.image.shape[1], size_px=size, overlap_px=overlap):
            place = slice(y, y + size), slice(x, x + size)
            tile = _cut_tile(request, place)
            if tile.scale == 1 and tile.mask is not None and not tile.mask.any():
                yield x, tile.image
                continue
            result = self._edit_whole(tile, encode_array(tile.image))
            made.append(result)
            if result.image is None:
                raise AnswerError(
                    f"{self.fields.address} refuses the tile at {x}, {y}: {result.reason}"
                )
            if request.scale == 1:
                changed[place] |= (result.image != tile.image).any(axis=2)
            yield x * request.scale, result.image

    def _find_too_much(self, request: EditRequest) -> str:
        """Why the whole would be refused, which no tile can know."""
        settings = {**self._settings, **request.config}
        most = float(settings["mask.max_coverage"])
        coverage = 0.0 if request.mask is None else float(request.mask.mean())
        return f"coverage {coverage:.3f} > {most:.3f}" if coverage > most else ""

    def start(self, request: EditRequest) -> Edit:
        """What the first stage is given. Raises ContractError where a setting of the server names a
        file that is not here.
        """
        config = ReferenceConfig().with_settings(self._settings)
        return ReferencePipeline(config).start(request)

    def stages(self, request: EditRequest) -> Program:
        """The server's stages in their order, each working by the server's settings; none where the
        server routes.
        """
        config = ReferenceConfig().with_settings(self._settings).for_request(request.config)
        if parse_tiers(config.route):
            return ()
        return tuple(
            (name, bind_stage(self.client, name, self.fields.settings))
            for name, _ in order_stages(config)
        )

    def finish(self, edit: Edit, traces: Sequence[StageTrace]) -> EditResult:
        """The result of what the last stage handed on."""
        return ReferencePipeline(edit.config).finish(edit, traces)


def _cut_tile(request: EditRequest, place: tuple[slice, slice]) -> EditRequest:
    """The part of a request that is about a part of its picture. How much of it is masked says
    nothing, so no tile is refused for that.
    """

    def cut(plane: Mask | None) -> Mask | None:
        return None if plane is None else np.ascontiguousarray(plane[place])

    return replace(
        request,
        image=np.ascontiguousarray(request.image[place]),
        mask=cut(request.mask),
        strokes_add=cut(request.strokes_add),
        strokes_subtract=cut(request.strokes_subtract),
        protect={name: np.ascontiguousarray(one[place]) for name, one in request.protect.items()},
        file=b"",
        config={**request.config, "mask.max_coverage": 1.0},
    )


def _require_table(answer: Any, where: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise AnswerError(f"{where} is not a server of editproof: it answers with no table")
    return answer


def build(table: str) -> OwnService:
    """The pipeline that the fields describe."""
    return OwnService(read_table(table, Fields))
