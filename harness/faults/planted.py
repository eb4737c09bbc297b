"""The reference pipeline with a fault or a harmless change in one of its stages, run as any
pipeline is:

editproof run --pipeline
"ns=editproof.harness.faults.planted:build?fault=ghost&strength=0.02&inpaint.model=ns"
editproof run --pipeline
"ns=editproof.harness.faults.planted:harmless?kind=jpeg_100_444&inpaint.model=ns"
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from editproof.harness.faults.harmless import EditChange, HarmlessChange, get_harmless
from editproof.harness.faults.planting import Plant
from editproof.harness.faults.stages import StageFault, get_fault
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import EditRequest, EditResult, Image, Param
from editproof.pipelines.reference import STAGES, ReferencePipeline, Stage

HERE = Path(__file__).parent


class PlantedPipeline(ReferencePipeline):
    """The reference pipeline with one faulty stage."""

    def __init__(self, config: ReferenceConfig, fault: StageFault, strength: float) -> None:
        def plant_fault(stage: Stage) -> Stage:
            return lambda edit: fault.plant(stage, edit, strength)

        program = tuple(
            (name, plant_fault(stage) if name == fault.stage else stage) for name, stage in STAGES
        )
        super().__init__(config, program)
        self._fault, self._strength = fault, strength

    @cached_property
    def fingerprint(self) -> str:
        """The reference pipeline's fingerprint and the fault's."""
        return f"{super().fingerprint} fault {self._fault.name} {self._strength:g} {_hash_code()}"


def build(fault: str, strength: float = 0.0, **settings: Param) -> PlantedPipeline:
    """Build the reference pipeline with these settings and a fault. Strength 0 means the nominal
    one.

    Raises UsageError if there is no such fault, and ContractError on an unknown setting or a wrong
    value.
    """
    found = get_fault(fault)
    config = ReferenceConfig().with_settings({**settings, **dict(found.settings)})
    return PlantedPipeline(config, found, float(strength) or found.nominal)


class HarmlessPipeline(ReferencePipeline):
    """The reference pipeline with a harmless change."""

    def __init__(self, config: ReferenceConfig, way: EditChange, label: str) -> None:
        planted = dict(way.stages)
        program = tuple((name, _replace_stage(stage, planted.get(name))) for name, stage in STAGES)
        super().__init__(config, program)
        self._way, self._label = way, label

    def __call__(self, request: EditRequest) -> EditResult:
        """Edit as the reference pipeline does, with the change."""
        with limit_threads(self._way.threads) if self._way.threads else nullcontext():
            result = super().__call__(request)
        if self._way.finished is None or result.image is None:
            return result
        return replace(result, image=self._way.finished(result.image))

    @cached_property
    def fingerprint(self) -> str:
        """The reference pipeline's fingerprint and the change's."""
        return f"{super().fingerprint} harmless {self._label} {_hash_code()}"


def harmless(kind: str, side: str = "after", **settings: Param) -> HarmlessPipeline:
    """Build the reference pipeline with these settings and a harmless change. `side=before` builds
    the pipeline of its accepted edits.

    Raises UsageError if there is no such change, and ContractError on an unknown setting or a wrong
    value.
    """
    found: HarmlessChange = get_harmless(kind)
    way = found.after if side == "after" else found.before or EditChange()
    config = ReferenceConfig().with_settings({**settings, **dict(way.settings)})
    return HarmlessPipeline(config, way, f"{kind} {side}")


def _replace_stage(stage: Stage, plant: Plant | None) -> Stage:
    return stage if plant is None else lambda edit: plant(stage, edit, 1.0)


def _hash_code() -> str:
    """Hash the code of all faults and harmless changes."""
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py")))
    ).hexdigest()[:16]


class RepeatedPipeline(ReferencePipeline):
    """The reference pipeline, run in another way that must not change the picture."""

    def __init__(self, config: ReferenceConfig, threads: int, png: int) -> None:
        super().__init__(config)
        self._threads, self._png = threads, png

    def __call__(self, request: EditRequest) -> EditResult:
        """Edit as the reference pipeline does."""
        with limit_threads(self._threads) if self._threads else nullcontext():
            return super().__call__(
                replace(request, image=round_trip_png(request.image, self._png))
            )

    @cached_property
    def fingerprint(self) -> str:
        """The reference pipeline's fingerprint and how it is run."""
        return f"{super().fingerprint} threads {self._threads} png {self._png}"


def again(threads: int = 0, png: int = -1, **settings: Param) -> RepeatedPipeline:
    """Build the reference pipeline with these settings and another way of running it. `threads` 0
    leaves the threads as they are. The input goes through a PNG file of compression `png`, 0 to 9;
    -1 means no file.

    Raises ContractError on an unknown setting or a wrong value.
    """
    return RepeatedPipeline(ReferenceConfig().with_settings(settings), int(threads), int(png))


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """Let OpenCV and torch compute in that many threads until the end of the block."""
    import torch

    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(count)
    torch.set_num_threads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def round_trip_png(image: Image, level: int) -> Image:
    """Write the picture to an 8-bit PNG file and read it again. A level below 0 changes nothing."""
    if level < 0:
        return image
    pixels = np.asarray(np.rint(image * 255), np.uint8)
    written = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, level])[1]
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_UNCHANGED), np.float32) / np.float32(255)
