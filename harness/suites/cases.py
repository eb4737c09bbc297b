"""Expand a suite to its cases: what each is, and what determines its outcome."""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.registry import METRICS, get_metric
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError, unknown_name_error
from editproof.harness.records.families import is_covered
from editproof.harness.records.manifest import MetricInfo, NotApplicable, PipelineInfo
from editproof.harness.records.not_applicable import describe_left_out
from editproof.harness.records.shards import Shard, name_scene
from editproof.harness.records.suites import Budget, Limit, Margin, Model, Suite, Viewing
from editproof.harness.suites.case_folders import (
    describe_files,
    find_files,
    list_cases,
    name_family,
)
from editproof.harness.suites.case_reading import find_question, hash_case, hash_request
from editproof.harness.suites.fitting import DrawnQuestion, Question, fit_case
from editproof.harness.suites.source import code_hash
from editproof.harness.suites.tasks import find_vector
from editproof.harness.suites.trust import NO_TRUST, Trust
from editproof.harness.suites.turns import check_turn_names, count_turns
from editproof.pipelines.contract import ContractError
from editproof.pipelines.device import device_name
from editproof.vectors.drawing.grounds import PHOTOGRAPHS, find_photographs
from editproof.vectors.plugins import hash_source
from editproof.vectors.registry import VECTORS, get_vector

ID_LENGTH = 16

LIBRARIES = (
    "cvvdp",
    "flip-evaluator",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "rapidocr",
    "scikit-image",
    "scipy",
    "torch",
)
"""Libraries that draw scenes or measure them: a release of theirs may change a number."""


class ExpandedSuite(NamedTuple):
    """What a suite asks of its models."""

    cases: tuple[Case, ...]
    """Scene by scene."""
    not_applicable: tuple[NotApplicable, ...]

    @property
    def scenes(self) -> tuple[str, ...]:
        """Every scene, `family/name`, in order."""
        named = [name_scene(case) for case in self.cases]
        return tuple(dict.fromkeys([*named, *(one.scene for one in self.not_applicable)]))


@dataclass(frozen=True, slots=True)
class Environment:
    """What of the place where edits are made determines their numbers."""

    versions: Mapping[str, str]
    """As `versions` gives them."""
    machine: Mapping[str, str]
    """As `machine` gives it."""
    code: str
    """As `code_hash` gives it."""


def find_environment() -> Environment:
    """This process's. Raises UsageError as `machine` does."""
    return Environment(versions(), machine(), code_hash())


def expand_suite(
    suite: Suite,
    pipelines: Mapping[str, PipelineInfo],
    weights: LpipsWeights,
    trust: Trust = NO_TRUST,
    environment: Environment | None = None,
) -> ExpandedSuite:
    """Every case of the suite, fitted to what its pipeline can do, and what can't be asked. The
    turns of a scene, model and seed stand in a row; a deterministic model gets the first seed only.
    `environment`: where the edits are made; None: here.

    Raises UsageError where the user's own files can't be read, or do not fit together, or where
    nothing can be asked.
    """
    outcome = _OutcomeHasher(suite, weights, environment or find_environment())
    cases: list[Case] = []
    left_out: list[NotApplicable] = []
    for scene in (*_list_drawn_scenes(suite), *_list_own_scenes(suite, trust)):
        for model in suite.models:
            pipeline = pipelines[model.name]
            fitted = fit_case(
                scene.blank, scene.asks, pipeline.capabilities, any_scale=not suite.only_scale
            )
            if isinstance(fitted, str):
                one = NotApplicable(scene.blank.family, scene.blank.name, model.name, fitted)
                left_out.append(one)
            else:
                fitting = replace(scene, blank=fitted)
                cases += _build_cases(suite, fitting, model, pipeline, outcome.digest(pipeline))
    if not cases and left_out:
        raise UsageError(
            f"nothing of the suite {suite.name} is applicable to its models:"
            f" {describe_left_out(left_out)}"
        )
    check_turn_names(cases)
    return ExpandedSuite(tuple(cases), tuple(left_out))


