"""The reference pipeline with a fault in one of its stages, run as any pipeline is:

editproof run --pipeline
"ns=editproof.harness.faults.planted:build?fault=ghost&strength=0.02&inpaint.model=ns" editproof run
--pipeline "ns=editproof.harness.faults.planted:harmless?kind=jpeg_100_444&inpaint.model=ns"
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
from editproof.harness.faults.stages import Plant, StageFault, get_fault
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import EditRequest, EditResult, Image, Param
from editproof.pipelines.reference import STAGES, ReferencePipeline, Stage

HERE = Path(__file__).parent


class PlantedPipeline(ReferencePipeline):
    """The reference pipeline, one of its stages faulty."""

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
        """As the reference's, with the fault."""
        return f"{super().fingerprint} fault {self._fault.name} {self._strength:g} {_hash_code()}"


def build(fault: str, strength: float = 0.0, **settings: Param) -> PlantedPipeline:
    """The reference pipeline on these settings with a fault of that strength; 0: its nominal one.

    Raises UsageError where there is no such fault, ContractError on an unknown setting or a wrong
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
        """As the reference's."""
        with limit_threads(self._way.threads) if self._way.threads else nullcontext():
            result = super().__call__(request)
        if self._way.finished is None or result.image is None:
            return result
        return replace(result, image=self._way.finished(result.image))

    @cached_property
    def fingerprint(self) -> str:
        """As the reference's, with the change."""
        return f"{super().fingerprint} harmless {self._label} {_hash_code()}"


def harmless(kind: str, side: str = "after", **settings: Param) -> HarmlessPipeline:
    """The reference pipeline on these settings with a harmless change; `side=before`: as its
    accepted edits are made.

    Raises UsageError where there is no such change, ContractError on an unknown setting or a wrong
    value.
    """
    found: HarmlessChange = get_harmless(kind)
    way = found.after if side == "after" else found.before or EditChange()
    config = ReferenceConfig().with_settings({**settings, **dict(way.settings)})
    return HarmlessPipeline(config, way, f"{kind} {side}")


def _replace_stage(stage: Stage, plant: Plant | None) -> Stage:
    return stage if plant is None else lambda edit: plant(stage, edit, 1.0)


def _hash_code() -> str:
    """Hash of the code of all faults and harmless changes."""
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py")))
    ).hexdigest()[:16]


class RepeatedPipeline(ReferencePipeline):
    """The reference pipeline, run in another way that must not matter."""

    def __init__(self, config: ReferenceConfig, threads: int, png: int) -> None:
        super().__init__(config)
        self._threads, self._png = threads, png

    def __call__(self, request: EditRequest) -> EditResult:
        """As the reference's."""
        with limit_threads(self._threads) if self._threads else nullcontext():
            return super().__call__(
                replace(request, image=round_trip_png(request.image, self._png))
            )

    @cached_property
    def fingerprint(self) -> str:
        """As the reference's, with the way."""
        return f"{super().fingerprint} threads {self._threads} png {self._png}"


def again(threads: int = 0, png: int = -1, **settings: Param) -> RepeatedPipeline:
    """The reference pipeline on these settings, with so many threads (0: as it is), its input
    through a PNG file of that compression level, 0 to 9 (-1: none). Raises ContractError on an
    unknown setting or a wrong value.
    """
    return RepeatedPipeline(ReferenceConfig().with_settings(settings), int(threads), int(png))


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """OpenCV and torch compute in so many threads."""
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
    """The picture written to a PNG file and read again: 8 bits as before. A level below 0: as it
    is.
    """
    if level < 0:
        return image
    pixels = np.asarray(np.rint(image * 255), np.uint8)
    written = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, level])[1]
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_UNCHANGED), np.float32) / np.float32(255)
