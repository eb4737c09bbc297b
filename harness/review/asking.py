"""What a case asks of its pipeline, so that it can be asked again: its request, and the settings
that its edit was made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from editproof.harness.pictures import files
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import read_in_order
from editproof.harness.records.runs import Run
from editproof.harness.suites.cases import current_id
from editproof.harness.suites.tasks import find_drawn_case, make_task
from editproof.harness.suites.turns import derive_seed
from editproof.pipelines.config import RANGES
from editproof.pipelines.contract import CaseName, EditRequest, Param
from editproof.pipelines.loader import OWN, parse
from editproof.pipelines.manual import sections

OTHER_FILES = (
    "The files of this case are not here, or have changed since the run. Its own mask and prompt"
    " are not known. The picture is the one that the run keeps"
)


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """A request, and what is not known of it."""

    request: EditRequest
    note: str = ""
    """Empty: it is the request of the run."""


def find_request(run: Run, case: Case) -> CaseRequest:
    """The request of a case that has ended. Where its files are not those of the run, it holds the
    run's picture of the input alone: a run from elsewhere may name any file of this machine.

    Raises UsageError where the run has no picture of the input, and DamagedError.
    """
    digest = run.endings[case.id].input
    name = CaseName(
        case.family, case.first_turn_name, case.model.name, case.id, case.turn, bool(case.own)
    )
    if case.turn < 1:
        raise UsageError(f"the run is damaged: {case.scene} has a turn {case.turn}")
    made = _make_request(case)
    if case.turn == 1 and made is not None and digest in {"", files.digest_of(made.image)}:
        return CaseRequest(replace(made, seed=derive_seed(case), case=name))
    image = files.find([run.folder], digest)
    if image is None:
        raise UsageError("the run does not have the input of this case, so it can't be edited")
    if made is not None and made.image.shape == image.shape and case.turn > 1:
        later = replace(made, image=image, file=b"", seed=derive_seed(case), case=name)
        return CaseRequest(later)
    return CaseRequest(
        EditRequest(image, seed=derive_seed(case), scale=case.scale, case=name), OTHER_FILES
    )


def _make_request(case: Case) -> EditRequest | None:
    """As the suite makes it; None: its files are not here, or are others now."""
    try:
        drawn = find_drawn_case(case)
        if (case.own or case.folder) and current_id(case) != case.id:
            return None
        return make_task(drawn).request
    except (UsageError, OSError, ValueError):  # a run from elsewhere may say anything of it
        return None


def find_settings(run: Run, case: Case) -> Mapping[str, Param]:
    """The settings that the pipeline says it used, by dotted name. Raises DamagedError."""
    alone = replace(run.manifest, cases=(case,))
    return next((one.config for one in read_in_order(run.folder, alone)), {})


def describe_settings(spec: str, used: Mapping[str, Param]) -> list[dict[str, Any]]:
    """Each setting that can be changed: its name, its value, and what is known of its meaning. The
    reference pipeline's are described; of others those are known that an edit said it used.
    """
    if parse(spec).module != OWN:
        return [{"name": name, "value": value} for name, value in sorted(used.items())]
    return [
        {
            "name": setting.name,
            "value": used.get(setting.name, setting.default),
            "about": setting.about,
            "allowed": setting.allowed,
            "choices": _list_choices(setting.allowed),
            "range": RANGES.get(setting.name),
        }
        for section in sections()
        for setting in section.settings
    ]


def _list_choices(allowed: str) -> list[str]:
    """The words that a setting can be; empty: any value is possible."""
    words = allowed.split(", ")
    return [word.strip("`") for word in words] if allowed.startswith("`") else []