def take_shard(expanded: ExpandedSuite, shard: Shard | None) -> ExpandedSuite:
    """A part of a suite; None: all of it. Raises UsageError where the part has no case."""
    if shard is None:
        return expanded
    cases = tuple(case for case in expanded.cases if shard.has(name_scene(case)))
    if not cases:
        raise UsageError(
            f"the shard {shard} has none of the suite's {len(expanded.scenes)} scenes. Use fewer"
            " shards; `editproof runs merge` does without this one"
        )
    left_out = tuple(one for one in expanded.not_applicable if shard.has(one.scene))
    return ExpandedSuite(cases, left_out)


def describe_metrics(suite: Suite, weights: LpipsWeights) -> dict[str, MetricInfo]:
    """What the suite's metrics are, by name."""
    metrics = [get_metric(name, weights) for name in suite.metrics]
    return {
        m.name: MetricInfo(m.identity, m.unit, m.better, m.units, m.margins, m.aspect, m.unseen)
        for m in metrics
    }


def versions() -> dict[str, str]:
    """Everything whose release may change a number."""
    return {"editproof": version("editproof"), "python": platform.python_version()} | {
        name: _version(name) for name in LIBRARIES
    }


def _version(name: str) -> str:
    """Empty: not installed. What needs the library says so; the rest runs without it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def machine() -> dict[str, str]:
    """What the run ran on. Raises UsageError where EDITPROOF_DEVICE names no device that is
    here.
    """
    try:
        device = device_name()
    except ContractError as error:
        raise UsageError(str(error)) from error
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "device": device,
        "dtype": "float32",
    }


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the cases of all models and seeds have in common."""

    files: str
    """Hash of the user's own files; empty: all is ours."""
    asks: Question
    code: str
    """Hash of the code that draws it, where that is not ours."""
    blank: Case
    """Without id, key, model and seed."""


def _list_drawn_scenes(suite: Suite) -> Iterator[_Scene]:
    """List the steps of the suite's families."""
    photographs = _hash_photographs(suite.grounds) if suite.grounds else ""
    for variant in suite.variants:
        vector = get_vector(variant.family)
        params = dict(vector.ladder[variant.step - 1])
        own = bool(photographs) and params.get("ground") in PHOTOGRAPHS
        blank = Case(
            id="",
            key="",
            family=variant.family,
            step=variant.step,
            params=params | ({"ground": Path(suite.grounds).name} if own else {}),
            size=suite.size,
            scale=suite.scale,
            scene_seed=suite.scene_seed,
            model=_NO_MODEL,
            seed=0,
            folder=suite.grounds if own else "",
        )
        yield _Scene(
            photographs if own else "",
            DrawnQuestion(vector, variant.step),
            "" if vector in VECTORS else hash_source(vector.draw),
            blank,
        )


def _list_own_scenes(suite: Suite, trust: Trust) -> Iterator[_Scene]:
    """The user's own cases."""
    families: set[str] = set()
    for folder in suite.folders:
        for own, scale in list_cases(folder, suite.scale, trust):
            blank = Case(
                id="",
                key="",
                family=name_family(folder, own),
                step=0,
                params={},
                size=0,
                scale=scale,
                scene_seed=0,
                model=_NO_MODEL,
                seed=0,
                own=own.name,
                folder=folder.path,
                request=hash_request(own),
                files=describe_files(folder, own),
                prompt=own.prompt,
            )
            families.add(blank.family)
            yield _Scene(hash_case(own), find_question(own), "", blank)
    _check_groups(suite, families)


def _check_groups(suite: Suite, families: Collection[str]) -> None:
    """Raise UsageError where a rule names a group that its folder does not have."""
    whole = [folder.name for folder in suite.folders if not folder.groups]
    rules: list[Budget | Margin | Limit | Viewing]
    rules = [*suite.budgets, *suite.margins, *suite.limits, *suite.viewing]
    for rule in rules:
        for name in rule.families:
            if name.partition("/")[0] in whole and not any(
                is_covered(family, [name]) for family in families
            ):
                raise unknown_name_error("family of this suite", name, sorted(families))


