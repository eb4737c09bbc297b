"""Faults: each does what it says, where it says, the more the stronger; and the measurements see
them.
"""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.faults.pictures import FAULTS, Fault, get_fault
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.metric import Image, Reference, require_part
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.records.errors import UsageError
from editproof.harness.records.vocabulary import Region
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.suites.tasks import make_scene_task
from editproof.vectors import get_vector

INSIDE: dict[str, Region] = {
    "soft_fill": "edit",
    "grain_lost": "edit",
    "microprint_lost": "protect",
    "outside_changed": "keep",
}
"""Faults that stay within a region."""

SHOWN_BY = {
    "ghost": ("ghost", "edit", "amplitude"),
    "text_left": ("psnr", "edit", "worst"),
    "soft_fill": ("sharpness", "edit", "mean"),
    "grain_lost": ("grain", "edit", "fine"),
    "denoised": ("grain", "keep", "fine"),
    "halo": ("halo", "ring", "rim"),
    "microprint_lost": ("micro_legibility", "protect", "mean"),
    "outside_changed": ("psnr", "keep", "mean"),
    "hard_seams": ("seam_grid", "all", "vertical"),
    "tile_shading": ("tile_peak", "seams", "peak"),
    "hue_drift": ("hue_offset", "all", "mean"),
    "lightness_drift": ("lightness_bias", "all", "mean"),
    "washed_out": ("chroma_ratio", "all", "mean"),
    "gamma_drift": ("lightness_bias", "all", "mean"),
    "blurred": ("sharpness", "all", "mean"),
    "sharpened": ("sharpness", "all", "mean"),
    "shifted": ("registration", "all", "shift"),
    "compressed": ("psnr", "keep", "mean"),
    "banded": ("psnr", "keep", "mean"),
    "chequered": ("spectral_energy", "all", "octave_5"),
}
"""The number that each fault is for."""


@pytest.fixture(scope="module")
def photograph() -> Reference:
    return make_scene_task(get_vector("logo").render(3, 256, step=4)).reference


@pytest.fixture(scope="module")
def sheet() -> Reference:
    return make_scene_task(get_vector("microprint").render(3, 256, step=2)).reference


@pytest.fixture(scope="module")
def tiled() -> Reference:
    return make_scene_task(get_vector("tiled_seams").render(3, 256, step=3)).reference


@pytest.fixture
def reference(fault: Fault, photograph: Reference, sheet: Reference, tiled: Reference) -> Reference:
    """A scene where the fault can happen."""
    return {"microprint_lost": sheet, "tile_shading": tiled}.get(fault.name, photograph)


@pytest.fixture
def right(reference: Reference) -> Image:
    """A good edit, with a little grain everywhere, so that there is some to lose."""
    return good_edit(reference, seed=0)


def good_edit(reference: Reference, seed: int) -> Image:
    """The right answer with grain; another seed has other grain in the edit, and there only."""
    shape = require_part(reference.expected).shape
    noise, own = (np.random.default_rng(s).normal(0, 2 / 255, shape) for s in (99, seed))
    grain = np.where(reference.areas["edit"][..., None], own, noise)
    return as_delivered(np.clip(require_part(reference.expected) + grain, 0, 1).astype(np.float32))


@pytest.fixture(params=FAULTS, ids=lambda fault: fault.name)
def fault(request: pytest.FixtureRequest) -> Fault:
    given: Fault = request.param
    return given


def test_it_is_a_pure_function_that_gives_a_picture(
    fault: Fault, right: Image, reference: Reference
) -> None:
    """Twice the same bits, float32 in [0, 1], and the right answer is left as it was."""
    before = right.tobytes()
    one, other = (fault.plant(right, reference, fault.nominal) for _ in range(2))
    assert one.tobytes() == other.tobytes()
    assert right.tobytes() == before
    assert one.shape == right.shape
    assert one.dtype == np.float32
    assert 0 <= one.min() <= one.max() <= 1


def test_the_stronger_the_worse(fault: Fault, right: Image, reference: Reference) -> None:
    """A fault's distance from the right answer grows with its strength."""
    strengths = (0.5, 1.0, 2.0)
    distances = [
        np.abs(fault.plant(right, reference, s * fault.nominal) - right).mean() for s in strengths
    ]
    assert 0 < distances[0] < distances[1] < distances[2]


def test_it_stays_where_it_belongs(fault: Fault, right: Image, reference: Reference) -> None:
    """Elsewhere not a bit changes."""
    area = reference.areas[INSIDE.get(fault.name, "all")]
    wrong = fault.plant(right, reference, fault.nominal)
    assert (wrong != right).any()
    assert np.array_equal(wrong[~area], right[~area])


def test_its_own_number_shows_it_at_half_strength(
    fault: Fault, right: Image, reference: Reference
) -> None:
    """At half of the nominal strength, its number moves further than under another seed's noise."""
    name, region, stat = SHOWN_BY[fault.name]
    metric = get_metric(name, NO_WEIGHTS)
    prepared = prepare(reference, [metric])

    def number(image: Image) -> float:
        (value,) = [
            row.value
            for row in measure(prepared, [metric], image)
            if (row.region, row.stat) == (region, stat)
        ]
        assert value is not None
        return value

    seeds = [number(good_edit(reference, seed)) for seed in range(1, 6)]
    wander = max(seeds) - min(seeds)
    shown = number(as_delivered(fault.plant(right, reference, fault.nominal / 2)))
    assert abs(shown - float(np.median(seeds))) > 1.5 * wander


def test_an_unknown_fault_is_refused_with_the_nearest() -> None:
    """A typing error is told from a fault."""
    with pytest.raises(UsageError, match="did you mean ghost"):
        get_fault("gost")
