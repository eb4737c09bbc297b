"""Read a suite from its TOML file."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from editproof.harness.metrics.core.colorvideovdp import check_display
from editproof.harness.metrics.core.registry import EVERY_NIGHT, check_name, stats_of
from editproof.harness.records.errors import UsageError, unknown_name_error
from editproof.harness.records.suites import (
    FAIL_ON,
    MAY_FAIL,
    Budget,
    CaseFolder,
    Limit,
    Margin,
    Model,
    Suite,
    Variant,
    Viewing,
    Waiver,
)
from editproof.harness.suites.case_tables import (
    FolderTable,
    has_groups,
    make_case_folder,
    narrow_folder,
)
from editproof.harness.suites.settings import PipelineTable, check_waiver, convert_shown, read_toml
from editproof.harness.suites.turns import check_turns
from editproof.pipelines.adapters.names import name_table
from editproof.pipelines.contract import ContractError
from editproof.pipelines.loader import locate, parse
from editproof.vectors import Vector
from editproof.vectors.plugins import PluginError
from editproof.vectors.registry import all_vectors

MAX_SEED = 2**32 - 1
"""What every generator takes."""

MAX_REPEATS = 1000

SHIPPED = Path(__file__).parent / "shipped"


class SuiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A suite's TOML file."""

    name: str
    models: dict[str, PipelineTable]
    """Name -> pipeline, or a table that tells an adapter what it needs."""
    vectors: dict[str, list[int]] = {}
    """Family -> steps."""
    folders: dict[str, str | FolderTable] = {}
    """Name -> folder of the user's own cases, relative to the suite's file, or a table."""
    grounds: str = ""
    """Folder of the user's own photographs to draw on, relative to the suite's file; empty:
    scikit-image's.
    """
    about: str = ""
    size: int = 256
    scale: int = 2
    scene_seed: int = 7
    seeds: tuple[int, ...] = (42, 99, 123)
    repeats: int = 0
    """Edits of each scene by a model that takes no seed; 0: as many as there are seeds."""
    turns: int | dict[str, int] = 1
    """How many times each output is edited in a row, or a table of that by family."""
    metrics: tuple[str, ...] = EVERY_NIGHT
    budgets: tuple[Budget, ...] = ()
    margins: tuple[Margin, ...] = ()
    limits: tuple[Limit, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    noise: str = ""
    """File of the measured noise floor, relative to the suite's file; empty: margins are as
    written.
    """
    default_margins: bool = True
    """Whether a number that no margin names is held to its metric's own."""
    viewing: tuple[Viewing, ...] = ()
    """How people look at the pictures, for all families or for some."""
    fail_on: tuple[str, ...] = FAIL_ON
    """Outcomes that fail the build."""


def shipped_suites() -> list[str]:
    """Names of the suites that come with editproof."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def list_shipped_budgets(name: str) -> tuple[Budget, ...]:
    """Budgets of the shipped suite of that name; none: there is no such suite."""
    return load_suite(name, SHIPPED).budgets if name in shipped_suites() else ()


def load_suite(name: str, folder: Path) -> Suite:
    """A shipped suite by name, or any by the path of its .toml file, relative to `folder`.

    Raises UsageError naming file, key and remedy.
    """
    if name.endswith(".toml"):
        path = folder / Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"there is no suite file {path}")
    elif name in shipped_suites():
        path = SHIPPED / f"{name}.toml"
    elif (folder / Path(name).expanduser() / "manifest.json").is_file():
        raise UsageError(
            f"{name} is a run, and not a suite. This continues it: editproof run --resume --out"
            f" {shlex.quote(name)}"
        )
    else:
        raise unknown_name_error("suite", name, [*shipped_suites(), "any .toml file of your own"])
    file = convert_shown(read_toml(path), SuiteFile, path)
    try:
        return _build_suite(file, path.parent)
    except (UsageError, ContractError) as error:
        raise UsageError(f"{path}: {error}") from error


def get_families(names: Sequence[str]) -> tuple[Vector, ...]:
    """Vectors by family; none named: all. Raises UsageError on an unknown name."""
    vectors = _load_vectors()
    _check_known(names, [vector.family for vector in vectors], "family")
    return tuple(vector for vector in vectors if not names or vector.family in names)


def narrow_suite(
    suite: Suite,
    *,
    pipelines: Sequence[Model] = (),
    models: Sequence[str] = (),
    families: Sequence[str] = (),
    seeds: Sequence[int] = (),
    folders: Sequence[CaseFolder] = (),
    grounds: str = "",
    turns: int = 0,
    scale: int = 0,
    repeats: int = 0,
) -> Suite:
    """The suite with other pipelines, or only some of its models, families or seeds. Raises
    UsageError on unknown names.

    `folders` of the user's own cases are run instead of the suite's vectors; `grounds` replaces the
    suite's, and so does `turns`, of every family, where it is not 0. `scale`: all models are asked
    at that one; 0: at the suite's, or the nearest that they make. `repeats` replaces the suite's
    where it is not 0.
    """
    if repeats:
        suite = replace(suite, repeats=check_repeats(repeats))
    if scale:
        check_size(suite.size, scale)
        suite = replace(suite, scale=scale, only_scale=True)
    if folders:
        name = "+".join(folder.name for folder in folders)
        suite = replace(suite, name=name, variants=(), folders=tuple(folders))
    if grounds:
        suite = replace(suite, grounds=grounds)
    if pipelines:
        suite = replace(suite, models=tuple(pipelines))
    if models:
        _check_known(models, [model.name for model in suite.models], "model")
        chosen = tuple(model for model in suite.models if model.name in models)
        suite = replace(suite, models=chosen, narrowed=suite.narrowed or chosen != suite.models)
    if families:
        known = {v.family for v in suite.variants} | {folder.name for folder in suite.folders}
        grouped = [folder.name for folder in suite.folders if has_groups(folder)]
        _check_families(families, sorted(known), grouped, "family")
        variants = tuple(variant for variant in suite.variants if variant.family in families)
        narrowed_folders = (narrow_folder(folder, families) for folder in suite.folders)
        folders_left = tuple(folder for folder in narrowed_folders if folder)
        narrower = (variants, folders_left) != (suite.variants, suite.folders)
        suite = replace(
            suite, variants=variants, folders=folders_left, narrowed=suite.narrowed or narrower
        )
    if seeds:
        _check_seeds(seeds)
        suite = replace(suite, seeds=tuple(dict.fromkeys(seeds)))
    if turns:
        check_turns(turns, ())
        suite = replace(suite, turns=turns)
    return suite


def parse_model(text: str) -> Model:
    """`name=pipeline` or a pipeline, whose own words then are its name. Raises UsageError where it
    names no pipeline.
    """
    match = re.match(
        r"([\w.+ -]+)=(?=.)", text
    )  # a "=" after "?" belongs to a parameter, and no path has one
    name, spec = (match[1], text[match.end() :]) if match else ("", text)
    try:
        parsed = parse(spec)
    except ContractError as error:
        raise UsageError(str(error)) from error
    label = name or parsed.label
    check_label(label, "a pipeline's name")
    return Model(label, spec)


def name_model(name: str, table: PipelineTable, base: Path, where: str = "pipelines") -> Model:
    """A pipeline that a file describes in its table `where`, its files made absolute: relative ones
    start at `base`. Raises UsageError that names the entry and the field.
    """
    check_label(name, "a pipeline's name")
    place = f"{where}.{name}"
    try:
        if isinstance(table, str):
            return Model(name, locate(parse_model(table).spec, base))
        return Model(name, name_table(table, place).locate(base))
    except (ContractError, UsageError) as error:
        said = str(error)
        raise UsageError(said if said.startswith(place) else f"{place}: {said}") from error


def parse_folder(text: str, base: Path) -> CaseFolder:
    """`name=folder`, or a folder, whose own name then is the family's. Raises UsageError where it
    can't be named.
    """
    match = re.match(r"([\w.+ -]+)=(?=.)", text)
    path = (base / Path(text[match.end() :] if match else text).expanduser()).resolve()
    name = match[1] if match else path.name
    check_label(name, "the name of a folder of cases")
    return CaseFolder(name, str(path))


def _load_vectors() -> tuple[Vector, ...]:
    try:
        return all_vectors()
    except PluginError as error:
        raise UsageError(str(error)) from error


def _build_suite(file: SuiteFile, base: Path) -> Suite:
    check_label(file.name, "name")
    ladders = {vector.family: len(vector.ladder) for vector in _load_vectors()}
    for family, steps in file.vectors.items():
        _check_known([family], list(ladders), "family")
        wrong = [step for step in steps if not 1 <= step <= ladders[family]]
        if wrong or not steps:
            raise UsageError(
                f"vectors.{family} must name steps from 1 to {ladders[family]}; it names"
                f" {wrong or 'none'}"
            )
    for name in file.metrics:
        check_name(name)
    _check_rules(file)
    check_size(file.size, file.scale)
    check_turns(file.turns, [*file.vectors, *file.folders])
    for name in file.folders:
        check_label(name, "the name of a folder of cases")
        if name in ladders:
            raise UsageError(f"folders.{name}: a failure family has that name; choose another")
    if not file.seeds or not file.metrics:
        raise UsageError("seeds and metrics must each name at least one")
    _check_seeds((*file.seeds, file.scene_seed))
    models = tuple(name_model(name, table, base, "models") for name, table in file.models.items())
    return Suite(
        name=file.name,
        about=file.about,
        size=file.size,
        scale=file.scale,
        scene_seed=file.scene_seed,
        seeds=tuple(dict.fromkeys(file.seeds)),
        repeats=check_repeats(file.repeats),
        variants=tuple(
            Variant(family, step)
            for family, steps in file.vectors.items()
            for step in sorted(set(steps))
        ),
        models=models,
        metrics=tuple(dict.fromkeys(file.metrics)),
        budgets=file.budgets,
        margins=file.margins,
        folders=tuple(
            make_case_folder(name, written, base) for name, written in file.folders.items()
        ),
        grounds=_make_absolute(file.grounds, base),
        limits=file.limits,
        waivers=file.waivers,
        noise=_make_absolute(file.noise, base),
        default_margins=file.default_margins,
        viewing=file.viewing,
        fail_on=file.fail_on,
        turns=file.turns,
    )


def check_repeats(repeats: int) -> int:
    """Give it back. Raises UsageError unless so many edits of a scene can be asked for."""
    if not 0 <= repeats <= MAX_REPEATS:
        raise UsageError(f"repeats must be 1 to {MAX_REPEATS}, or 0; it is {repeats}")
    return repeats


def check_size(size: int, scale: int) -> None:
    """Raise UsageError unless scenes can be drawn at that size."""
    if not 64 <= size <= 2048 or not 1 <= scale <= 8:
        raise UsageError(f"size must be 64 to 2048 and scale 1 to 8; they are {size} and {scale}")


def _make_absolute(path: str, base: Path) -> str:
    return str((base / Path(path).expanduser()).resolve()) if path else ""


def check_label(label: str, what: str) -> None:
    """Raise UsageError unless a name can stand in a file name and on a terminal."""
    if not re.fullmatch(r"[\w\[\],=+-][\w\[\],=+ .-]{0,99}", label):
        raise UsageError(
            f"{what} must be 1 to 100 letters, digits, spaces or any of _-.+=,[] ; it is"
            f" {label[:120]!r}"
        )


def _check_rules(file: SuiteFile) -> None:
    """Raise UsageError on the first rule that is not valid."""
    rules: list[Budget | Margin] = [*file.budgets, *file.margins]
    for rule in rules:
        _check_rule(rule, file)
    for limit in file.limits:
        _check_limit(limit, file)
    for viewing in file.viewing:
        _check_viewing(viewing, file)
    check_fail_on(file.fail_on, "fail_on")
    for waiver in file.waivers:
        try:
            check_waiver(waiver)
        except ValueError as error:
            raise UsageError(f"waivers: {error}") from error


def _check_rule(rule: Budget | Margin, file: SuiteFile) -> None:
    """Raise UsageError on a rule that could never apply: it would pass without having measured
    anything.
    """
    kind = "budgets" if isinstance(rule, Budget) else "margins"
    where = f"{kind}: {rule.metric} {rule.region} {rule.stat}"
    check_name(rule.metric)
    if rule.metric not in file.metrics:
        raise UsageError(f"{where}: the suite does not measure {rule.metric}; add it to metrics")
    if rule.stat not in stats_of(rule.metric):
        raise UsageError(
            f"{where}: {rule.metric} has the statistics {', '.join(stats_of(rule.metric))}"
        )
    _check_rule_families(rule.families, file)
    if isinstance(rule, Margin):
        if not 0 <= rule.margin < math.inf:
            raise UsageError(f"{where}: margin must be 0 or above; it is {rule.margin}")
        return
    if (rule.min is None) == (rule.max is None):
        raise UsageError(f"{where} needs a min or a max, and not both")
    if not all(math.isfinite(limit) for limit in (rule.min, rule.max) if limit is not None):
        raise UsageError(f"{where}: its limit must be finite")
    _check_step(rule, where)


def _check_limit(limit: Limit, file: SuiteFile) -> None:
    """Raise UsageError on a limit that could never apply."""
    where = f"limits: {limit.of}"
    if not 0 < limit.max < math.inf:
        raise UsageError(f"{where}: max must be above 0 and finite; it is {limit.max}")
    _check_rule_families(limit.families, file)
    _check_step(limit, where)


def _check_viewing(viewing: Viewing, file: SuiteFile) -> None:
    """Raise UsageError on a viewing condition that there is not."""
    check_display(viewing.display)
    if not 0.1 <= viewing.zoom <= 100 or not 0 <= viewing.distance_m <= 100:
        raise UsageError(
            "viewing: zoom must be 0.1 to 100 and distance_m 0 (the display's own) to 100; they"
            f" are {viewing.zoom:g} and {viewing.distance_m:g}"
        )
    _check_rule_families(viewing.families, file)


def check_fail_on(outcomes: Sequence[str], where: str) -> None:
    """Raise UsageError on an outcome that can't fail a build."""
    for outcome in outcomes:
        if outcome not in MAY_FAIL:
            raise UsageError(f"{where}: {unknown_name_error('outcome', outcome, MAY_FAIL)}")


def _check_step(rule: Budget | Limit, where: str) -> None:
    if rule.until_step is not None and rule.until_step < 1:
        raise UsageError(f"{where}: until_step must be at least 1; it is {rule.until_step}")


def _check_seeds(seeds: Sequence[int]) -> None:
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise UsageError(f"a seed must be from 0 to {MAX_SEED}; one is {seed}")


def _check_rule_families(names: Sequence[str], file: SuiteFile) -> None:
    grouped = [name for name, written in file.folders.items() if has_groups(written)]
    _check_families(names, [*file.vectors, *file.folders], grouped, "family of this suite")


def _check_families(
    names: Sequence[str], known: Sequence[str], grouped: Sequence[str], kind: str
) -> None:
    """Of a folder that has groups, any group may be named: its files say which there are."""
    _check_known([name for name in names if name.partition("/")[0] not in grouped], known, kind)


def _check_known(names: Sequence[str], known: Sequence[str], kind: str) -> None:
    for name in names:
        if name not in known:
            raise unknown_name_error(kind, name, known)
