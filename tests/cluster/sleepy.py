"""Pipelines that take their time. A run imports this file as a user's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from editproof.pipelines import EditRequest, EditResult


class Sleepy:
    """Gives the picture back with a little noise of its seed, after some seconds."""

    fingerprint = "sleepy 1"

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def __call__(self, request: EditRequest) -> EditResult:
        time.sleep(self._seconds)
        large = np.repeat(np.repeat(request.image, request.scale, 0), request.scale, 1)
        noise = np.random.default_rng(request.seed).normal(0, 0.02, large.shape)
        return EditResult(np.clip(large + noise, 0, 1).astype(np.float32))


def build(seconds: float = 0.0) -> Sleepy:
    return Sleepy(seconds)


def build_failing() -> Callable[[EditRequest], EditResult]:
    """Prints something and raises."""

    def fail(request: EditRequest) -> EditResult:
        print(f"about to fail in process {os.getpid()}", flush=True)  # noqa: T201 - it is to be found
        raise ValueError("it was to fail")

    return fail
