"""The reference pipeline with a fault in one of its stages, run as any pipeline is:

editproof run --pipeline "ns=harness.faults.planted:build?fault=ghost&strength=0.02&inpaint.model=ns"
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from harness.faults.stages import StageFault, get_fault
from pipelines.config import ReferenceConfig
from pipelines.contract import Param
from pipelines.reference import STAGES, ReferencePipeline, Stage

HERE = Path(__file__).parent


class PlantedPipeline(ReferencePipeline):
    """The reference pipeline, one of its stages faulty."""

    def __init__(self, config: ReferenceConfig, fault: StageFault, strength: float) -> None:
        def faulty(stage: Stage) -> Stage:
            return lambda edit: fault.plant(stage, edit, strength)

        program = tuple((name, faulty(stage) if name == fault.stage else stage) for name, stage in STAGES)
        super().__init__(config, program)
        self._fault, self._strength = fault, strength

    @cached_property
    def fingerprint(self) -> str:
        """As the reference's, with the fault."""
        code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py")))).hexdigest()[:16]
        return f"{super().fingerprint} fault {self._fault.name} {self._strength:g} {code}"


def build(fault: str, strength: float = 0.0, **settings: Param) -> PlantedPipeline:
    """The reference pipeline on these settings with a fault of that strength; 0: its nominal one.

    Raises UsageError where there is no such fault, ContractError on an unknown setting or a wrong value.
    """
    found = get_fault(fault)
    config = ReferenceConfig().with_settings({**settings, **dict(found.settings)})
    return PlantedPipeline(config, found, float(strength) or found.nominal)
