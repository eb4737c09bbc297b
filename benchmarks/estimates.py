"""How well the pre-check's `estimate_ms` tells what an edit takes: the shipped models on pictures
of several sizes.

    python -m benchmarks.estimates
    python -m benchmarks.estimates --picture coffee --sizes 384,768    # none of what the constants
    were fitted to

Times are processor times of one thread, so that they do not depend on what else the machine does.
Printed are each edit's estimate and time, the share of the time that each stage takes, and the
median ratio of the two.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from editproof.pipelines import EditRequest, Image, Mask, reference
from editproof.pipelines.contract import Param

MODELS = ("ns", "telea", "biharmonic", "patch", "microfill")
SCALES = (1, 2)


class Timed(NamedTuple):
    """One edit."""

    what: str
    estimate_ms: float
    actual_ms: float

    @property
    def ratio(self) -> float:
        """How many times too long the estimate is."""
        return self.estimate_ms / self.actual_ms


def scene(picture: str, size_px: int, *, share: float) -> tuple[Image, Mask]:
    """One of scikit-image's photographs, square, with three lines of text over it, and the mask of
    a blob and the text, about `share` of it in all.
    """
    from skimage import data

    image = cv2.resize(getattr(data, picture)(), (size_px, size_px), interpolation=cv2.INTER_AREA)
    mask = np.zeros((size_px, size_px), np.uint8)
    cv2.circle(
        mask, (size_px * 2 // 3, size_px // 3), int(size_px * np.sqrt(share / 2 / np.pi)), 1, -1
    )
    for row in (0.55, 0.7, 0.85):
        place = (size_px // 10, int(size_px * row))
        for canvas, colour in ((image, (250, 250, 250)), (mask, 1)):
            cv2.putText(
                canvas,
                "SAMPLE 2024",
                place,
                cv2.FONT_HERSHEY_SIMPLEX,
                size_px / 360,
                colour,
                max(1, size_px // 180),
            )
    return (image / np.float32(255)).astype(np.float32), mask.astype(np.float32)


def edits(
    picture: str, sizes_px: Sequence[int]
) -> Iterator[tuple[str, dict[str, Param], EditRequest]]:
    """Every edit that is timed: by each model, and with the mask looked for."""
    for size_px in sizes_px:
        for scale in SCALES:
            for share in (0.01, 0.08):
                image, mask = scene(picture, size_px, share=share)
                for model in MODELS:
                    yield (
                        f"{model}, {size_px} px, ×{scale}, {mask.mean():.1%} masked",
                        {"inpaint.model": model, "mask.max_coverage": 1.0},
                        EditRequest(image, mask, scale=scale),
                    )
        image, _ = scene(picture, size_px, share=0.01)
        yield f"detected, {size_px} px", {"mask.max_coverage": 0.2}, EditRequest(image)


def timed(what: str, settings: dict[str, Param], request: EditRequest) -> Timed:
    """The edit's second run, when everything is loaded; what detection remembers is forgotten."""
    from editproof.pipelines.stages import detect

    pipeline = reference.build(**settings)
    pipeline(request)
    detect._text_cache.clear()  # noqa: SLF001 - an unchanged picture would not be looked at again
    start = time.process_time()
    result = pipeline(request)
    actual_ms = (time.process_time() - start) * 1000
    said = next(stage.decision for stage in result.stages if stage.name == "precheck")
    found = re.search(r"estimate_ms=(\d+)", said)
    return Timed(what, float(found[1]) if found else 0.0, actual_ms)


def main() -> None:
    """Time all, and print."""
    import torch

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.estimates", description="Time the pre-check's estimates."
    )
    parser.add_argument(
        "--picture",
        default="astronaut",
        help="one of scikit-image's photographs, default %(default)s",
    )
    parser.add_argument(
        "--sizes", default="256,512,1024", help="edges in pixels, default %(default)s"
    )
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    rows = [
        timed(*edit)
        for edit in edits(asked.picture, [int(size) for size in asked.sizes.split(",")])
    ]
    for row in rows:
        print(f"{row.what:45} {row.estimate_ms:8.0f} {row.actual_ms:8.0f} ms {row.ratio:6.2f}")  # noqa: T201
    ratios = np.array([row.ratio for row in rows])
    off = np.maximum(ratios, 1 / ratios)
    print(  # noqa: T201
        f"{len(rows)} edits: median ratio {np.median(ratios):.2f}; off by a factor of"
        f" {np.median(off):.2f} in the median, {np.quantile(off, 0.9):.2f} at the 90th percentile,"
        f" {off.max():.2f} at most"
    )


if __name__ == "__main__":
    main()
