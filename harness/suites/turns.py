"""Turns: an output is edited again and again, which shows a model that decays turn by turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from editproof.harness.metrics.core.metric import Reference
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError, unknown_name_error
from editproof.harness.records.families import is_covered
from editproof.harness.records.suites import Suite
from editproof.pipelines.contract import EditRequest, Image

MAX_TURNS = 20
"""Edits in a row: what decays shows it long before, and each turn costs an edit."""


def check_turns(turns: int | Mapping[str, int], families: Sequence[str]) -> None:
    """Raise UsageError unless the suite's turns, of all families or by family, can be made."""
    for family in turns if isinstance(turns, Mapping) else ():
        if not is_covered(family, families):
            raise UsageError(
                f"turns: {unknown_name_error('family of this suite', family, families)}"
            )
    for number in turns.values() if isinstance(turns, Mapping) else [turns]:
        if not 1 <= number <= MAX_TURNS:
            raise UsageError(f"turns must be 1 to {MAX_TURNS}; it is {number}")


def count_turns(suite: Suite, scene: Case) -> int:
    """How many edits in a row the suite asks for of that scene. Raises UsageError where an output
    can't be the next input.
    """
    turns = suite.turns if isinstance(suite.turns, int) else _find_turns(suite.turns, scene.family)
    if turns > 1 and scene.scale != 1:
        raise UsageError(
            f"{scene.scene}: turns = {turns} needs scale 1, because each output is the next input;"
            f" its scale is {scene.scale}. Set scale = 1 in the suite, or --scale 1, or turns = 1"
        )
    return turns


def _find_turns(turns: Mapping[str, int], family: str) -> int:
    """Those of the family, else those of the folder whose group it is, else 1."""
    return turns.get(family, turns.get(family.partition("/")[0], 1))


def check_turn_names(cases: Sequence[Case]) -> None:
    """Raise UsageError where an own case is called as a later turn of another one is."""
    later = {case.scene for case in cases if case.turn > 1}
    for case in cases:
        if case.turn == 1 and case.scene in later:
            raise UsageError(
                f"{case.folder} has a case {case.own!r}, and a later turn of another case has the"
                " same name. Rename the files of one of them"
            )


def derive_seed(case: Case) -> int:
    """The seed that the pipeline is given: the case's in its first turn, then another in each turn.
    A model that fills the same hole from the same noise again would only repeat itself. 31 bits,
    which every service takes.
    """
    if case.turn == 1:
        return case.seed
    return int(np.random.SeedSequence((case.seed, case.turn)).generate_state(1)[0] >> 1)


def edit_again(
    request: EditRequest, reference: Reference, output: Image, *, moved: bool
) -> EditRequest:
    """The request of a later turn: `output` is edited as the scene was. Where what must go has
    `moved`, the scene's overlay is laid over the output first. H×W×3 each.
    """
    image = np.ascontiguousarray(output)
    if moved and reference.overlay is not None and reference.overlay_rgb is not None:
        alpha = reference.overlay[..., None]
        image = (1 - alpha) * image + alpha * reference.overlay_rgb
    return replace(request, image=image, file=b"")
