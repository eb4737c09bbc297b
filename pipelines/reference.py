"""The reference pipeline: decode, pre-check, mask, fill, enlarge and verify.

Every stage is a function `Edit -> Step`; `STAGES` is the whole program. Settings:
pipelines/config.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import (
    EditRequest,
    EditResult,
    Param,
    StageTrace,
    Status,
    check_request,
)
from editproof.pipelines.edit import Edit, RefusedError, Step
from editproof.pipelines.memory import forget_peak, peak_mb
from editproof.pipelines.models import FillModel
from editproof.pipelines.routing import (
    Attempt,
    choose_attempt,
    choose_first_tier,
    is_good,
    parse_tiers,
)
from editproof.pipelines.stages.blend import blend
from editproof.pipelines.stages.decode import decode
from editproof.pipelines.stages.detect import detect
from editproof.pipelines.stages.harmonise import harmonise
from editproof.pipelines.stages.inpaint import inpaint, list_models
from editproof.pipelines.stages.mask import check_mask, refine_mask
from editproof.pipelines.stages.perceptual import find_weights
from editproof.pipelines.stages.precheck import precheck
from editproof.pipelines.stages.remove_text import remove_text
from editproof.pipelines.stages.upscale import check_upscale, upscale
from editproof.pipelines.stages.verify import verify
from editproof.pipelines.versions import code_hash, file_hashes, library_versions

Stage = Callable[[Edit], Step]

Program = tuple[tuple[str, Stage], ...]
"""Stages by name, in their order."""

STAGES: Program = (
    ("decode", decode),
    ("precheck", precheck),
    ("detect", detect),
    ("refine_mask", refine_mask),
    ("check_mask", check_mask),
    ("remove_text", remove_text),
    ("inpaint", inpaint),
    ("blend", blend),
    ("upscale", upscale),
    ("check_upscale", check_upscale),
    ("harmonise", harmonise),
    ("verify", verify),
)

FIRST_FILL = "remove_text"
"""From this stage on, what happens depends on the inpainting model."""

SECTIONS = {
    "refine_mask": "mask",
    "check_mask": "mask",
    "remove_text": "text",
    "check_upscale": "upscale",
}
"""The settings of a stage, where they are called otherwise than the stage."""


class ReferencePipeline:
    """The reference pipeline with its settings. Call it with an EditRequest."""

    def __init__(self, config: ReferenceConfig, program: Program = STAGES) -> None:
        self.config = config
        self.program = program

    def __call__(self, request: EditRequest) -> EditResult:
        """Make the edit; refuse it where too much is to be replaced. Raises ContractError on a bad
        request.
        """
        start = self.start(request)
        stages = order_stages(start.config, self.program)
        traces: list[StageTrace] = []
        edit = (
            route_edit(stages, start, traces)
            if parse_tiers(start.config.route)
            else run_stages(stages, start, traces)
        )
        return self.finish(replace(edit, config=start.config), traces)

    def start(self, request: EditRequest) -> Edit:
        """The edit before its first stage. Raises ContractError on a bad request."""
        check_request(request)
        config = self.config.for_request(request.config)
        nothing = np.zeros(request.image.shape[:2], np.float32)
        return Edit(
            request,
            config,
            image=request.image,
            mask=nothing,
            fill=request.image,
            blended=request.image,
        )

    def stages(self, request: EditRequest) -> Program:
        """The stages in their order, each bound to this pipeline's settings: handed another
        pipeline's edit, it works by its own. A pipeline that routes has none: which stages run is
        decided on the way.
        """
        config = self.config.for_request(request.config)
        if parse_tiers(config.route):
            return ()
        return tuple(
            (name, _bind_settings(stage, config))
            for name, stage in order_stages(config, self.program)
        )

    def finish(self, edit: Edit, traces: Sequence[StageTrace]) -> EditResult:
        """The result after the last stage."""
        image = None if edit.status is Status.REFUSED else edit.image
        return EditResult(image, edit.status, edit.reason, tuple(traces), edit.config.as_settings())

    @property
    def stochastic(self) -> bool:
        """Whether the seed matters."""
        return self.config.harmonise.grain or any(model.stochastic for model in self.models)

    @property
    def models(self) -> list[FillModel]:
        """Every inpainting model that an edit may call."""
        variants = [set_tier(self.config, tier) for tier in parse_tiers(self.config.route)] or [
            self.config
        ]
        return [model for variant in variants for model in list_models(variant)]

    @cached_property
    def fingerprint(self) -> str:
        """Settings, files, models, code and library versions: what determines the output beside the
        request.
        """
        settings = self.config.as_settings()
        settings_text = ",".join(f"{name}={value}" for name, value in settings.items())
        models = " ".join(dict.fromkeys(model.fingerprint for model in self.models))
        if self.config.verify.max_lpips < 1:
            settings["verify.lpips_weights"] = str(find_weights(self.config.verify.lpips_weights))
        return (
            f"reference {code_hash()} [{settings_text}] {file_hashes(settings)} [{models}]"
            f" {library_versions()}"
        )


def order_stages(config: ReferenceConfig, program: Program = STAGES) -> Program:
    """The stages as `order` asks for them."""
    if not config.order.upscale_first:
        return program
    early = [(name, stage) for name, stage in program if name in {"upscale", "check_upscale"}]
    others = [(name, stage) for name, stage in program if name not in {"upscale", "check_upscale"}]
    start = [name for name, _ in others].index(FIRST_FILL)
    return (*others[:start], *early, *others[start:])


def _bind_settings(stage: Stage, config: ReferenceConfig) -> Stage:
    return lambda edit: stage(replace(edit, config=config))


def run_stages(
    stages: Sequence[tuple[str, Stage]], edit: Edit, traces: list[StageTrace], label: str = ""
) -> Edit:
    """The edit after these stages, or as it was when one refused it; each stage's trace, its name
    labelled, is appended.
    """
    for name, stage in stages:
        forget_peak()
        start = time.perf_counter()
        try:
            step = stage(edit)
        except RefusedError as error:
            return replace(edit, status=Status.REFUSED, reason=f"{name}: {error}")
        seconds = time.perf_counter() - start
        decision = step.decision + describe_overrun(name, seconds, edit.config)
        traces.append(StageTrace(f"{name}{label}", seconds, decision, step.artefact, peak_mb()))
        traces += [replace(trace, name=f"{name}{label}, {trace.name}") for trace in step.within]
        edit = step.edit
    return edit


def route_edit(stages: Sequence[tuple[str, Stage]], edit: Edit, traces: list[StageTrace]) -> Edit:
    """The edit by the first tier of `route.tiers` whose result is good, or by the best of all of
    them, for review.

    What comes before the fill is done once; a tier's stages are traced as `inpaint[patch]`, the
    decision as `route_edit`.
    """
    fills = [name for name, _ in stages].index(FIRST_FILL)
    before = run_stages(stages[:fills], edit, traces)
    if before.status is Status.REFUSED:
        return before
    config = before.config.route
    start, why = choose_first_tier(config, before.request)
    attempts: list[Attempt] = []
    for tier in parse_tiers(config)[start:]:
        edited = run_stages(
            stages[fills:],
            replace(before, config=set_tier(before.config, tier)),
            traces,
            f"[{tier}]",
        )
        if edited.status is Status.REFUSED:
            return edited
        attempts.append(Attempt(tier, edited))
        if is_good(attempts[-1], before, config.threshold):
            break
    edit, decision = choose_attempt(attempts, before, config, why)
    traces.append(StageTrace("route", 0.0, decision))
    return edit


def set_tier(config: ReferenceConfig, tier: str) -> ReferenceConfig:
    """The settings with a tier's inpainting model. Raises ContractError where there is no such
    model.
    """
    return config.with_settings({"inpaint.model": tier})


def describe_overrun(stage: str, seconds: float, config: ReferenceConfig) -> str:
    """A note for the trace where a stage took longer than its section's `budget_ms`; empty where it
    did not.
    """
    budget_ms = config.budget_ms(SECTIONS.get(stage, stage))
    return (
        f"; over budget: {seconds * 1000:.0f} ms > {budget_ms:g} ms"
        if 0 < budget_ms < seconds * 1000
        else ""
    )


def build(**settings: Param) -> ReferencePipeline:
    """The reference pipeline with settings by dotted name, e.g. `build(**{"inpaint.model":
    "patch"})`.

    Raises ContractError on an unknown setting or a wrong value.
    """
    return ReferencePipeline(ReferenceConfig().with_settings(settings))


def replay(config: Mapping[str, Param], request: EditRequest) -> EditResult:
    """Make the edit again with the settings that a result carries: the same bytes."""
    return build(**config)(request)
