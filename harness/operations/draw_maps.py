"""Draw heat maps into a run's folder, for its report."""

from __future__ import annotations

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS, find_weights
from editproof.harness.records.errors import UsageError
from editproof.harness.records.runs import Run
from editproof.harness.running import maps
from editproof.harness.suites.settings import Project


def draw_maps_of_findings(run: Run, project: Project) -> None:
    """Draw the heat maps of the cases that a finding calls out. Where none does, nobody waits for
    maps.
    """
    called = maps.find_called_out(run)
    if called:
        draw_maps(run, project, most=min(len(called), maps.MOST))


def draw_maps(run: Run, project: Project, *, most: int | None) -> None:
    """Draw the heat maps of the cases that need a look into the run's folder; `most` None: of
    all.
    """
    try:
        weights = find_weights(project.lpips_weights, download=False)
    except UsageError:
        weights = NO_WEIGHTS  # LPIPS then has no maps: a reader need not have its weights
    maps.draw(run, weights, most=most)


def parse_map_count(text: str) -> int | None:
    """How many cases get maps; None: all. Raises UsageError on anything but a number or `all`."""
    if text == "all":
        return None
    if not text.isdecimal():
        raise UsageError(f"--maps takes a number of cases or `all`, not {text!r}")
    return int(text)
