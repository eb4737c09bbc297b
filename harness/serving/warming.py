"""Models loaded before the first request, which would wait for them otherwise."""

from __future__ import annotations

import os

import numpy as np
import structlog

from editproof.harness.serving.engine import Watch
from editproof.harness.serving.service import Service, pipeline_of
from editproof.pipelines.contract import EditRequest
from editproof.pipelines.reference import ReferencePipeline
from editproof.pipelines.stages.detect import text_mask

EDGE_PX = 64

log = structlog.get_logger()


async def warm_up(service: Service) -> None:
    """Make one small edit with the settings in force, and look for text once. Raises whatever an
    edit raises: a server that can't edit does not start.
    """

    def edit(_watch: Watch) -> None:
        image = np.full((EDGE_PX, EDGE_PX, 3), 0.5, np.float32)
        mask = np.zeros((EDGE_PX, EDGE_PX), np.float32)
        mask[30:34, 30:34] = 1
        ReferencePipeline(service.config, service.program)(EditRequest(image=image, mask=mask))
        if service.config.detect.text:
            text_mask(image, service.config.detect)
        _ = pipeline_of(service.config).fingerprint  # it hashes files and code

    await service.engine.run(edit)
    service.warm.set()
    log.info("ready", process=os.getpid())
