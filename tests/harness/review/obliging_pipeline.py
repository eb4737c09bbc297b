"""A pipeline that does what its prompt says, and otherwise asks for a person."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from editproof.pipelines import EditRequest, EditResult
from editproof.pipelines.contract import Status


def build() -> Callable[[EditRequest], EditResult]:
    """The pipeline."""

    def edit(request: EditRequest) -> EditResult:
        if request.prompt == "sleep":
            time.sleep(600)
        if request.prompt == "die":
            os._exit(3)
        if request.prompt == "refuse":
            return EditResult(None, Status.REFUSED, "as it was told")
        level = request.config.get("fill.level")
        image = request.image.copy()
        if request.mask is not None:
            image[request.mask > 0.5] = float(level or 0.5)
        status = Status.NEEDS_REVIEW if level is None else Status.DONE
        return EditResult(image, status, config={"fill.level": level or 0.5})

    return edit
