"""What of a suite its models were asked otherwise than it says, or could not be asked: in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from editproof.harness.records.case_table import CaseTable
from editproof.harness.records.manifest import Manifest, NotApplicable
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import count_noun, join_words, name_few


def describe_left_out(left_out: Iterable[NotApplicable]) -> str:
    """Which scenes can't be asked of which models, and why; the first few reasons."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in left_out:
        groups.setdefault((one.model, one.reason), []).append(one.scene)
    return name_few(
        [
            f"{model}, {count_noun(len(scenes), 'scene')} ({join_words(scenes)}): {reason}"
            for (model, reason), scenes in groups.items()
        ]
    )


def list_fit_notes(manifest: Manifest) -> Iterator[str]:
    """What a person should know of how the suite was fitted to its models."""
    cases = CaseTable.of(manifest.cases)
    for model in manifest.pipelines:
        own = np.flatnonzero(cases.models == model)
        yield from _list_model_notes(manifest, model, cases.take(own))
    if manifest.not_applicable:
        count = count_noun(len(manifest.not_applicable), "scene")
        yield f"not applicable: {count}. {describe_left_out(manifest.not_applicable)}"


def list_resize_notes(run: Run) -> Iterator[str]:
    """How many pictures came back in another size and were resized, where a pipeline does that."""
    for model, pipeline in run.manifest.pipelines.items():
        if pipeline.capabilities.resizes:
            records = [record for record in run.records if record.case.model.name == model]
            count = sum(record.config.get("resize") == "back" for record in records)
            yield (
                f"{model} resizes what comes back in another size than was asked for:"
                f" {count} of {count_noun(len(records), 'picture')}"
            )


def _list_model_notes(manifest: Manifest, model: str, cases: CaseTable) -> Iterator[str]:
    suite, can = manifest.suite, manifest.pipelines[model].capabilities
    scales = sorted({*cases.column("scale")})
    if can.scales and suite.scale not in can.scales and scales:
        made = join_words([f"×{scale}" for scale in scales])
        yield f"{model} is asked at {made}, since it does not make the suite's ×{suite.scale}"
    sizes = sorted({*cases.column("size")} - {0, suite.size})
    if sizes:
        drawn = join_words([f"{size} px" for size in sizes])
        yield f"{model}: scenes are drawn at {drawn}, since it does not take {suite.size} px"
    handed = cases.take(np.flatnonzero(cases.column("given_mask")))
    given = list(dict.fromkeys(case.scene for case in handed))
    if given:
        yield (
            f"{model} needs a mask. If a scene gives none, it gets the true one:"
            f" {count_noun(len(given), 'scene')} ({join_words(given)})"
        )
    if (cases.column("repeat") > 1).any():
        yield f"{model} takes no seed: its pictures of a scene are repeats"
