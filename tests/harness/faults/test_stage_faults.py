"""Faults in stages: each is there, in its own stage, the more the stronger, and the same every
time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editproof.harness.faults.planted import build
from editproof.harness.faults.stages import STAGE_FAULTS, StageFault, get_fault
from editproof.harness.records.errors import UsageError
from editproof.harness.suites.tasks import make_scene_task
from editproof.pipelines import reference
from editproof.pipelines.contract import EditRequest, EditResult, Param, Status
from editproof.pipelines.loader import fingerprint, load
from editproof.vectors import get_vector
from tests.grids import some

SETTINGS: dict[str, Param] = {"inpaint.model": "patch", "harmonise.grain": True}
HARMLESS_TO_PIXELS = {"distrustful"}
NEEDS_A_STEP = {"not_harmonised"}
"""Does nothing where there is nothing to harmonise."""


@pytest.fixture(scope="module")
def request_() -> EditRequest:
    return replace(
        make_scene_task(get_vector("logo").render(3, 64, step=3, scale=2)).request, seed=5
    )


@pytest.fixture(scope="module")
def clean(request_: EditRequest) -> EditResult:
    return reference.build(**SETTINGS)(request_)


def first_difference(one: EditResult, other: EditResult) -> str:
    """The first stage whose artefact or place is not the other's."""
    for mine, yours in zip(one.stages, other.stages, strict=False):
        same = mine.name == yours.name and np.array_equal(
            np.zeros(0) if mine.artefact is None else mine.artefact,
            np.zeros(0) if yours.artefact is None else yours.artefact,
        )
        if not same:
            return mine.name
    return ""


def faulty(fault: StageFault, strength: float, request: EditRequest) -> EditResult:
    return build(fault.name, strength, **SETTINGS)(request)


def test_the_catalogue_is_what_was_asked_for() -> None:
    """Thirty faults or more, in every stage that does something to the picture, under names of
    their own.
    """
    names = [fault.name for fault in STAGE_FAULTS]
    assert len(names) == len(set(names)) >= 30
    assert {fault.stage for fault in STAGE_FAULTS} == {name for name, _ in reference.STAGES} - {
        "precheck"
    }


@pytest.mark.parametrize("fault", STAGE_FAULTS, ids=lambda fault: fault.name)
def test_the_first_stage_that_differs_is_the_planted_one(
    fault: StageFault, request_: EditRequest, clean: EditResult
) -> None:
    found = faulty(fault, fault.nominal, request_)
    if fault.name in HARMLESS_TO_PIXELS:
        assert found.status is Status.NEEDS_REVIEW
        return
    assert first_difference(found, clean) == fault.stage or fault.name in NEEDS_A_STEP
    again = faulty(fault, fault.nominal, request_)
    assert again.status is found.status
    if found.status is Status.REFUSED:
        assert "covers too much" in found.reason
    else:
        assert found.image is not None
        np.testing.assert_array_equal(found.image, again.image)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    some(["ghost", "hue_drift", "sharpened", "halo", "tile_seams", "grain_added", "faded_fill"]),
)
def test_twice_the_strength_does_more(name: str, request_: EditRequest, clean: EditResult) -> None:
    fault = get_fault(name)
    assert clean.image is not None
    sizes = []
    for share in (0.5, 1.0, 2.0):
        image = faulty(fault, share * fault.nominal, request_).image
        assert image is not None
        sizes.append(float(np.abs(image - clean.image).mean()))
    assert 0 < sizes[0] < sizes[1] < sizes[2]


@pytest.mark.exhaustive
def test_a_fault_that_happens_sometimes_happens_to_the_same_pictures() -> None:
    """Half of the pictures at strength 0.5, and every one of them at 1."""
    requests = [
        make_scene_task(get_vector("logo").render(seed, 64, step=1)).request for seed in range(40)
    ]
    plain = reference.build()

    def hit(strength: float) -> list[bool]:
        planted = build("channels_swapped", strength)
        return [first_difference(planted(one), plain(one)) != "" for one in requests]

    half = hit(0.5)
    assert 10 <= sum(half) <= 30
    assert half == hit(0.5)
    assert all(hit(1.0))


def test_it_runs_as_any_pipeline_does(request_: EditRequest) -> None:
    spec = "editproof.harness.faults.planted:build?fault=ghost&strength=0.02&inpaint.model=ns"
    pipeline = load(spec)
    assert pipeline(request_).image is not None
    other = load(spec.replace("0.02", "0.01"))
    assert fingerprint(spec, pipeline) != fingerprint(spec, other)


def test_an_unknown_fault_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="hue_drift"):
        build("hue_drif")
