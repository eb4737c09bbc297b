"""What a server is made of, and what its endpoints share."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request

from editproof.harness.serving.bodies import EditQuestion
from editproof.harness.serving.database import Database, find_missing, hold_pictures
from editproof.harness.serving.engine import Engine
from editproof.harness.serving.metrics import Metrics
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.settings import ServiceSettings
from editproof.harness.serving.store import PictureStore, describe_split, unknown_picture
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import EditRequest, Mask, Param
from editproof.pipelines.reach import settings_beyond_shipped
from editproof.pipelines.reference import STAGES, Program, ReferencePipeline


@dataclass(frozen=True)
class Service:
    """A server's parts."""

    settings: ServiceSettings
    config: ReferenceConfig
    """Of every edit that does not say otherwise."""
    database: Database
    pictures: PictureStore
    engine: Engine
    metrics: Metrics
    program: Program = STAGES
    """The stages of its edits. On a Ray cluster they run elsewhere."""
    warm: threading.Event = field(default_factory=threading.Event)
    """Set once its models are loaded."""

    def close(self) -> None:
        """End its thread, and close its database."""
        self.engine.close()
        self.database.close()

    def hold(self, owner: str, pictures: Iterable[str | None]) -> None:
        """From now on the owner may use these pictures."""
        with self.database.writing() as session:
            hold_pictures(session, owner, pictures)

    def check_holds(self, owner: str, pictures: Iterable[str | None]) -> None:
        """Raise Problem 404 where the owner neither sent nor made one of these."""
        with self.database.reading() as session:
            missing = find_missing(session, owner, pictures)
        if missing:
            raise unknown_picture(missing[0])

    def config_for(self, settings: Mapping[str, Param]) -> ReferenceConfig:
        """The settings of an edit. Raises Problem 403 where one of them would open a file or
        contact somebody, ContractError where one is wrong.
        """
        if not settings:
            return self.config
        ours = self.config.as_settings()
        own = {name: value for name, value in settings.items() if ours.get(name) != value}
        if reaches := settings_beyond_shipped(own):
            raise Problem(
                403,
                "setting_not_allowed",
                f"These settings would {reaches[0]}. Requests use shipped models only.",
                field="settings",
                remedy="Use a shipped model, or let the server start with this setting: --set.",
            )
        return self.config.for_request(settings)

    def load_request(self, question: EditQuestion) -> EditRequest:
        """What the pipeline is asked. Raises Problem 413 where its result would be too large."""
        pictures = self.pictures
        image = pictures.load_image(question.image)
        self._check_output(image.shape[0] * image.shape[1] * question.scale**2)

        def plane(digest: str | None) -> Mask | None:
            return pictures.load_plane(digest) if digest else None

        return EditRequest(
            image=image,
            mask=plane(question.mask),
            prompt=question.prompt,
            seed=question.seed,
            scale=question.scale,
            metadata=question.metadata,
            file=pictures.read_file(question.image),
            protect={name: pictures.load_plane(one) for name, one in question.protect.items()},
            strokes_add=plane(question.strokes_add),
            strokes_subtract=plane(question.strokes_subtract),
        )

    def _check_output(self, pixels: int) -> None:
        limits = self.settings.limits
        if pixels > limits.max_output_pixels:
            raise Problem(
                413,
                "result_too_large",
                f"The result would have {pixels} pixels; at most {limits.max_output_pixels} are"
                " made.",
                field="scale",
                remedy=f"Ask for a smaller scale. {describe_split(limits)}",
                limit_pixels=limits.max_output_pixels,
            )


@lru_cache(maxsize=32)
def pipeline_of(config: ReferenceConfig) -> ReferencePipeline:
    """The pipeline with these settings, which remembers its fingerprint."""
    return ReferencePipeline(config)


def pictures_of(question: EditQuestion) -> list[str | None]:
    """Every picture that a question names."""
    named = [question.image, question.mask, question.strokes_add, question.strokes_subtract]
    return [*named, *question.protect.values()]


async def _service_of(request: Request) -> Service:
    """A coroutine, which needs no thread."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(_service_of)]
