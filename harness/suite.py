"""From a suite's TOML file to what is to be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from harness.errors import UsageError, unknown
from harness.metrics.registry import METRICS, check_name
from harness.settings import convert, read_toml
from harness.types import Budget, Margin, Model, Suite, Variant
from pipelines.contract import ContractError
from pipelines.loader import parse
from vectors.registry import VECTORS

SHIPPED = Path(__file__).parent / "suites"


class SuiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A suite's TOML file."""

    name: str
    vectors: dict[str, list[int]]
    """Family -> rungs."""
    models: dict[str, str]
    """Name -> pipeline."""
    about: str = ""
    size: int = 256
    scale: int = 2
    scene_seed: int = 7
    seeds: tuple[int, ...] = (42, 99, 123)
    metrics: tuple[str, ...] = tuple(METRICS)
    budgets: tuple[Budget, ...] = ()
    margins: tuple[Margin, ...] = ()


def shipped_suites() -> list[str]:
    """Names of the suites that come with editproof."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or any by the path of its .toml file. Raises UsageError naming file, key and remedy."""
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    if not path.is_file():
        raise unknown("suite", name, shipped_suites())
    file = convert(read_toml(path), SuiteFile, path)
    try:
        return _checked(file)
    except (UsageError, ContractError) as error:
        raise UsageError(f"{path}: {error}") from error


def select(
    suite: Suite,
    *,
    pipelines: Sequence[Model] = (),
    models: Sequence[str] = (),
    families: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> Suite:
    """The suite with other pipelines, or only some of its models, families or seeds. Raises UsageError on unknown names."""
    if pipelines:
        suite = replace(suite, models=tuple(pipelines))
    if models:
        _check_known(models, [model.name for model in suite.models], "model")
        suite = replace(suite, models=tuple(model for model in suite.models if model.name in models))
    if families:
        _check_known(families, sorted({variant.family for variant in suite.variants}), "vector")
        suite = replace(suite, variants=tuple(v for v in suite.variants if v.family in families))
    if seeds:
        suite = replace(suite, seeds=tuple(seeds))
    return suite


def parse_model(text: str) -> Model:
    """`name=pipeline` or a pipeline, whose own words then are its name. Raises UsageError where it names no pipeline."""
    name, equals, spec = text.partition("=")
    if not (equals and name.isidentifier() and "?" not in name):
        name, spec = "", text
    try:
        parsed = parse(spec)
    except ContractError as error:
        raise UsageError(str(error)) from error
    stem = Path(parsed.module).stem if parsed.is_file else spec.partition("?")[0]
    query = ",".join(str(value) for _, value in parsed.params)
    return Model(name or (f"{stem}[{query}]" if query else stem), spec)


def _checked(file: SuiteFile) -> Suite:
    ladders = {vector.family: len(vector.ladder) for vector in VECTORS}
    for family, steps in file.vectors.items():
        _check_known([family], list(ladders), "vector")
        wrong = [step for step in steps if not 1 <= step <= ladders[family]]
        if wrong:
            raise UsageError(f"vectors.{family}: it has steps 1 to {ladders[family]}, not {wrong[0]}")
    for name in (*file.metrics, *(b.metric for b in file.budgets), *(m.metric for m in file.margins)):
        check_name(name)
    for budget in file.budgets:
        if (budget.min is None) == (budget.max is None):
            raise UsageError(
                f"budgets: {budget.metric} {budget.region} {budget.stat} needs a min or a max, and not both"
            )
    if not 64 <= file.size <= 2048 or not 1 <= file.scale <= 8:
        raise UsageError(f"size must be 64 to 2048 and scale 1 to 8; they are {file.size} and {file.scale}")
    if not file.seeds or not file.metrics:
        raise UsageError("seeds and metrics must each name at least one")
    for spec in file.models.values():
        parse(spec)
    return Suite(
        name=file.name,
        about=file.about,
        size=file.size,
        scale=file.scale,
        scene_seed=file.scene_seed,
        seeds=tuple(dict.fromkeys(file.seeds)),
        variants=tuple(Variant(family, step) for family, steps in file.vectors.items() for step in sorted(set(steps))),
        models=tuple(Model(name, spec) for name, spec in file.models.items()),
        metrics=tuple(dict.fromkeys(file.metrics)),
        budgets=file.budgets,
        margins=file.margins,
    )


def _check_known(names: Sequence[str], known: Sequence[str], kind: str) -> None:
    for name in names:
        if name not in known:
            raise unknown(kind, name, known)
