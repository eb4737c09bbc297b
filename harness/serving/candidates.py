"""What might go from an image: a mask for each class of objects, computed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

from sqlalchemy import select

from editproof.harness.serving.bodies import EditQuestion
from editproof.harness.serving.database import Candidate, hold_pictures
from editproof.harness.serving.engine import Watch, watch_stages
from editproof.harness.serving.making import naming_failures
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.service import Service
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import EditRequest, Mask, Param
from editproof.pipelines.reference import ReferencePipeline, run_stages
from editproof.pipelines.versions import code_hash, library_versions

SEARCHES: Mapping[str, str] = {
    "text": "detect.text",
    "template": "detect.template",
    "colour": "detect.colour",
}
"""Classes that the pipeline finds by itself, and the setting that asks for each."""

NOT_LOOKED_FOR: Mapping[str, Param] = {
    "detect.text": False,
    "detect.template": "",
    "detect.colour": "",
}

GIVEN = ""
"""The recipe of a mask that somebody put."""


def list_candidates(service: Service, owner: str, image: str) -> dict[str, str]:
    """The masks that are known for an image, by class."""
    query = select(Candidate).where(Candidate.owner == owner, Candidate.image == image)
    with service.database.reading() as session:
        return {one.kind: one.mask for one in session.scalars(query.order_by(Candidate.kind))}


def put_candidate(
    service: Service, owner: str, image: str, kind: str, mask: str, recipe: str = GIVEN
) -> None:
    """Keep the mask of a class for an image, in place of the one before."""
    row = Candidate(owner=owner, image=image, kind=kind, mask=mask, recipe=recipe)
    with service.database.writing() as session:
        session.merge(row)
        hold_pictures(session, owner, [mask])


def check_classes(
    service: Service,
    owner: str,
    images: Collection[str],
    kinds: Collection[str],
    config: ReferenceConfig,
) -> None:
    """Raise Problem 422 where a class can't be found in any of the images."""
    settings = config.as_settings()
    for kind in kinds:
        setting = SEARCHES.get(kind)
        if _is_looked_for(kind, settings):
            continue
        query = select(Candidate.image).where(
            Candidate.owner == owner,
            Candidate.kind == kind,
            Candidate.recipe == GIVEN,
            Candidate.image.in_(images),
        )
        with service.database.reading() as session:
            if session.scalars(query.limit(1)).first() is not None:
                continue
        remedy = f"Put its masks first: PUT /v1/masks/{{sha256}}/candidates/{kind}."
        raise Problem(
            422,
            "unknown_class",
            f"Nothing says where {kind!r} is in these images.",
            field="classes",
            remedy=f"Set {setting}, or put masks for it." if setting else remedy,
            known=sorted(SEARCHES),
        )


def _is_looked_for(kind: str, settings: Mapping[str, Param]) -> bool:
    """Whether the pipeline finds a class by itself: text always does."""
    return kind == "text" or (kind in SEARCHES and bool(settings[SEARCHES[kind]]))


class Finder:
    """Finds the masks of an image, and counts how often it had to look."""

    def __init__(self, service: Service, owner: str, config: ReferenceConfig, watch: Watch) -> None:
        self._service = service
        self._owner = owner
        self._config = config
        self._watch = watch
        self.looked = 0
        """Masks that were computed."""
        self.known = 0
        """Masks that were known already."""

    def find(self, question: EditQuestion, kinds: Collection[str]) -> dict[str, str]:
        """The masks of these classes by hash. A class of which nothing is known and that the
        pipeline does not look for is left out.
        """
        found = {}
        for kind in kinds:
            before = self._find_known(question.image, kind)
            if before is not None:
                self.known += 1
                found[kind] = before
            elif _is_looked_for(kind, self._config.as_settings()):
                self.looked += 1
                found[kind] = self._look(question, kind)
        return found

    def _find_known(self, image: str, kind: str) -> str | None:
        with self._service.database.reading() as session:
            one = session.get(Candidate, (self._owner, image, kind))
        is_valid = one is not None and one.recipe in {GIVEN, self._describe_recipe(kind)}
        return one.mask if one is not None and is_valid else None

    def _look(self, question: EditQuestion, kind: str) -> str:
        service = self._service
        request = service.load_request(question.model_copy(update={"mask": None}))
        with naming_failures():
            mask = self._detect(request, kind)
        digest = service.pictures.put_array(mask)
        recipe = self._describe_recipe(kind)
        put_candidate(service, self._owner, question.image, kind, digest, recipe)
        return digest

    def _detect(self, request: EditRequest, kind: str) -> Mask:
        pipeline = ReferencePipeline(self._config_for(kind))
        program = self._service.program
        last = [name for name, _ in program].index("detect") + 1
        stages = watch_stages(program[:last], self._watch)
        return run_stages(stages, pipeline.start(request), []).mask

    def _config_for(self, kind: str) -> ReferenceConfig:
        """The settings that look for one class alone."""
        wanted = True if kind == "text" else self._config.as_settings()[SEARCHES[kind]]
        return self._config.with_settings({**NOT_LOOKED_FOR, SEARCHES[kind]: wanted})

    def _describe_recipe(self, kind: str) -> str:
        """Hash of all that a mask depends on beside the image."""
        if kind not in SEARCHES:
            return GIVEN
        settings = self._config_for(kind).as_settings()
        used = {
            name: value
            for name, value in settings.items()
            if name.partition(".")[0] in {"precheck", "detect"}
        }
        text = json.dumps(used, sort_keys=True) + code_hash() + library_versions()
        return hashlib.sha256(text.encode()).hexdigest()
