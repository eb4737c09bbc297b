"""How visible each harmless change is, on two scenes of the suite `quick`: python -m
benchmarks.harmless [KIND ...].
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from editproof.harness.faults.harmless import HARMLESS, get_harmless
from editproof.harness.faults.planted import harmless
from editproof.harness.metrics.core import visibility
from editproof.harness.metrics.core.metric import Image
from editproof.harness.records.suites import Viewing
from editproof.harness.running.measure import as_delivered
from editproof.harness.suites.tasks import make_scene_task
from editproof.pipelines.contract import EditRequest, Pipeline
from editproof.vectors import get_vector

SCENES = (("logo", 2), ("microprint", 2))
SIZE_PX, SCALE, SCENE_SEED = 256, 2, 7
WHOLE_JOD, WORST_JOD = 0.03, 0.2
"""Below both, nobody sees it."""


def main(names: Sequence[str]) -> None:
    """Print a table: a row a change."""
    requests = [
        make_scene_task(get_vector(f).render(SCENE_SEED, SIZE_PX, step=step, scale=SCALE)).request
        for f, step in SCENES
    ]
    print(  # noqa: T201
        "| change | pixels that differ | largest, levels | JOD whole | JOD worst window | said to"
        " keep | invisible |"
    )
    print("|---|---:|---:|---:|---:|---|---|")  # noqa: T201
    plain = harmless("threads_4", side="before", **{"inpaint.model": "ns"})
    accepted = [_made(plain, request) for request in requests]
    for change in [get_harmless(name) for name in names] or HARMLESS:
        then = accepted
        if change.before:
            before = harmless(change.name, side="before", **{"inpaint.model": "ns"})
            then = [_made(before, request) for request in requests]
        after = harmless(change.name, **{"inpaint.model": "ns"})
        print(  # noqa: T201
            _row(change.name, then, [_made(after, r) for r in requests], keeps=change.keeps),
            flush=True,
        )


def _row(name: str, accepted: Sequence[Image], images: Sequence[Image], *, keeps: bool) -> str:
    pairs = list(zip(accepted, images, strict=True))
    levels = [np.rint(np.abs(one - other) * 255).max(axis=2) for one, other in pairs]
    seen = [visibility.compare(one, other, viewing=Viewing()) for one, other in pairs]
    whole, worst = max(one.whole for one in seen), max(one.worst for one in seen)
    share, most = (
        max(float((one > 0).mean()) for one in levels),
        max(int(one.max()) for one in levels),
    )
    invisible = "yes" if whole < WHOLE_JOD and worst < WORST_JOD else "no"
    return (
        f"| {name} | {share:.2%} | {most} | {whole:.4f} | {worst:.3f} | {'yes' if keeps else ''} |"
        f" {invisible} |"
    )


def _made(pipeline: Pipeline, request: EditRequest) -> Image:
    image = pipeline(request).image
    if image is None:
        raise ValueError("the edit was refused")
    return as_delivered(image)


if __name__ == "__main__":
    main(sys.argv[1:])
