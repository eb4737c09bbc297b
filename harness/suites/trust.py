"""What may be loaded though the user did not name it: a run, a baseline, a bundle or a folder of
cases may come from a stranger.

The command line and the settings of the working folder are the user's word. `commands` decides by
them what is allowed, and whatever loads a pipeline that data name asks `trusted_pipeline` first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from editproof.harness.records.errors import UsageError
from editproof.harness.records.suites import Model
from editproof.harness.records.vocabulary import Param
from editproof.harness.records.wording import join_words
from editproof.harness.suites.settings import Project
from editproof.harness.suites.suite import name_model, parse_model
from editproof.pipelines.adapters.names import ADAPTERS
from editproof.pipelines.contract import ContractError
from editproof.pipelines.field_errors import suggest
from editproof.pipelines.loader import REFERENCE, parse
from editproof.pipelines.reach import beyond_shipped, settings_beyond_shipped

PipelineIdentity = tuple[str, str, tuple[tuple[str, Param], ...]]


@dataclass(frozen=True, slots=True)
class Trust:
    """What the user allows beyond what ships with us."""

    everything: bool = False
    """`--trust` was given."""
    pipelines: frozenset[str] = frozenset()
    """Pipelines that the user named, on the command line or in the settings."""
    cases: bool = False
    """`trust_cases` is set: cases may use files outside their folder, and models of others."""


NO_TRUST = Trust()


def pipelines_of_settings(project: Project) -> list[Model]:
    """The settings' pipelines, their files made absolute."""
    try:
        return [
            name_model(name, table, project.folder)
            for name, table in project.settings.pipelines.items()
        ]
    except UsageError as error:
        raise UsageError(f"{project.source}: {error}") from error


def read_pipelines(texts: Sequence[str], project: Project) -> list[Model]:
    """The pipelines that the command line names: by a name under `[pipelines]` in the settings, or
    as `[NAME=]PIPELINE`. Raises UsageError.
    """
    named = {model.name: model for model in pipelines_of_settings(project)}
    for text in texts:
        _check_name(text, named, project)
    return [named.get(text) or parse_model(text) for text in texts]


def _check_name(text: str, named: Iterable[str], project: Project) -> None:
    """Raise UsageError on a plain word that neither the settings nor we know."""
    names = list(named)
    is_word = bool(re.fullmatch(r"[\w.+ -]+", text)) and text not in (REFERENCE, *ADAPTERS)
    if not names or not is_word or text in names:
        return
    raise UsageError(
        f"{text!r} names no pipeline. {project.source} names {join_words(names)}"
        f"{suggest(text, [*names, REFERENCE])}"
    )


def trust_of(
    project: Project, *, everything: bool, named: Sequence[str] = (), data: Sequence[Path] = ()
) -> Trust:
    """What the user allows: all (`--trust`), or the pipelines that the command line or the settings
    name. Settings that lie in one of the `data` folders came with it, and allow nothing.
    """
    specs = [model.spec for model in read_pipelines(named, project)]
    if any(project.folder.resolve().is_relative_to(folder.resolve()) for folder in data):
        return Trust(everything, frozenset(specs))
    specs += [model.spec for model in pipelines_of_settings(project)]
    return Trust(everything, frozenset(specs), project.settings.trust_cases)


def trusted_pipeline(spec: str, trust: Trust, *, where: object, option: str) -> str:
    """Give back the pipeline's name where it may be loaded though `where`, not the user, names it.

    `option` names it again. Raises UsageError, saying what would run or be contacted.
    """
    try:
        beyond = beyond_shipped(spec)
        named = {_identity(text) for text in trust.pipelines}
        if trust.everything or not beyond or _identity(spec) in named:
            return spec
    except ContractError as error:
        raise UsageError(f"{where} names a pipeline that does not exist: {error}") from error
    raise UsageError(
        f"{where} names the pipeline {spec!r}, and you did not. It would {_listed(beyond)}. If you"
        f" know what it does, allow it with --trust, or name it yourself: {option}, or under"
        " [pipelines] in the editproof.toml of the folder that you work in"
    )


def check_inside(paths: Iterable[Path], folder: Path, trust: Trust) -> None:
    """Raise UsageError where one of the files of cases lies outside their folder, and the user does
    not allow it.
    """
    if trust.everything or trust.cases:
        return
    inside = folder.resolve()
    for path in paths:
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(inside):
            raise UsageError(
                f"{path} leads out of the folder of cases {inside}, to {real}. Copy the file into"
                " it, or allow it with --trust, or with trust_cases = true in your editproof.toml"
            )


def check_settings(settings: Mapping[str, Param], trust: Trust, *, where: object) -> None:
    """Raise UsageError where settings that `where` asks for would load a model or a file that the
    user did not name.
    """
    if not settings or trust.everything or trust.cases:
        return
    beyond = settings_beyond_shipped(settings)
    if beyond:
        raise UsageError(
            f"{where} asks for settings that you did not name. They would {_listed(beyond)}. If you"
            " know what they do, allow them with --trust, or with trust_cases = true in your"
            " editproof.toml"
        )


def _identity(spec: str) -> PipelineIdentity:
    """Equal for names of one pipeline, however its file's path is written."""
    parsed = parse(spec)
    module = str(Path(parsed.module).expanduser().resolve()) if parsed.is_file else parsed.module
    return module, parsed.factory, parsed.params


def _listed(beyond: Iterable[str]) -> str:
    return "; ".join(beyond)
