"""Names of pipelines as 0.1 wrote them: a plus after the question mark stood for a blank."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.suites import Model

if TYPE_CHECKING:
    from editproof.harness.records.manifest import Manifest


def spell_out_blanks(spec: str) -> str:
    """A name of 0.1 in today's spelling."""
    target, mark, query = spec.partition("?")
    return f"{target}{mark}{query.replace('+', '%20')}"


def rename_models(manifest: Manifest) -> Manifest:
    """A manifest of 0.1 with its pipelines' names in today's spelling."""
    return replace(
        manifest,
        suite=replace(manifest.suite, models=tuple(map(_rename, manifest.suite.models))),
        pipelines={
            name: replace(info, spec=spell_out_blanks(info.spec))
            for name, info in manifest.pipelines.items()
        },
        cases=tuple(map(_rename_case, manifest.cases)),
    )


def rename_record(record: CaseRecord) -> CaseRecord:
    """A record of 0.1 with its pipeline's name in today's spelling."""
    return replace(record, case=_rename_case(record.case))


def _rename(model: Model) -> Model:
    return replace(model, spec=spell_out_blanks(model.spec))


def _rename_case(case: Case) -> Case:
    return replace(case, model=_rename(case.model))