def current_id(case: Case) -> str:
    """What the id of the same case would be now: another one where its vector, or the user's files,
    are not what they were.

    Raises UsageError where there is no such scene any more, or the files can't be read.
    """
    if not case.own:
        find_vector(case)
    if case.own:
        files = hash_case(find_files(case))
    else:
        files = _hash_photographs(case.folder) if case.folder else ""
    return _hash_id(_identity(case, files), case.model, case.seed, case.turn)


def _identity(case: Case, files: str) -> dict[str, object]:
    """What its scene is, wherever its files lie; `files`: what the user's own hold, its photographs
    or itself.
    """
    given = {"given_mask": True} if case.given_mask else {}
    if case.own:
        own = {"family": case.family, "own": case.own, "files": files, "scale": case.scale}
        return {**own, **given}
    vector = get_vector(case.family)
    return {
        **given,
        "family": case.family,
        "version": vector.version,
        "params": dict(vector.ladder[case.step - 1]) | ({"ground": files} if files else {}),
        "size": case.size,
        "scale": case.scale,
        "scene_seed": case.scene_seed,
    }


_NO_MODEL = Model("", "")


def _build_cases(
    suite: Suite, scene: _Scene, model: Model, pipeline: PipelineInfo, outcome: str
) -> Iterator[Case]:
    """A case for each seed that matters, and each turn; without a seed each is a repeat."""
    identity = _identity(scene.blank, scene.files)
    for number, seed in enumerate(_choose_seeds(suite, pipeline), start=1):
        is_repeat = pipeline.stochastic and not pipeline.capabilities.takes_seed
        repeat = number if is_repeat else 0
        for turn in range(1, count_turns(suite, scene.blank) + 1):
            case_id = _hash_id(identity, model, seed, turn)
            yield replace(
                scene.blank,
                id=case_id,
                key=_hash_value([case_id, outcome, scene.code]) if outcome else "",
                model=model,
                seed=seed,
                turn=turn,
                repeat=repeat,
            )


def _choose_seeds(suite: Suite, pipeline: PipelineInfo) -> tuple[int, ...]:
    """The seeds that a model is asked with. Of repeats a seed is only the number, so those that the
    suite does not name are found.
    """
    if not pipeline.stochastic:
        return suite.seeds[:1]
    if pipeline.capabilities.takes_seed or not suite.repeats:
        return suite.seeds
    more = (seed for seed in itertools.count(1) if seed not in suite.seeds)
    return tuple(itertools.islice(itertools.chain(suite.seeds, more), suite.repeats))


def _hash_id(identity: Mapping[str, object], model: Model, seed: int, turn: int) -> str:
    later = {"turn": turn} if turn > 1 else {}
    return _hash_value({**identity, "model": model.name, "seed": seed, **later})[:ID_LENGTH]


class _OutcomeHasher:
    """What, beside the scene, determines the outcome of a case."""

    def __init__(self, suite: Suite, weights: LpipsWeights, environment: Environment) -> None:
        self._common = {
            "metrics": [get_metric(name, weights).identity for name in suite.metrics],
            "own_metrics": [
                hash_source(get_metric(name, weights).measure)
                for name in suite.metrics
                if name not in METRICS
            ],
            "weights": weights.digest(suite.metrics),
            "code": environment.code,
            "versions": dict(environment.versions),
            "machine": dict(environment.machine),
        }

    def digest(self, pipeline: PipelineInfo) -> str:
        """Empty: the pipeline names no fingerprint, so nothing is known about its outcomes."""
        return (
            _hash_value({**self._common, "pipeline": pipeline.fingerprint})
            if pipeline.fingerprint
            else ""
        )


def _hash_photographs(folder: str) -> str:
    """Names and contents of a folder of photographs. Raises UsageError where it holds none."""
    try:
        paths = find_photographs(Path(folder))
    except ValueError as error:
        raise UsageError(f"grounds: {error}") from error
    return _hash_value({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths})


def _hash_value(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
