"""The reference pipeline: decode, detect, refine mask, check mask, inpaint, blend, upscale, harmonise, verify.

Every stage is a function `Edit -> Step`; `STAGES` is the whole program. Settings: pipelines/config.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from pipelines.config import ReferenceConfig
from pipelines.contract import EditRequest, EditResult, Param, StageTrace, Status, check_request
from pipelines.edit import Edit, Step
from pipelines.stages.blend import blend
from pipelines.stages.decode import decode
from pipelines.stages.detect import detect
from pipelines.stages.harmonise import harmonise
from pipelines.stages.inpaint import STOCHASTIC_MODELS, inpaint
from pipelines.stages.mask import MaskTooLargeError, check_mask, refine_mask
from pipelines.stages.upscale import upscale
from pipelines.stages.verify import verify
from pipelines.versions import code_hash, library_versions

Stage = Callable[[Edit], Step]

STAGES: tuple[tuple[str, Stage], ...] = (
    ("decode", decode),
    ("detect", detect),
    ("refine_mask", refine_mask),
    ("check_mask", check_mask),
    ("inpaint", inpaint),
    ("blend", blend),
    ("upscale", upscale),
    ("harmonise", harmonise),
    ("verify", verify),
)


class ReferencePipeline:
    """The reference pipeline with its settings. Call it with an EditRequest."""

    def __init__(self, config: ReferenceConfig) -> None:
        self.config = config

    def __call__(self, request: EditRequest) -> EditResult:
        """Make the edit; refuse it where too much is to be replaced. Raises ContractError on a bad request."""
        check_request(request)
        config = self.config.with_settings(request.config)
        nothing = np.zeros(request.image.shape[:2], np.float32)
        edit = Edit(request, config, image=request.image, mask=nothing, fill=request.image, blended=request.image)
        traces: list[StageTrace] = []
        for name, stage in STAGES:
            start = time.perf_counter()
            try:
                step = stage(edit)
            except MaskTooLargeError as error:
                return EditResult(None, Status.REFUSED, f"{name}: {error}", tuple(traces), config.as_settings())
            traces.append(StageTrace(name, time.perf_counter() - start, step.decision, step.artefact))
            edit = step.edit
        return EditResult(edit.image, edit.status, edit.reason, tuple(traces), config.as_settings())

    @property
    def stochastic(self) -> bool:
        """Whether the seed matters."""
        return self.config.harmonise.grain or self.config.inpaint.model in STOCHASTIC_MODELS

    @cached_property
    def fingerprint(self) -> str:
        """Settings, code and library versions: what determines the output beside the request."""
        settings = ",".join(f"{name}={value}" for name, value in self.config.as_settings().items())
        return f"reference {code_hash()} [{settings}] {library_versions()}"


def build(**settings: Param) -> ReferencePipeline:
    """The reference pipeline with settings by dotted name, e.g. `build(**{"inpaint.model": "patch"})`.

    Raises ContractError on an unknown setting or a wrong value.
    """
    return ReferencePipeline(ReferenceConfig().with_settings(settings))


def replay(config: Mapping[str, Param], request: EditRequest) -> EditResult:
    """Make the edit again with the settings that a result carries: the same bytes."""
    return build(**config)(request)
